"""Pairs of representations with a known common part, for the tests of geometry."""

from __future__ import annotations

import numpy as np

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import compare_geometry
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation

ALL = list(MEASURES)
OF_ROWS = [name for name, measure in MEASURES.items() if measure.needs != "predictions"]
CLASSES = 8


def labels_of(n: int) -> np.ndarray:
    return np.random.default_rng(11).permutation(np.arange(n) % CLASSES)


def answers_to(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What two models with a fifth and a third of mistakes predict."""
    rng = np.random.default_rng(12)
    wrong = rng.integers(0, CLASSES, (2, len(labels)))
    mistaken = rng.random((2, len(labels))) < [[1 / 5], [1 / 3]]
    return tuple(np.where(mistaken, wrong, labels))


def related(n: int = 160, width_a: int = 6, width_b: int = 4, seed: int = 0):
    """Two representations with common class means, a common part and unequal variances."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 3)) + 1.5 * rng.standard_normal((CLASSES, 3))[labels_of(n)]
    x, y = (
        common @ rng.standard_normal((3, width)) + rng.standard_normal((n, width))
        for width in (width_a, width_b)
    )
    return x * np.linspace(1, 3, width_a), y * np.linspace(2, 1, width_b)


def orthonormal(width: int, n: int = 50) -> np.ndarray:
    """Centred columns of length 1 at right angles to one another."""
    x = np.random.default_rng(1).standard_normal((n, width))
    return np.linalg.qr(x - x.mean(axis=0))[0]


def centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(axis=0)


def pair_of(x, y, labels=None, answers=None) -> Pair:
    labels = labels_of(x.shape[0]) if labels is None else labels
    answers = answers_to(labels) if answers is None else answers
    return Pair.of(
        *(Representation.of(*each) for each in zip((x, y), [labels] * 2, answers, strict=True))
    )


def value(measure: str, pair: Pair) -> float:
    return MEASURES[measure].function(pair)[0]


def values(x, y, labels=None, answers=None) -> dict[str, float]:
    pair = pair_of(x, y, labels, answers)
    return {measure: value(measure, pair) for measure in ALL}


def rows_of(x, y, measures=ALL, **given):
    return compare_geometry(pair_of(x, y, **given), measures)


def tied_samples(n: int = 90):
    """Two representations of few different samples each, so that most distances are tied."""
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 3, (2, n, 2)) * 1.0
    y[: n // 2] = x[: n // 2]
    return x, y


def class_means(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.array([x[labels == label].mean(axis=0) for label in np.unique(labels)])
