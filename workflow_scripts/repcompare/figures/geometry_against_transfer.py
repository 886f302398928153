"""Figures of accuracy, attacks and transfer: the study's tables in, a matplotlib figure out."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repcompare.figures.panels import (
    dot,
    kind_keys,
    legend_below,
    mark_mean,
    mean_tick,
    missing_kinds,
    name_rows,
    title_figure,
)
from repcompare.figures.style import CROSS, KINDS, explain, explanation, few_ticks, jitter, styled
from repcompare.findings.descriptive import (
    joined,
    reference_attack,
    transfer_numbers,
    without_node_effects,
)
from repcompare.vocabulary import label_of

PANELS_PER_ROW = 3
MEASURES_PER_ROW = 5


@styled
def accuracies(models: pd.DataFrame) -> Figure:
    """Test accuracy of every model, by architecture; `models` is models.csv."""
    names = sorted(models["architecture"].unique())
    figure = Figure(figsize=(5.2, 0.9 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(names):
        of_name = 100 * models.loc[models["architecture"] == name, "test_accuracy"].to_numpy(float)
        axes.scatter(of_name, row + jitter(len(of_name), 0.3), s=18, color=CROSS, alpha=0.8)
        mark_mean(axes, of_name.mean(), row, 0.28)
    name_rows(axes, names)
    axes.set(xlabel="test accuracy (%)", title="Test accuracy")
    few_ticks(axes, x=6)
    legend_below(figure, [dot("one seed", CROSS, "o"), mean_tick()])
    return figure


@styled
def geometry_against_transfer(geometry: pd.DataFrame, transfer: pd.DataFrame) -> Figure:
    """Similarity of a pair against its adversarial transfer, the kind of pair marked.

    `geometry` is geometry.csv and `transfer` transfer.csv, read at `findings.reference_attack`.
    A measure has two panels: the raw rates with Spearman's correlation, and what is left of
    similarity and of the logit of transfer once the effects of each source and each target are
    removed, with the partial correlation and its line.
    """
    attack = reference_attack(transfer)
    table = joined(geometry, transfer, attack) if attack else pd.DataFrame()
    if table.empty:
        return explanation("no pair of models has both a similarity and a transfer rate")
    numbers = transfer_numbers(geometry, transfer, attack).set_index(["measure", "pairs"])
    measures = list(numbers.index.unique("measure"))
    per_row = min(len(measures), MEASURES_PER_ROW)
    bands = -(-len(measures) // per_row)
    figure = Figure(figsize=(max(2.1 * per_row, 4.2), 4.3 * bands), layout="constrained")
    grid = figure.subplots(2 * bands, per_row, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for place, measure in enumerate(measures):
        band, column = divmod(place, per_row)
        raw, left = grid[2 * band, column], grid[2 * band + 1, column]
        pairs = table[table["measure"] == measure]
        name = label_of(measure)
        raw.set_axis_on()
        raw.set_title(name, pad=14)
        raw.set_xlabel("similarity")
        left.set_axis_on()
        left.set_xlabel("similarity, residual")
        if column == 0:
            raw.set_ylabel("transfer (%)")
            left.set_ylabel("logit transfer, residual")
        draw_raw(raw, pairs, numbers.loc[(measure, "all"), "spearman"])
        draw_residuals(left, pairs, numbers.loc[measure])
    strength = f"PGD, {label_of(attack.norm)} ε = {attack.epsilon_label}"
    count = int(numbers["n"].max())
    notes = [f"{strength}; {count} ordered pairs", *missing_kinds(table["same_architecture"])]
    title_figure(figure, "Similarity of geometry against adversarial transfer", notes)
    legend_below(figure, kind_keys(table["same_architecture"]))
    return figure


def draw_raw(axes: Axes, pairs: pd.DataFrame, spearman: float) -> None:
    """Transfer in per cent against similarity."""
    if pairs.empty:
        explain(axes, "undefined for every pair")
        return
    scatter_kinds(axes, pairs["value"], 100 * pairs["fooled"], pairs["same_architecture"])
    print_number(axes, "Spearman", spearman)


def draw_residuals(axes: Axes, pairs: pd.DataFrame, numbers: pd.DataFrame) -> None:
    """What is left of transfer against what is left of similarity, with the fitted line.

    `numbers`: the measure's rows of `findings.transfer_numbers`, by kind of pairs.
    """
    partial, among_different = numbers.loc[["all", "cross"], "partial"]
    if not np.isfinite(partial):
        explain(axes, "too few models to remove\nsource and target effects")
        axes.set_xlabel("")
        axes.set_ylabel("")
        return
    x, y, _ = without_node_effects(pairs)
    scatter_kinds(axes, x, y, pairs["same_architecture"])
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, numbers.loc["all", "slope"] * ends, color="black", linewidth=1)
    # Same-architecture pairs alone can carry the pooled number.
    print_number(axes, "partial", partial, f"different {signed(among_different)}")


def scatter_kinds(axes: Axes, x, y, same: pd.Series) -> None:
    """Points of pairs, same-architecture ones above the others."""
    x, y, same = np.asarray(x, float), np.asarray(y, float), np.asarray(same, bool)
    for kind in (False, True):
        chosen = same == kind
        _, colour, marker = KINDS[kind]
        axes.scatter(
            x[chosen], y[chosen], s=11, color=colour, marker=marker, linewidth=0,
            alpha=0.7 if len(x) < 500 else 0.35,
        )  # fmt: skip
    axes.grid(True)
    axes.margins(0.07)
    few_ticks(axes, x=3, y=4)


def print_number(axes: Axes, name: str, value: float, beside: str = "") -> None:
    """A correlation above the panel, and what is to be read `beside` it."""
    text = f"{name} {signed(value)}" + (f" ({beside})" if beside else "")
    axes.text(0, 1.01, text, transform=axes.transAxes, va="bottom", fontsize=6.8)


def signed(value: float) -> str:
    """A correlation with its sign."""
    return f"{value:+.2f}".replace("-", "−") if np.isfinite(value) else "undefined"
