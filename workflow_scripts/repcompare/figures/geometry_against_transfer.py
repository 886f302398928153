"""The figure of adversarial transfer against the similarity of geometry."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repcompare.figures.panels import (
    kind_keys,
    legend_below,
    missing_kinds,
    print_number,
    scatter_kinds,
    signed,
    title_figure,
)
from repcompare.figures.style import explain, explanation, styled
from repcompare.findings.descriptive import joined, residuals, transfer_numbers
from repcompare.transfer.reference import reference_attack
from repcompare.vocabulary import label_of

MEASURES_PER_ROW = 5


@styled
def geometry_against_transfer(geometry: pd.DataFrame, transfer: pd.DataFrame) -> Figure:
    """Similarity of a pair against its adversarial transfer, the kind of pair marked.

    `geometry` as `tables.geometry.similarities` reads it, `transfer` transfer.csv, read at
    `reference_attack`. A measure has two panels: the raw rates with Spearman's correlation, and what is left of
    similarity and of the logit of transfer once the effects of each source and each target are
    removed, with the partial correlation and its line.
    """
    attack = reference_attack(transfer)
    if attack is None or (table := joined(geometry, transfer, attack)).empty:
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

    `numbers`: the measure's rows of `transfer_numbers`, by kind of pairs.
    """
    partial, among_different = numbers.loc[["all", "cross"], "partial"]
    if not np.isfinite(partial):
        explain(axes, "too few models to remove\nsource and target effects")
        axes.set_xlabel("")
        axes.set_ylabel("")
        return
    x, y = residuals(pairs)
    scatter_kinds(axes, x, y, pairs["same_architecture"])
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, numbers.loc["all", "slope"] * ends, color="black", linewidth=1)
    # Same-architecture pairs alone can carry the pooled number.
    print_number(axes, "partial", partial, f"different {signed(among_different)}")
