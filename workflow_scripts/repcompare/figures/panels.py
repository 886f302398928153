"""What figures of several panels are laid out with: grids, rows, keys and titles."""

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repcompare.figures.style import KINDS


def panel_grid(count: int, per_row: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels of `size` inches each, and the panels."""
    columns = min(count, per_row)
    rows = -(-count // columns)
    figure = Figure(figsize=(size[0] * columns + 0.8, size[1] * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    return figure, list(grid[:count])


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Horizontal rows from the top, one a name, with a faint rule between rows."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks([high + 0.5 for high, _ in pairwise(range(len(names)))], minor=True)
    axes.grid(True, axis="y", which="minor")
    axes.grid(True, axis="x")
    axes.tick_params(axis="y", which="both", length=0)


def mark_mean(axes: Axes, value: float, centre: float, reach: float) -> None:
    """A vertical black bar at the mean of one row."""
    axes.vlines(value, centre - reach, centre + reach, color="white", linewidth=2.8, zorder=3)
    axes.vlines(value, centre - reach, centre + reach, color="black", linewidth=1.6, zorder=4)


def missing_kinds(same: pd.Series) -> list[str]:
    """Why pairs of one kind, or all of them, are not in a figure."""
    if same.empty:
        return ["no pairs: one model"]
    if not same.any():
        return ["no same-architecture pairs: one seed of each"]
    return ["no pairs of different architectures: one architecture"] if same.all() else []


def title_figure(figure: Figure, title: str, notes: Sequence[str] = ()) -> None:
    """The figure's title in bold, and after it the notes."""
    text = f"{title} ({'; '.join(notes)})" if notes else title
    figure.suptitle(text, x=0.005, ha="left", fontsize=9.5, fontweight="bold")


def kind_keys(same: pd.Series) -> list[Line2D]:
    """Legend entries of the kinds of pair that there are."""
    return [dot(*KINDS[kind]) for kind in KINDS if (same == kind).any()]


def dot(label: str, colour: str, marker: str) -> Line2D:
    """Legend entry of a point."""
    return Line2D([], [], color=colour, marker=marker, linestyle="", markersize=4.5, label=label)


def mean_tick() -> Line2D:
    """Legend entry of a mean."""
    return Line2D(
        [], [], color="black", marker="|", linestyle="", markersize=9, mew=1.6, label="mean"
    )


def legend_below(figure: Figure, keys: Sequence[Line2D], columns: int | None = None) -> None:
    """One legend for all panels, outside them."""
    figure.legend(handles=keys, loc="outside lower center", ncols=columns or len(keys))
