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
    figure, panels = panel_grid(len(set(wanted)), 2, (3.4, 3.1))
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
    """A point a model, tied to the middle of its architecture, the name above them."""
    names = sorted(set(architectures))
    for place, name in enumerate(names):
        own = points[[architecture == name for architecture in architectures]]
        colour = QUALITATIVE[place % len(QUALITATIVE)]
        middle = own.mean(axis=0)
        for point in own:
            axes.plot(*zip(middle, point, strict=True), color=colour, linewidth=0.7, alpha=0.6)
        axes.scatter(own[:, 0], own[:, 1], s=16, color=colour, linewidth=0, zorder=3)
        text = axes.annotate(
            name, (middle[0], own[:, 1].max()), xytext=(0, 5), textcoords="offset points",
            ha="center", va="bottom", fontsize=6.8,
            color=colour, fontweight="bold", zorder=4,
        )  # fmt: skip
        text.set_path_effects([OUTLINE])
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.15)
    axes.grid(True)
    few_ticks(axes, x=5, y=5)


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
