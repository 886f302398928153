"""Which pairs of models a block holds."""

from collections.abc import Sequence
from itertools import permutations


def ordered_pairs(architectures: Sequence[str]) -> list[tuple[int, int]]:
    """The (source, target) positions of a block's models, given the architecture of each.

    All ordered pairs of different models of one architecture, or all pairs across the two.
    """
    crossed = len(set(architectures)) > 1
    return [
        (source, target)
        for source, target in permutations(range(len(architectures)), 2)
        if not crossed or architectures[source] != architectures[target]
    ]


def unordered_pairs(architectures: Sequence[str]) -> list[tuple[int, int]]:
    """The same pairs, each once: the first position is the smaller."""
    return [(first, second) for first, second in ordered_pairs(architectures) if first < second]
