"""What figures of several panels are laid out with: grids, rows, keys and titles."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from repcompare.figures.style import KINDS, few_ticks, jitter

# Where in a row the pairs of one architecture lie, and those of two.
LANE = {True: -0.2, False: 0.2}


def panel_grid(count: int, per_row: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels of `size` inches each, and the panels."""
    columns = min(count, per_row)
    rows = -(-count // columns)
    figure = Figure(figsize=(size[0] * columns + 0.8, size[1] * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    return figure, list(grid[:count])


def title_figure(figure: Figure, title: str, notes: Sequence[str] = ()) -> None:
    """The figure's title in bold, and after it the notes."""
    text = f"{title} ({'; '.join(notes)})" if notes else title
    figure.suptitle(text, x=0.005, ha="left", fontsize=9.5, fontweight="bold")


def legend_below(figure: Figure, keys: Sequence[Line2D], columns: int | None = None) -> None:
    """One legend for all panels, outside them."""
    figure.legend(handles=keys, loc="outside lower center", ncols=columns or len(keys))


def name_rows(axes: Axes, names: Sequence[str], *, once: bool = False) -> None:
    """Horizontal rows from the top, one a name, with a faint rule between rows.

    `once`: panels beside one another have the same rows, so the first of them has the names.
    """
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks([high + 0.5 for high, _ in pairwise(range(len(names)))], minor=True)
    axes.grid(True, axis="y", which="minor")
    axes.grid(True, axis="x")
    if once:
        axes.label_outer(remove_inner_ticks=True)
        axes.tick_params(labelbottom=True, bottom=True)
    axes.tick_params(axis="y", which="both", length=0)


def draw_rows(
    axes: Axes,
    rows: Sequence[ArrayLike],
    first: float,
    kind: bool,
    *,
    spread: float,
    reach: float,
    size: float = 9,
) -> None:
    """Values of pairs of one kind in horizontal rows, and each row's mean; the `first` row's height.

    Points are strewn over `spread`, the bar of a mean goes `reach` up and down. One artist for all
    rows, for each takes milliseconds and a study may have hundreds.
    """
    filled = {
        first + place: np.asarray(row, float) for place, row in enumerate(rows) if np.size(row)
    }
    if not filled:
        return
    _, colour, marker = KINDS[kind]
    heights = [centre + jitter(len(row), spread) for centre, row in filled.items()]
    crowded = max(map(len, heights)) >= 100
    # A bar stands out of a crowd by its white edge, which would hide the few points of three seeds.
    axes.scatter(
        np.concatenate([*filled.values()]), np.concatenate(heights), s=size, color=colour,
        marker=marker, linewidth=0, alpha=0.35 if crowded else 0.7, zorder=1 if crowded else 3.5,
    )  # fmt: skip
    means, centres = [row.mean() for row in filled.values()], np.array([*filled])
    for shade, width, order in (("white", 2.8, 3), ("black", 1.6, 4)):
        axes.vlines(
            means, centres - reach, centres + reach, color=shade, linewidth=width, zorder=order,
        )  # fmt: skip


def scatter_kinds(axes: Axes, x: ArrayLike, y: ArrayLike, same: pd.Series) -> None:
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


def missing_kinds(same: pd.Series) -> list[str]:
    """Why pairs of one kind, or all of them, are not in a figure."""
    if same.empty:
        return ["no pairs: one model"]
    if not same.any():
        return ["no same-architecture pairs: one seed of each"]
    return ["no pairs of different architectures: one architecture"] if same.all() else []
