"""A map of the models: near where their geometries are alike."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from repcompare.figures.panels import panel_grid, title_figure
from repcompare.figures.style import QUALITATIVE, explain, few_ticks, styled
from repcompare.tables.directions import mirrored
from repcompare.tables.matrices import by_model
from repcompare.vocabulary import architecture_of, label_of, preferred

FEWEST_MODELS = 3
# Inches of a panel, and what is left free around its points, as a share of their extent.
PANEL, MARGIN = (3.4, 3.1), 0.15
# Points of the page that a name may be moved by.
FARTHEST = 60

# Of a name, so that it can be read over points.
OUTLINE = withStroke(linewidth=2, foreground="white")


@styled
def model_map(geometry: pd.DataFrame) -> Figure:
    """Models in a plane by the angle between their geometries, the arc cosine of the similarity.

    `geometry` as `tables.geometry.similarities` reads it. By Procrustes, whose angle is a metric
    (Williams et al. 2021), and within classes, where the class means do not make all alike; each
    where it was measured, else the first measure of the table.
    """
    wanted = [preferred(geometry["measure"], name) for name in ("procrustes", "cka_within_class")]
    figure, panels = panel_grid(len(set(wanted)), 2, PANEL)
    for axes, measure in zip(panels, dict.fromkeys(wanted), strict=True):
        value, _, _ = by_model(mirrored(geometry[geometry["measure"] == measure]))
        defined = np.isfinite(value.to_numpy()) | np.eye(len(value), dtype=bool)
        models = value.index[defined.all(axis=1)]
        axes.set_title(label_of(measure), pad=14)
        if len(models) < FEWEST_MODELS:
            explain(axes, f"fewer than {FEWEST_MODELS} models")
            continue
        similarity = value.loc[models, models].to_numpy().copy()
        np.fill_diagonal(similarity, 1)
        points, share = classical_scaling(np.degrees(np.arccos(np.clip(similarity, -1, 1))))
        draw_models(axes, points, [architecture_of(model) for model in models])
        note = f"the plane holds {100 * share:.0f} % of the spread"
        if left := len(value) - len(models):
            note += f"; {left} models with an undefined pair left out"
        axes.text(0, 1.01, note, transform=axes.transAxes, va="bottom", fontsize=6.8)
    title_figure(figure, "Map of the models", ["axes in degrees"])
    return figure


def draw_models(axes: Axes, points: NDArray, architectures: list[str]) -> None:
    """A point a model, tied to the middle of its architecture, the name near them."""
    names = sorted(set(architectures))
    owned = [points[[architecture == name for architecture in architectures]] for name in names]
    middles = np.array([own.mean(axis=0) for own in owned])
    # Points of the page for a degree, about: what the axes are wide and high of `PANEL`.
    extent = (1 + 2 * MARGIN) * np.ptp(points, axis=0).clip(1e-9)
    scale = (72 * (np.array(PANEL) - 0.5) / extent).min()
    tops = np.array(
        [[middle[0], own[:, 1].max()] for middle, own in zip(middles, owned, strict=True)]
    )
    sizes = np.array([[5.0 * len(name), 8.0] for name in names])
    shifts = apart(scale * tops + [0, 5], sizes, scale * points)
    for place, (name, own, middle) in enumerate(zip(names, owned, middles, strict=True)):
        colour = QUALITATIVE[place % len(QUALITATIVE)]
        for point in own:
            axes.plot(*zip(middle, point, strict=True), color=colour, linewidth=0.7, alpha=0.6)
        axes.scatter(own[:, 0], own[:, 1], s=16, color=colour, linewidth=0, zorder=3)
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}
        text = axes.annotate(
            name, tops[place], xytext=(0, 5 + shifts[place]), textcoords="offset points",
            ha="center", va="bottom", fontsize=6.8, color=colour, fontweight="bold", zorder=4,
            arrowprops=line if shifts[place] else None,
        )  # fmt: skip
        text.set_path_effects([OUTLINE])
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(MARGIN)
    axes.grid(True)
    few_ticks(axes, x=5, y=5)


def apart(places: NDArray, sizes: NDArray, points: NDArray) -> NDArray[np.float64]:
    """How far up or down (k,) names go so that none covers another or a point; from the top.

    No farther than `FARTHEST`, nor out of the map: a name for which there is no room stays.

    Args:
        places: (k, 2), the middle of the lower edge of each name.
        sizes: (k, 2), width and height of each.
        points: (m, 2).
    """
    shifts = np.zeros(len(places))
    centres, extents = points, np.full_like(points, 6.0)
    low, high = points[:, 1].min() - 16, points[:, 1].max() + 16
    steps = sorted(np.arange(-FARTHEST, FARTHEST + 1, 2.0), key=abs)
    for name in np.argsort(-places[:, 1], kind="stable"):
        middle = places[name] + np.array([0, sizes[name, 1] / 2])
        for shift in steps:
            centre = middle + np.array([0, shift])
            free = (np.abs(centre - centres) >= (sizes[name] + extents) / 2).any(axis=1).all()
            if free and (not shift or low <= centre[1] <= high):
                shifts[name] = shift
                break
        shifted = middle + np.array([0, shifts[name]])
        centres, extents = np.vstack([centres, shifted]), np.vstack([extents, sizes[name]])
    return shifts


def classical_scaling(distances: NDArray) -> tuple[NDArray, float]:
    """Points in a plane whose distances are as near as can be to those given (Torgerson 1952).

    Args:
        distances: (m, m), symmetric, zero on the diagonal.

    Returns:
        The points, (m, 2), their mean at the origin and their longest extent along the first axis,
        each axis with its largest coordinate positive; and the share, in [0, 1], of the spread (the
        sum of absolute eigenvalues) that the plane holds, 0 where all distances are.
    """
    squared = np.asarray(distances, float) ** 2
    centred = squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean()
    eigenvalues, vectors = np.linalg.eigh(-centred / 2)
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    points = vectors[:, :2] * np.sqrt(np.clip(eigenvalues[:2], 0, None))
    largest = points[np.abs(points).argmax(axis=0), [0, 1]]
    total = np.abs(eigenvalues).sum()
    share = np.clip(eigenvalues[:2], 0, None).sum() / total if total else 0.0
    return points * np.where(largest < 0, -1, 1), float(share)
