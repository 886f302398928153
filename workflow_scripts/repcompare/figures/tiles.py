"""Images in rows and columns, each under a title: what both galleries are laid out with."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repcompare.data.downsampling import downsampled
from repcompare.figures.style import DIVERGING, label

# Inches: the side of an image, between images, of the label above it, of the headings, the border.
TILE, GAP, LABEL, HEADING, MARGIN = 0.78, 0.06, 0.19, 0.48, 0.08

# Pixels of an image's side that are drawn: a tile has about as many, and all of a photograph's would
# be in the file.
LONGEST_SIDE = 96

# Of the title above an image, and the characters that it has room for.
TILE_TITLE: dict[str, Any] = {"fontsize": 6.5, "fontweight": "normal", "loc": "center", "pad": 2.5}
LONGEST_NAME = 20


def tiles(rows: int, columns: int) -> tuple[Figure, np.ndarray]:
    """A figure of square axes (rows, columns), exactly `TILE` inches each, under a heading."""
    width = columns * (TILE + GAP) - GAP + 2 * MARGIN
    step = TILE + LABEL
    height = rows * step + HEADING + MARGIN
    figure = Figure(figsize=(max(width, 5.5), height))
    across, down = figure.get_size_inches()
    grid = np.empty((rows, columns), dtype=object)
    for row in range(rows):
        for column in range(columns):
            left, bottom = MARGIN + column * (TILE + GAP), MARGIN + (rows - 1 - row) * step
            place = (left / across, bottom / down, TILE / across, TILE / down)
            grid[row, column] = figure.add_axes(place)
    return figure, grid


def head(axes: Axes, text: str, middle: float) -> None:
    """A column's heading above the first row, centred at `middle` tiles from the left."""
    axes.text(
        middle, 1 + LABEL / TILE + 0.06, text, transform=axes.transAxes, ha="center", va="bottom",
        fontsize=7.5,
    )  # fmt: skip


def name(axes: Axes, text: str) -> None:
    """The name of a class above an image."""
    axes.set_title(label(text, LONGEST_NAME), **TILE_TITLE)


def show(axes: Axes, image: np.ndarray) -> None:
    """One image (C, H, W) from 0 to 255, its pixels unblurred; one with more than 96 on a side is averaged."""
    shown = np.rint(downsampled(image, LONGEST_SIDE)).astype(np.uint8)
    pixels = shown[0] if len(shown) == 1 else np.moveaxis(shown, 0, -1)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()


def show_change(axes: Axes, change: np.ndarray, largest: float) -> None:
    """One perturbation (C, H, W) in grey levels, scaled so that ±`largest` is at the extremes.

    One channel: orange darkens and purple brightens. Three: each around mid-grey. Of more than 96
    pixels on a side some are shown: averages of changes up and down would show none.
    """
    rows, columns = (
        ((np.arange(shown) + 0.5) * side / shown).astype(int)
        for side in change.shape[1:]
        for shown in [min(side, LONGEST_SIDE)]
    )
    change = change[:, rows[:, None], columns]
    if len(change) == 1:
        # The outer ends of the colour map are too dark to be told apart.
        reach = 1.4 * largest
        axes.imshow(change[0], cmap=DIVERGING, vmin=-reach, vmax=reach, interpolation="nearest")
    else:
        pixels = 0.5 + np.moveaxis(change, 0, -1) / (2 * largest)
        axes.imshow(pixels, interpolation="nearest")
    axes.set_axis_off()
