"""The forest plot of one effect of several studies, on the page that joins them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repcompare.figures.panels import name_rows
from repcompare.figures.style import CROSS, SAME, few_ticks, label, styled

ROW = 0.26
# Characters of a study's name that there is room for.
LONGEST_NAME = 40


@styled
def forest(rows: pd.DataFrame, effect: str, reference: float) -> Figure:
    """A row a study, and below a rule those of the pooled effects.

    An interval that reaches far beyond all studies is cut, with an arrow.

    Args:
        rows: `name`, `effect`, `low`, `high`, `text` (what is printed beside the row) and
            `weight`, the area of a study's mark, NaN of a pooled effect; all else is finite.
        effect: what it is.
        reference: where a line is drawn to compare with.
    """
    figure = Figure(figsize=(6.2, ROW * len(rows) + 0.7), layout="constrained")
    axes = figure.subplots()
    name_rows(axes, [label(name, LONGEST_NAME) for name in rows["name"]])
    low, high = limits(rows, reference)
    axes.set_xlim(low, high)
    axes.axvline(reference, color="black", linewidth=0.8, zorder=1)
    studies = rows["weight"].notna()
    axes.axhline(studies.sum() - 0.5, color="black", linewidth=0.6)
    for place, row in enumerate(rows.itertuples()):
        colour = CROSS if np.isfinite(row.weight) else SAME
        axes.hlines(place, max(row.low, low), min(row.high, high), color=colour, linewidth=1.4)
        for cut, end, arrow in ((row.low < low, low, "<"), (row.high > high, high, ">")):
            if cut:
                axes.plot([end], [place], arrow, color=colour, markersize=4.5, clip_on=False)
        marker, area = ("s", 12 + 90 * row.weight) if np.isfinite(row.weight) else ("D", 48)
        axes.scatter([row.effect], [place], s=area, marker=marker, color=colour, linewidth=0)
        axes.text(1.04, place, row.text, transform=axes.get_yaxis_transform(), va="center")
    # Room for the arrows, which stand on the edge.
    axes.tick_params(axis="y", pad=7)
    axes.set_xlabel(effect)
    few_ticks(axes, x=6)
    return figure


def limits(rows: pd.DataFrame, reference: float) -> tuple[float, float]:
    """The ends of the axis: what the studies reach, and at most half as much again to each side."""
    studies = rows[rows["weight"].notna()]
    ends = np.array([*studies["low"], *studies["high"], *rows["effect"], reference])
    reach = np.ptp(ends) or 1.0
    pooled = rows.loc[rows["weight"].isna(), ["low", "high"]].to_numpy()
    low = max(pooled.min(initial=ends.min()), ends.min() - reach / 2)
    high = min(pooled.max(initial=ends.max()), ends.max() + reach / 2)
    return low - 0.04 * reach, high + 0.04 * reach
