"""Figures of the similarity of geometries other than heatmaps."""

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repcompare.figures.panels import (
    LANE,
    draw_rows,
    kind_keys,
    legend_below,
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
        for kind in KINDS:
            lanes = [of_architecture(of_measure, name, kind) for name in names]
            draw_rows(axes, lanes, LANE[kind], kind, spread=0.24, reach=0.17)
        name_rows(axes, names, once=True)
        few_ticks(axes, x=4)
    title_figure(figure, "Similarity within and between architectures", missing_kinds(same))
    legend_below(figure, [*kind_keys(same), mean_tick()])
    return figure


def of_architecture(pairs: pd.DataFrame, architecture: str, same: bool) -> pd.Series:
    """The values of the pairs of an architecture's own models, or of one of them and another's."""
    ends = (pairs[["architecture_a", "architecture_b"]] == architecture).sum(axis=1)
    return pairs.loc[ends == (2 if same else 1), "value"]


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
    of_measure = [table[table["measure"] == name] for name in names]
    for kind, (_, colour, _) in KINDS.items():
        of_kind = [pairs[same[pairs.index] == kind] for pairs in of_measure]
        for row, own in enumerate(of_kind):
            heights = row + LANE[kind] + jitter(len(own), 0.26)
            axes.hlines(heights, own["low"], own["high"], color=colour, linewidth=0.5, alpha=0.5)
        lanes = [own["value"] for own in of_kind]
        draw_rows(axes, lanes, LANE[kind], kind, spread=0.26, reach=0.17)
    rows = np.arange(len(names))
    for null, (_, line) in NULLS.items():
        places = [pairs[null].mean() for pairs in of_measure]
        axes.vlines(
            places, rows - 0.42, rows + 0.42, color="black", linestyle=line, linewidth=0.9,
        )  # fmt: skip
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
        for kind, (_, colour, marker) in KINDS.items():
            chosen = table[of_measure & (same == kind)]
            points = chosen[["n", "value"]].to_numpy(float)
            ends = chosen.groupby(["model_a", "model_b"]).indices.values()
            lines = [points[line] for line in ends]
            axes.add_collection(LineCollection(lines, color=colour, linewidth=0.8, alpha=0.6))
            axes.scatter(
                chosen["n"], chosen["value"], s=5, color=colour, marker=marker, linewidth=0,
                alpha=0.6,
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
