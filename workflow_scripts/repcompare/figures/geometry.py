"""Figures of the similarity of geometries other than heatmaps."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repcompare.figures.panels import (
    kind_keys,
    legend_below,
    mark_mean,
    mean_tick,
    missing_kinds,
    name_rows,
    panel_grid,
    title_figure,
)
from repcompare.figures.style import KINDS, explain, explanation, few_ticks, jitter, styled
from repcompare.names import layer_order
from repcompare.vocabulary import (
    LAYER_MEASURE,
    architecture_of,
    label_of,
)

PANELS_PER_ROW = 3

# What was shuffled, and the line that says so.
NULLS: dict[str, tuple[str, tuple[float, tuple[float, float]]]] = {
    "null": ("shuffled samples", (0, (4, 2))),
    "class_null": ("shuffled within classes", (0, (1, 1))),
}


@styled
def same_and_cross_architecture(geometry: pd.DataFrame) -> Figure:
    """Similarity of models of one architecture against that with other architectures.

    `geometry` as `tables.geometry.similarities` reads it. One panel a measure, one row an
    architecture: the pairs of its own models, and its models paired with those of every other.
    """
    measures = list(geometry["measure"].unique())
    table = geometry.dropna(subset="value")
    if table.empty:
        return explanation("no similarity: there is no pair of models")
    names = sorted({*table["architecture_a"], *table["architecture_b"]})
    figure, panels = panel_grid(len(measures), PANELS_PER_ROW, (2.6, 0.75 + 0.34 * len(names)))
    same = table["architecture_a"] == table["architecture_b"]
    for axes, measure in zip(panels, measures, strict=True):
        of_measure = table[table["measure"] == measure]
        axes.set_title(label_of(measure))
        if of_measure.empty:
            explain(axes, "undefined for every pair")
            continue
        for row, name in enumerate(names):
            draw_lanes(axes, of_measure, name, row)
        name_rows(axes, names)
        axes.label_outer(remove_inner_ticks=True)
        axes.tick_params(labelbottom=True, bottom=True)
        few_ticks(axes, x=4)
    title_figure(figure, "Similarity within and between architectures", missing_kinds(same))
    legend_below(figure, [*kind_keys(same), mean_tick()])
    return figure


def draw_lanes(axes: Axes, pairs: pd.DataFrame, architecture: str, row: int) -> None:
    """One architecture's two lanes: pairs of its own models above, its other pairs below."""
    own = pairs[["architecture_a", "architecture_b"]].eq(architecture)
    for same, chosen in ((True, own.all(axis=1)), (False, own.any(axis=1) & ~own.all(axis=1))):
        values = pairs.loc[chosen, "value"].to_numpy(float)
        if not values.size:
            continue
        _, colour, marker = KINDS[same]
        centre = row + (-0.2 if same else 0.2)
        heights = centre + jitter(len(values), 0.24)
        axes.scatter(
            values, heights, s=9, color=colour, marker=marker, linewidth=0,
            alpha=0.75 if len(values) < 50 else 0.35,
        )  # fmt: skip
        mark_mean(axes, values.mean(), centre, 0.17)


@styled
def measures_and_nulls(geometry: pd.DataFrame) -> Figure:
    """Every measure at a glance: pairs with their intervals, the two kinds apart, and the nulls.

    `geometry` as `tables.geometry.similarities` reads it. The pairs of one architecture say what
    training again leaves; the nulls are what unrelated samples give, and samples that have nothing
    in common but their classes.
    """
    table = geometry.dropna(subset="value")
    if table.empty:
        return explanation("no similarity: there is no pair of models")
    names = list(geometry["measure"].unique())
    figure = Figure(figsize=(6.4, 1.1 + 0.42 * len(names)), layout="constrained")
    axes = figure.subplots()
    same = table["architecture_a"] == table["architecture_b"]
    for row, name in enumerate(names):
        of_measure = table["measure"] == name
        for kind in KINDS:
            draw_intervals(axes, table[of_measure & (same == kind)], row, kind)
        for null, (_, line) in NULLS.items():
            place = table.loc[of_measure, null].mean()
            axes.vlines(place, row - 0.42, row + 0.42, color="black", linestyle=line, linewidth=0.9)
    name_rows(axes, [label_of(name) for name in names])
    axes.set(xlabel="similarity", xlim=(min(-0.02, axes.get_xlim()[0]), 1.02))
    few_ticks(axes, x=6)
    null_keys = [
        Line2D([], [], color="black", linestyle=line, linewidth=0.9, label=words)
        for null, (words, line) in NULLS.items()
        if table[null].notna().any()
    ]
    title_figure(figure, "Measures, their intervals and nulls", missing_kinds(same))
    legend_below(figure, [*kind_keys(same), mean_tick(), *null_keys], columns=3)
    return figure


def draw_intervals(axes: Axes, pairs: pd.DataFrame, row: int, same: bool) -> None:
    """One lane of pairs with their intervals, and their mean."""
    if pairs.empty:
        return
    _, colour, marker = KINDS[same]
    centre = row + (-0.2 if same else 0.2)
    heights = centre + jitter(len(pairs), 0.26)
    axes.hlines(
        heights, pairs["low"], pairs["high"], color=colour, linewidth=0.5, alpha=0.5,
    )  # fmt: skip
    axes.scatter(
        pairs["value"], heights, s=7, color=colour, marker=marker, linewidth=0, alpha=0.7,
    )  # fmt: skip
    mark_mean(axes, pairs["value"].mean(), centre, 0.17)


@styled
def convergence(table: pd.DataFrame) -> Figure:
    """Each measure against the number of samples; `table` is convergence.csv.

    One line a block: its first pair. A line that is still moving at its right end says that the
    value is of these samples as much as of the networks.
    """
    table = table.dropna(subset=["measure", "value"])
    if table.empty:
        return explanation("no convergence: too few samples")
    names = list(table["measure"].unique())
    figure, panels = panel_grid(len(names), PANELS_PER_ROW, (2.3, 1.7))
    architectures = table[["model_a", "model_b"]].map(architecture_of)
    same = architectures["model_a"] == architectures["model_b"]
    for axes, name in zip(panels, names, strict=True):
        of_measure = table["measure"] == name
        for _, line in table[of_measure].groupby(["model_a", "model_b"]):
            _, colour, marker = KINDS[bool(same[line.index[0]])]
            axes.plot(
                line["n"], line["value"], color=colour, marker=marker, markersize=2.2,
                linewidth=0.8, alpha=0.6,
            )  # fmt: skip
        counts = sorted(table.loc[of_measure, "n"].unique())
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks(counts, [f"{count:,}".replace(",", "\u202f") for count in counts])
        axes.tick_params(axis="x", labelsize=6.5)
        axes.set_title(label_of(name))
        axes.grid(True)
        few_ticks(axes, y=4)
    title_figure(figure, "Measures on an eighth, a quarter, half and all of the samples")
    legend_below(figure, kind_keys(same))
    return figure


@styled
def similarity_by_layer(geometry: pd.DataFrame) -> Figure:
    """Similarity of the same layer of two networks, from input to output.

    `geometry` is geometry.csv, of all layers; by `LAYER_MEASURE`.
    """
    table = geometry[
        (geometry["layer_a"] == geometry["layer_b"]) & (geometry["measure"] == LAYER_MEASURE)
    ].dropna(subset="value")
    if table.empty:
        return explanation(f"no layers to compare by {label_of(LAYER_MEASURE)}")
    layers = layer_order(table["layer_a"])
    figure = Figure(figsize=(1.8 + 0.8 * len(layers), 2.9), layout="constrained")
    axes = figure.subplots()
    same = table["architecture_a"] == table["architecture_b"]
    for kind, (_, colour, marker) in KINDS.items():
        of_kind = table[same == kind]
        shift = -0.12 if kind else 0.12
        for place, layer in enumerate(layers):
            values = of_kind.loc[of_kind["layer_a"] == layer, "value"].to_numpy(float)
            axes.scatter(
                place + shift + jitter(len(values), 0.16), values, s=8, color=colour,
                marker=marker, linewidth=0, alpha=0.6,
            )  # fmt: skip
        means = of_kind.groupby("layer_a")["value"].mean().reindex(layers)
        axes.plot(np.arange(len(layers)) + shift, means, color=colour, linewidth=1.2)
    axes.set_xticks(range(len(layers)), layers)
    axes.set_ylabel(label_of(LAYER_MEASURE))
    axes.grid(True, axis="y")
    few_ticks(axes, y=5)
    title_figure(figure, "Similarity by layer", missing_kinds(same))
    legend_below(figure, kind_keys(same))
    return figure
