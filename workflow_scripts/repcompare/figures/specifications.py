"""The figure of how each verdict fares by other choices and without each architecture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repcompare.figures.panels import legend_below, name_rows, title_figure
from repcompare.figures.style import explanation, few_ticks, styled
from repcompare.findings.rules import (
    CONTRADICTED,
    INCONCLUSIVE,
    MOST_OF_THE_VARIANCE,
    SUPPORTED,
)
from repcompare.vocabulary import label_of

# Colour, mark, and whether it is filled: told apart in grey, too.
MARKS = {
    SUPPORTED: ("#0072B2", "o", True),
    CONTRADICTED: ("#D55E00", "D", True),
    INCONCLUSIVE: ("#7A7A7A", "o", False),
}
# What the effect of each finding is (of 3 the largest architecture's), its value in
# specifications.csv, and where the panel has a line.
EFFECTS = {
    "linear": ("1. mean R²", "effect", MOST_OF_THE_VARIANCE),
    "retraining": ("2. mean δ", "effect", 0.0),
    "exception": ("3. δ less the others'", "effect", 0.0),
    "transfer": ("4. transfer, logits per SD", "per_sd", 0.0),
}
ROW = 0.19


@styled
def specifications(table: pd.DataFrame) -> Figure:
    """A panel a finding, from specifications.csv: what its rule says by each choice.

    A row is a measure or family of maps, the one that was named beforehand first, with an effect for
    every strength of the attack and denominator; below are the choices that were fixed beforehand
    without one architecture each.
    """
    asked = [name for name in EFFECTS if (table["finding"] == name).any()]
    if not asked:
        return explanation("no finding was asked for")
    cases = {name: rows_of(table[table["finding"] == name]) for name in asked}
    most = max(len(rows) for rows in cases.values())
    figure = Figure(figsize=(2.6 * len(asked) + 0.6, ROW * most + 1.4), layout="constrained")
    panels = figure.subplots(1, len(asked), squeeze=False)[0]
    for axes, name in zip(panels, asked, strict=True):
        draw(axes, cases[name], *EFFECTS[name])
    title_figure(figure, "Each verdict by other choices and without each architecture")
    legend_below(figure, keys())
    return figure


def rows_of(cells: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of a finding's panel, from the top: a name, and the cells in it."""
    chosen = cells[cells["left_out"] == ""]
    first = list(chosen.loc[chosen["decides"], "measure"])
    measures = dict.fromkeys([*first, *chosen["measure"]])
    rows = [(label_of(name), chosen[chosen["measure"] == name]) for name in measures]
    without = cells[cells["left_out"] != ""]
    return rows + [(f"without {name}", each) for name, each in without.groupby("left_out")]


def draw(
    axes: Axes, rows: Sequence[tuple[str, pd.DataFrame]], title: str, effect: str, line: float
) -> None:
    """The rows of one finding, with a line at a value of the effect."""
    name_rows(axes, [name for name, _ in rows])
    axes.set_title(title)
    shown = pd.concat([placed(cells, row, effect) for row, (_, cells) in enumerate(rows)])
    shown = shown[np.isfinite(shown["value"])]
    if shown.empty:
        return
    # One artist a kind, for there are hundreds of effects.
    for (decides, verdict), each in shown.groupby(["decides", "verdict"]):
        mark(axes, each, bool(decides), str(verdict))
    # Intervals of few architectures reach far: those of the choices fixed beforehand are whole.
    ends = shown.loc[shown["decides"], ["low", "high"]].to_numpy().ravel()
    ends = np.concatenate([shown["value"], ends[np.isfinite(ends)], [line]])
    reach = np.ptp(ends) or 1.0
    axes.set_xlim(ends.min() - 0.08 * reach, ends.max() + 0.08 * reach)
    axes.axvline(line, color="black", linewidth=0.8, zorder=1)
    few_ticks(axes, x=3)


def placed(cells: pd.DataFrame, row: int, effect: str) -> pd.DataFrame:
    """The cells of a row: the height of each, and its interval on the scale of its value."""
    value = cells[effect]
    scale = (value / cells["effect"]).where(cells["effect"] != 0, 1.0)
    return cells.assign(
        height=row + np.linspace(-0.36, 0.36, len(cells) + 2)[1:-1],
        value=value,
        low=scale * cells["low"],
        high=scale * cells["high"],
    )


def mark(axes: Axes, cells: pd.DataFrame, decides: bool, verdict: str) -> None:
    """Effects of one verdict with their intervals; those of choices fixed beforehand are larger."""
    colour, marker, filled = MARKS[verdict]
    whole = cells[np.isfinite(cells["low"]) & np.isfinite(cells["high"])]
    axes.hlines(
        whole["height"], whole["low"], whole["high"], color=colour,
        linewidth=1.8 if decides else 0.5, alpha=0.8,
    )  # fmt: skip
    axes.plot(
        cells["value"], cells["height"], marker=marker, markersize=5.5 if decides else 2.6,
        color=colour, markerfacecolor=colour if filled else "white", markeredgewidth=0.7,
        linestyle="", zorder=4 if decides else 3,
    )  # fmt: skip


def keys() -> list[Line2D]:
    """What the marks mean."""
    found = []
    for verdict, (colour, marker, filled) in MARKS.items():
        key = Line2D([], [], marker=marker, color=colour, markersize=4, linewidth=1, label=verdict)
        key.set_markerfacecolor(colour if filled else "white")
        found.append(key)
    large = Line2D([], [], marker="o", color="black", markersize=6, linewidth=1.8)
    large.set_label("fixed beforehand")
    return [*found, large]
