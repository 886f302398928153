"""Names that stand in files that networks write.

Apart from `vocabulary`, so that no network runs again for a word that a reader is shown.
"""

from collections.abc import Iterable

# The layer that the classifier reads.
REPRESENTATION = "penultimate"

# What a network was before its training: as initialised, and with its batch norm set on images.
UNTRAINED = ("untrained", "untrained_batch_norm")

# How a layer of feature maps becomes one vector an image.
POOLS = ("mean", "flatten")

# The attack that every study has, and its control of random noise.
MAIN, CONTROL = "pgd", "noise"

# What inversions are searched from: noise, or an image of another class.
STARTS = ("noise", "image")


def layer_order(layers: Iterable[str]) -> list[str]:
    """The distinct layers from input to output."""

    def place(layer: str) -> tuple[int, int]:
        if layer.startswith("stage"):
            return 1, int(layer.removeprefix("stage"))
        return {"stem": 0}.get(layer, 2), 0

    return sorted(set(layers), key=place)
