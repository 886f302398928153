"""The gallery of input features: images, each network's gradients, and its inversions of them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from repcompare.figures.style import explanation, styled
from repcompare.figures.tiles import GAP, TILE, TILE_TITLE, head, name, show, show_change, tiles


class Features(NamedTuple):
    """Of one model: gradients float and inversions uint8 (n, C, H, W), residuals (n,)."""

    gradients: np.ndarray
    inversions: np.ndarray
    residuals: np.ndarray


@styled
def feature_gallery(
    clean: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    features: Mapping[str, Features],
) -> Figure:
    """One row an image: the image, then each model's margin gradient and its inversion from noise.

    Args:
        clean: uint8 (n, C, H, W) with C = 1 or 3.
        labels: int (n,), as positions in `class_names`.
        features: by model name, over the same images in the same order.
    """
    if not len(clean):
        return explanation("no images: none were asked for, or none is classified correctly")
    figure, grid = tiles(len(clean), 1 + 2 * len(features))
    for row, axes in enumerate(grid[:, 0]):
        show(axes, clean[row])
        name(axes, class_names[labels[row]])
    head(grid[0, 0], "image", 0.5)
    for place, (model, (gradients, inversions, residuals)) in enumerate(features.items()):
        pair = grid[:, 1 + 2 * place : 3 + 2 * place]
        head(pair[0, 0], model, 1 + GAP / TILE / 2)
        for row, (gradient, inversion) in enumerate(pair):
            # Each by its own largest: the length of a gradient says how confident the network is.
            show_change(gradient, gradients[row], np.abs(gradients[row]).max() or 1.0)
            show(inversion, inversions[row])
            inversion.set_title(f"{100 * residuals[row]:.1f} %", **TILE_TITLE)
    figure.suptitle(
        "Margin gradients, and inversions from noise (distance of representations left)",
        x=0.01,
        ha="left",
        fontsize=9.5,
        fontweight="bold",
    )
    return figure
