"""The gallery of adversarial examples: images, and what was changed in them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from repcompare.figures.style import SAME, explanation, styled
from repcompare.figures.tiles import GAP, TILE, head, name, show, show_change, tiles
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import label_of


class Examples(NamedTuple):
    """One model's adversarial images, 0 to 255 (n, C, H, W), and its predictions on them, int (n,)."""

    images: np.ndarray
    predictions: np.ndarray


@styled
def adversarial_examples(
    clean: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    examples: Mapping[str, Examples],
    attack: Strength | None,
) -> Figure:
    """Clean images, and for each model the adversarial image and the magnified perturbation.

    Args:
        clean: uint8 (n, C, H, W) with C = 1 or 3; one row of the figure each.
        labels: int (n,), the true classes, as positions in `class_names`.
        examples: by model name, over the same images in the same order; two columns each, so
            about five models fill a page's width.

    Raises:
        ValueError: a model's images have another shape than the clean ones.
    """
    for model, (images, _) in examples.items():
        if images.shape != clean.shape:
            raise ValueError(
                f"{model} has images {images.shape} but the clean ones are {clean.shape}"
            )
    if attack is None or not len(clean) or not examples:
        return explanation("no adversarial examples: none were asked for, or there is one model")
    figure, grid = tiles(len(clean), 1 + 2 * len(examples))
    for row, axes in enumerate(grid[:, 0]):
        show(axes, clean[row])
        name(axes, class_names[labels[row]])
    head(grid[0, 0], "clean", 0.5)
    changes = {model: images.astype(float) - clean for model, (images, _) in examples.items()}
    largest = max(np.abs(change).max() for change in changes.values()) or 1.0
    for place, (model, (images, predictions)) in enumerate(examples.items()):
        pair = grid[:, 1 + 2 * place : 3 + 2 * place]
        head(pair[0, 0], model, 1 + GAP / TILE / 2)
        for row, (seen, change) in enumerate(pair):
            fooled = predictions[row] != labels[row]
            show(seen, images[row])
            name(seen, class_names[predictions[row]])
            if fooled:
                seen.title.set(fontweight="bold", color=SAME)
            show_change(change, changes[model][row], largest)
    strength = f"PGD, {label_of(attack.norm)} ε = {attack.epsilon_label}"
    figure.suptitle(
        f"Adversarial examples ({strength}; largest change ±{largest:.3g} of 255 grey levels)",
        x=0.01,
        ha="left",
        fontsize=9.5,
        fontweight="bold",
    )
    return figure
