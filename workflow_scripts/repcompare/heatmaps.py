"""Model × model heatmaps, models grouped by architecture."""

from itertools import groupby, pairwise

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from repcompare.findings import mirrored, rates_at, reference_attack
from repcompare.plot_style import (
    FAMILIES,
    MEASURES,
    NORMS,
    SEQUENTIAL,
    UNDEFINED,
    VECTOR_MARKS,
    architecture_of,
    explanation,
    ordered_models,
    styled,
)

# In points (1/72 inch): the smallest cell that holds a number, and one that holds a seed.
CELL_WITH_NUMBER, CELL_WITH_SEED = 19, 9
# The mean width of a character of an axis label, in points.
CHARACTER = 4.9


def stitched_accuracy(maps: pd.DataFrame) -> Figure:
    """Accuracy of the target's own classifier on the mapped source; `maps` is maps.csv.

    Least squares where it was fitted, else the first family of the table.
    """
    family = preferred(maps["family"], "least_squares")
    chosen = maps[maps["family"] == family]
    return heatmap(
        pivoted(chosen, "source", "target", "stitched_accuracy"),
        title=f"Stitched accuracy ({FAMILIES.get(family, family)} maps)",
        label="stitched accuracy (%)",
        percent=True,
    )


def held_out_r2(maps: pd.DataFrame) -> Figure:
    """R² of the maps on the test images; `maps` is maps.csv, family as in `stitched_accuracy`."""
    family = preferred(maps["family"], "least_squares")
    chosen = maps[maps["family"] == family]
    return heatmap(
        pivoted(chosen, "source", "target", "r2_test"),
        title=f"Held-out R² ({FAMILIES.get(family, family)} maps)",
        label="R² on the test images",
    )


def similarity(geometry: pd.DataFrame) -> Figure:
    """Similarity of the geometries; `geometry` is geometry.csv.

    Debiased CKA where it was measured, else the first measure of the table.
    """
    measure = preferred(geometry["measure"], "cka_debiased")
    chosen = mirrored(geometry[geometry["measure"] == measure])
    name = MEASURES.get(measure, measure)
    return heatmap(
        pivoted(chosen, "source", "target", "value"),
        title=f"Similarity of geometry: {name}",
        label=name,
        axes_labels=("model", "model"),
        pairs="pairs",
    )


def adversarial_transfer(transfer: pd.DataFrame) -> Figure:
    """Share of the source's examples that fool the target; `transfer` is transfer.csv.

    PGD, images that both models classify correctly, at the ε of `findings.reference_attack`.
    """
    attack = reference_attack(transfer)
    if attack is None:
        return explanation("no adversarial transfer: there is no pair of models")
    strength = f"{NORMS.get(attack.norm, attack.norm)} ε = {attack.epsilon_label}"
    return heatmap(
        pivoted(rates_at(transfer, attack), "source", "target", "fooled"),
        title=f"Adversarial transfer (PGD, {strength}: mean nearest 50 %)",
        label="target fooled (%)",
        percent=True,
    )


def preferred(values: pd.Series, wanted: str) -> str:
    """`wanted` if it is among `values`, else the first of them, else `wanted`."""
    present = values.unique()
    return wanted if wanted in present or not len(present) else str(present[0])


def pivoted(table: pd.DataFrame, rows: str, columns: str, value: str) -> pd.DataFrame:
    """A square matrix over every model in `rows` or `columns`, in the package's order."""
    models = ordered_models([*table[rows], *table[columns]])
    wide = table.pivot(index=rows, columns=columns, values=value)
    return wide.reindex(index=models, columns=models).astype(float)


@styled
def heatmap(
    matrix: pd.DataFrame,
    *,
    title: str,
    label: str,
    percent: bool = False,
    axes_labels: tuple[str, str] = ("source", "target"),
    pairs: str = "ordered pairs",
) -> Figure:
    """Draw a square `matrix` (rows: source, columns: target; NaN: undefined, drawn grey).

    Its index and columns are model names in one order. Every cell is annotated where there is
    room, else every block of architectures with its mean over the cells that are defined. The
    colours span the data but for outliers (`colour_range`).
    """
    if not np.isfinite(matrix.to_numpy(float)).any():
        return explanation(f"no {label}: there is no pair of models")
    side = float(np.clip(max(0.36 * len(matrix), 0.46 * len(groups_of(matrix))), 2.4, 7.2))
    figure = Figure(figsize=(side + 2.4, side + 1.6), layout="constrained")
    axes = figure.subplots()
    draw_matrix(axes, matrix, side, title, label, percent, pairs)
    axes.set(xlabel=axes_labels[1], ylabel=axes_labels[0])
    return figure


def draw_matrix(
    axes: Axes,
    matrix: pd.DataFrame,
    side: float,
    title: str,
    label: str,
    percent: bool = False,
    pairs: str = "ordered pairs",
) -> None:
    """Draw a `matrix` of `heatmap`, `side` inches wide, with its own colour bar and its range."""
    values = matrix.to_numpy(float) * (100 if percent else 1)
    defined = values[np.isfinite(values)]
    count, groups = len(matrix), groups_of(matrix)
    axes.set_facecolor(UNDEFINED)
    norm, extend = colour_range(defined)
    vector = count**2 <= VECTOR_MARKS
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=SEQUENTIAL,
        norm=norm,
        edgecolor="white" if vector else "none",
        linewidth=0.4 if vector else 0,
        rasterized=not vector,
    )
    axes.set(aspect="equal", xlim=(0, count), ylim=(count, 0))
    name_models(axes, list(matrix.index), groups, side * 72 / count)
    annotate(axes, values, groups, side * 72, norm, percent)
    # Inset, because a colour bar of its own would not follow the square of the matrix.
    bar = axes.figure.colorbar(mesh, cax=axes.inset_axes([1.025, 0, 0.03, 1]), extend=extend)
    # As an image, two bars of one figure would have one identifier.
    bar.solids.set(rasterized=False, edgecolor="face", linewidth=0.2)
    bar.set_label(label)
    bar.outline.set_visible(False)
    digits = decimals(defined, percent)
    counted = defined.size if pairs == "ordered pairs" else defined.size // 2
    low, high = (f"{limit:.{digits}f}" for limit in (defined.min(), defined.max()))
    unit = " %" if percent else ""
    number = f"{counted} {pairs if counted > 1 else pairs[:-1]}"
    subtitle = f"mean {defined.mean():.{digits}f}{unit}, range {low}–{high}{unit}, {number}"
    axes.set_title(title, pad=16)
    axes.text(
        0, 1.012, subtitle, transform=axes.transAxes, va="bottom", color="#555555", fontsize=7.5
    )


def groups_of(matrix: pd.DataFrame) -> list[tuple[str, int]]:
    """The architectures of a matrix's models, in order, and how many models each has."""
    return [
        (name, len(list(members))) for name, members in groupby(map(architecture_of, matrix.index))
    ]


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
    for end in ends[:-1]:
        axes.axhline(end, color="white", linewidth=2)
        axes.axvline(end, color="white", linewidth=2)
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
            red, green, blue, _ = colours(norm(mean))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
            text = axes.text(
                (left + right) / 2,
                (top + bottom) / 2,
                f"{mean:.{digits}f}".replace("-", "−"),
                ha="center",
                va="center",
                color="white" if dark else "black",
                fontsize=6.2 if single else 7,
                fontweight="normal" if single else "bold",
            )
            if not single:
                plate = {"boxstyle": "round,pad=0.15", "linewidth": 0}
                text.set_bbox(plate | {"facecolor": colours(norm(mean))})
