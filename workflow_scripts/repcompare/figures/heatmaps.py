"""Heatmaps of pairs: models grouped by architecture, or the layers of two networks."""

from itertools import groupby, pairwise

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from repcompare.figures.panels import panel_grid, title_figure
from repcompare.figures.style import SEQUENTIAL, UNDEFINED, explanation, styled
from repcompare.tables import matrices
from repcompare.tables.matrices import Matrix, cells_id
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import LAYER_MEASURE, architecture_of, label_of

PANELS_PER_ROW = 3
MOST_LAYER_PAIRS = 6

# In points (1/72 inch): the smallest cell that holds a number, holds a seed, has an outline.
CELL_WITH_NUMBER, CELL_WITH_SEED, CELL_WITH_OUTLINE = 19, 9, 4
# The mean width of a character of an axis label, in points.
CHARACTER = 4.9


def stitched_accuracy(maps: pd.DataFrame) -> Figure:
    """`matrices.stitched_accuracy`, drawn."""
    return heatmap(matrices.stitched_accuracy(maps))


def held_out_r2(maps: pd.DataFrame) -> Figure:
    """`matrices.held_out_r2`, drawn."""
    return heatmap(matrices.held_out_r2(maps))


def similarity(geometry: pd.DataFrame) -> Figure:
    """`matrices.similarity`, drawn."""
    return heatmap(matrices.similarity(geometry))


def adversarial_transfer(transfer: pd.DataFrame) -> Figure:
    """`matrices.adversarial_transfer`, drawn."""
    matrix = matrices.adversarial_transfer(transfer)
    if matrix is None:
        return explanation("no adversarial transfer: there is no pair of models")
    return heatmap(matrix)


@styled
def feature_similarity(features: pd.DataFrame, strength: Strength | None) -> Figure:
    """`matrices.feature_similarity`, a panel a measure."""
    found = matrices.feature_similarity(features, strength)
    if not found:
        return explanation("no pair of models has input features in common")
    count = max(len(matrix.value) for matrix in found)
    side = float(np.clip(0.17 * count, 2.0, 3.4))
    figure, panels = panel_grid(len(found), PANELS_PER_ROW, (side + 1.5, side + 1.1))
    for place, (axes, matrix) in enumerate(zip(panels, found, strict=True)):
        draw_matrix(axes, matrix, side, place)
    title_figure(figure, "Do two networks use the same in an image?", ["rows: source"])
    return figure


@styled
def layer_similarity(geometry: pd.DataFrame) -> Figure:
    """`matrices.layer_similarity`, a panel a pair, the first of them if they are many."""
    pairs = matrices.layer_similarity(geometry)
    if not pairs:
        return explanation("no pair of models whose layers are compared with one another")
    shown = pairs[:MOST_LAYER_PAIRS]
    figure, panels = panel_grid(len(shown), PANELS_PER_ROW, (2.7, 2.5))
    for place, (axes, matrix) in enumerate(zip(panels, shown, strict=True)):
        draw_layers(axes, matrix, place)
    notes = [f"{len(shown)} of {len(pairs)} pairs"] if len(shown) < len(pairs) else []
    title_figure(figure, f"Layer by layer: {label_of(LAYER_MEASURE)}", notes)
    return figure


@styled
def heatmap(matrix: Matrix) -> Figure:
    """Draw a square matrix whose rows and columns are the same models.

    Every cell is annotated where there is room, else every block of architectures with its mean
    over the cells that are defined. Undefined cells are grey. The colours span the data but for
    outliers (`colour_range`).
    """
    if not np.isfinite(matrix.value.to_numpy(float)).any():
        return explanation(f"no {matrix.label}: there is no pair of models")
    side = float(np.clip(max(0.36 * len(matrix.value), 0.46 * len(groups_of(matrix))), 2.4, 7.2))
    figure = Figure(figsize=(side + 2.4, side + 1.6), layout="constrained")
    axes = figure.subplots()
    draw_matrix(axes, matrix, side)
    rows, columns = matrix.ends
    axes.set(xlabel=columns, ylabel=rows)
    return figure


def draw_matrix(axes: Axes, matrix: Matrix, side: float, place: int = 0) -> None:
    """Draw one of the matrices of a figure, `side` inches wide, with its own colour bar and range.

    `place`: the matrix's place among those of the figure.
    """
    values = matrix.value.to_numpy(float) * (100 if matrix.percent else 1)
    defined = values[np.isfinite(values)]
    count, groups = len(values), groups_of(matrix)
    axes.set_facecolor(UNDEFINED)
    norm, extend = colour_range(defined)
    outlined = side * 72 / count >= CELL_WITH_OUTLINE
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=SEQUENTIAL,
        norm=norm,
        edgecolor="white" if outlined else "none",
        linewidth=0.4 if outlined else 0,
    )
    axes.set(aspect="equal", xlim=(0, count), ylim=(count, 0))
    axes.patch.set_gid(cells_id(place))
    name_models(axes, list(matrix.value.index), groups, side * 72 / count)
    annotate(axes, values, groups, side * 72, norm, matrix.percent)
    # Inset, because a colour bar of its own would not follow the square of the matrix.
    bar = axes.figure.colorbar(mesh, cax=axes.inset_axes((1.025, 0, 0.03, 1)), extend=extend)
    assert bar.solids is not None, "a bar of a mesh has its colours"
    # As an image, two bars of one figure would have one identifier.
    bar.solids.set(rasterized=False, edgecolor="face", linewidth=0.2)
    bar.set_label(f"{matrix.label} (%)" if matrix.percent else matrix.label)
    bar.outline.set_visible(False)
    digits = decimals(defined, matrix.percent)
    distinct = values if matrix.pairs == "ordered pairs" else values[np.triu_indices(count)]
    counted = int(np.isfinite(distinct).sum())
    low, high = (f"{limit:.{digits}f}" for limit in (defined.min(), defined.max()))
    unit = " %" if matrix.percent else ""
    number = f"{counted} {matrix.pairs if counted > 1 else matrix.pairs[:-1]}"
    subtitle = f"mean {defined.mean():.{digits}f}{unit}, range {low}–{high}{unit}, {number}"
    axes.set_title(matrix.title, pad=16)
    axes.text(
        0, 1.012, subtitle, transform=axes.transAxes, va="bottom", color="#555555", fontsize=7.5
    )


def draw_layers(axes: Axes, matrix: Matrix, place: int) -> None:
    """Draw the layers of two networks: colours from 0 to 1, each cell with its number."""
    values = matrix.value.to_numpy(float)
    axes.pcolormesh(np.ma.masked_invalid(values), cmap=SEQUENTIAL, vmin=0, vmax=1)
    axes.set(aspect="equal", ylim=(len(values), 0))
    axes.patch.set_gid(cells_id(place))
    axes.set_xticks(np.arange(values.shape[1]) + 0.5, matrix.value.columns, rotation=40, ha="right")
    axes.set_yticks(np.arange(values.shape[0]) + 0.5, matrix.value.index)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.text(
                column + 0.5, row + 0.5, f"{value:.2f}".replace("-", "−"), ha="center",
                va="center", fontsize=6.8, color=readable_on(float(np.clip(value, 0, 1))),
            )  # fmt: skip
    rows, columns = matrix.ends
    axes.set(ylabel=rows, xlabel=columns)


def readable_on(shade: float) -> str:
    """The colour of text on a cell, `shade` in [0, 1] along the colour map."""
    red, green, blue, _ = colormaps[SEQUENTIAL](shade)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else "black"


def groups_of(matrix: Matrix) -> list[tuple[str, int]]:
    """The architectures of a matrix's models, in order, and how many models each has."""
    architectures = map(architecture_of, matrix.value.index)
    return [(name, len(list(members))) for name, members in groupby(architectures)]


def colour_range(defined: np.ndarray) -> tuple[Normalize, str]:
    """The range of the data, cut at three interquartile ranges beyond the quartiles.

    Returns the norm and the colour bar's `extend`: one diverged pair must not flatten the rest.
    """
    first, third = np.percentile(defined, [25, 75])
    reach = 3 * (third - first)
    low, high = defined.min(), defined.max()
    cut_low, cut_high = reach > 0 and low < first - reach, reach > 0 and high > third + reach
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    low = first - reach if cut_low else low
    high = third + reach if cut_high else high
    if high - low < 1e-9:
        low, high = low - 0.5e-3, high + 0.5e-3
    return Normalize(low, high), extend[int(cut_low), int(cut_high)]


def decimals(defined: np.ndarray, percent: bool) -> int:
    """As many decimals as tell about twenty steps of the central range apart."""
    low, high = np.percentile(defined, [5, 95])
    needed = int(np.ceil(-np.log10(max(high - low, 1e-9) / 20)))
    return int(np.clip(needed, 0, 1) if percent else np.clip(needed, 2, 3))


def name_models(axes: Axes, models: list[str], groups: list[tuple[str, int]], cell: float) -> None:
    """Label each architecture once, at the middle of its models, and separate the groups.

    `cell`: the side of a cell in points.
    """
    sizes = np.array([size for _, size in groups])
    ends = sizes.cumsum()
    names = [name for name, _ in groups]
    seeds = cell >= CELL_WITH_SEED and sizes.max() > 1
    slanted = any(len(name) * CHARACTER > size * cell for name, size in groups)
    for axis in (axes.xaxis, axes.yaxis):
        axis.remove_overlapping_locs = False
        axis.set_ticks(ends - sizes / 2, names)
        axis.set_tick_params(length=0, pad=11 if seeds else 3)
        if seeds:
            labels = [model.rsplit("/seed", 1)[-1] for model in models]
            axis.set_ticks(np.arange(len(models)) + 0.5, labels, minor=True)
            axis.set_tick_params(
                which="minor", length=0, pad=2, labelsize=5.5, labelcolor="#777777"
            )
    if slanted:
        for text in axes.get_xticklabels():
            text.set(rotation=40, ha="right", rotation_mode="anchor")
    # One artist each way, for there may be a hundred architectures.
    axes.hlines(ends[:-1], 0, len(models), color="white", linewidth=min(2, cell / 3))
    axes.vlines(ends[:-1], 0, len(models), color="white", linewidth=min(2, cell / 3))
    axes.spines[:].set_visible(False)


def annotate(
    axes: Axes,
    values: np.ndarray,
    groups: list[tuple[str, int]],
    points: float,
    norm: Normalize,
    percent: bool,
) -> None:
    """Write the number into each cell, or the mean into each block, where it fits.

    `points`: the side of the whole matrix in points.
    """
    count = len(values)
    digits = decimals(values[np.isfinite(values)], percent)
    sizes = np.array([size for _, size in groups])
    single = points / count >= CELL_WITH_NUMBER
    edges = np.arange(count + 1) if single else np.concatenate([[0], sizes.cumsum()])
    if np.diff(edges).min() * points / count < CELL_WITH_NUMBER - 3:
        return
    colours = colormaps[SEQUENTIAL]
    for top, bottom in pairwise(edges):
        for left, right in pairwise(edges):
            cells = values[top:bottom, left:right]
            if not np.isfinite(cells).any():
                continue
            mean = float(np.nanmean(cells))
            text = axes.text(
                (left + right) / 2,
                (top + bottom) / 2,
                f"{mean:.{digits}f}".replace("-", "−"),
                ha="center",
                va="center",
                color=readable_on(norm(mean)),
                fontsize=6.2 if single else 7,
                fontweight="normal" if single else "bold",
            )
            if not single:
                plate = {"boxstyle": "round,pad=0.15", "linewidth": 0}
                text.set_bbox(plate | {"facecolor": colours(norm(mean))})
