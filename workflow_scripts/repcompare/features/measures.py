"""Do two networks use the same in an image? Measures of a pair, from what each does to the images."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from repcompare.geometry.similarity import compare_geometry
from repcompare.representations.pair import Pair
from repcompare.representations.representation import ROUNDING, Representation
from repcompare.statistics.jackknife import FEWEST_SAMPLES, interval, without_each_group


class FeatureRow(NamedTuple):
    """One measure of one pair.

    `low` and `high` bound the jackknife interval over images, `null` is the value where nothing is
    shared, `n` the number of images, `dropped` those that were left out because the measure is
    undefined there, `note` why a number is NaN.
    """

    value: float
    low: float
    high: float
    null: float
    n: int
    dropped: int
    note: str


def undefined(n: int, dropped: int, note: str) -> FeatureRow:
    """The row of a measure without a value."""
    return FeatureRow(np.nan, np.nan, np.nan, np.nan, n, dropped, note)


def mean_row(values: np.ndarray, null: float, dropped: int) -> FeatureRow:
    """The mean of one value an image (n,), with its interval."""
    n = len(values)
    value = float(values.mean())
    if n < FEWEST_SAMPLES:
        note = f"no interval below {FEWEST_SAMPLES} images"
        return FeatureRow(value, np.nan, np.nan, null, n, dropped, note)
    return FeatureRow(value, *interval(value, without_each_group(values)), null, n, dropped, "")


def alignment(parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> FeatureRow:
    """The mean cosine of two vectors an image; an image with a zero is dropped.

    The null is the mean cosine of vectors of different images. (Of directions drawn at random it
    would be 0, with a standard deviation of 1/√dimension an image.)

    Args:
        parts: both vectors, (n, ...) each, of some images after others: only one part's are in
            memory in float64.
    """
    found, dropped = [np.empty(0)], 0
    sum_x, sum_y = np.zeros(1), np.zeros(1)
    for part in parts:
        size = math.prod(part[0].shape[1:])
        x, y = (vectors.reshape(len(vectors), size).astype(np.float64) for vectors in part)
        lengths = [np.linalg.norm(vectors, axis=1) for vectors in (x, y)]
        defined = (lengths[0] > 0) & (lengths[1] > 0)
        dropped += int((~defined).sum())
        x, y = x[defined] / lengths[0][defined, None], y[defined] / lengths[1][defined, None]
        found.append(np.einsum("ij,ij->i", x, y))
        sum_x, sum_y = sum_x + x.sum(0), sum_y + y.sum(0)
    cosines = np.concatenate(found)
    n = len(cosines)
    if n < 2:
        return undefined(n, dropped, "fewer than two images have both vectors")
    null = float((sum_x @ sum_y - cosines.sum()) / (n * (n - 1)))
    return mean_row(cosines, null, dropped)


def mistake_agreement(
    labels: np.ndarray, one: np.ndarray, other: np.ndarray, dropped: int
) -> FeatureRow:
    """How often two networks that are both fooled take an image for the same class, each its own.

    The null is the same for two different images of one class: what is due to the classes that each
    network confuses anyhow.

    Args:
        labels: of the n images on which both are fooled, int (n,).
        one: the first network's predictions on its own adversarial images, int (n,).
        other: the second's.
        dropped: the images on which not both are fooled.
    """
    n = len(labels)
    if not n:
        return undefined(0, dropped, "no image on which both are fooled")
    same = (one == other).astype(np.float64)
    pairs, agreeing = 0.0, 0.0
    for label in np.unique(labels):
        members = labels == label
        count = int(members.sum())
        if count < 2:
            continue
        classes = np.union1d(one[members], other[members])
        counts = [np.array([(x[members] == k).sum() for k in classes]) for x in (one, other)]
        between = float(counts[0] @ counts[1]) - same[members].sum()
        agreeing += count * between / (count * (count - 1))
        pairs += count
    if not pairs:
        return undefined(n, dropped, "no class has two images on which both are fooled")
    return mean_row(same, agreeing / pairs, dropped)


def similarity(one: np.ndarray, other: np.ndarray, labels: np.ndarray, dropped: int) -> FeatureRow:
    """Debiased CKA of two representations (n, d) of n images, its null and its interval.

    Debiased, for a probe set holds few images for the width of a representation.
    """
    n = len(labels)
    if n < 4:
        return undefined(n, dropped, "fewer than four inverted images")
    pair = Pair.of(*(Representation.of(rows, labels, labels) for rows in (one, other)))
    (row,) = compare_geometry(pair, ["cka_debiased"])
    return FeatureRow(row.value, row.low, row.high, row.null, n, dropped, row.note)


def unit_matching(fit: np.ndarray, test: Pair) -> FeatureRow:
    """The mean correlation of matched units on the test split (Li et al. 2016).

    Units are matched one to one by the highest total correlation on the fit split (Kuhn 1955). The
    null is the mean correlation of units that are matched at random.

    Args:
        fit: correlations of units on the fit split (d_a, d_b); 0 for a unit that never changes.
        test: the representations on the test split.
    """
    rows, columns = linear_sum_assignment(fit, maximize=True)
    of_all = correlations(test)
    value = float(of_all[rows, columns].mean())
    null = float(of_all.mean())
    if test.n < FEWEST_SAMPLES:
        note = f"no interval below {FEWEST_SAMPLES} images"
        return FeatureRow(value, np.nan, np.nan, null, test.n, 0, note)
    replicates = np.array(
        [correlations(left)[rows, columns].mean() for left in test.without_each_group()]
    )
    return FeatureRow(value, *interval(value, replicates), null, test.n, 0, "")


def correlations(pair: Pair) -> np.ndarray:
    """Correlations (d_a, d_b) of the units of a pair; 0 for a unit that never changes."""
    return scaled_to_correlations(pair.unit_cross, pair.a.unit_squares, pair.b.unit_squares)


def scaled_to_correlations(cross: np.ndarray, of_a: np.ndarray, of_b: np.ndarray) -> np.ndarray:
    """C (d_a, d_b) over the roots of the units' own sums of squares (d_a,) and (d_b,).

    A sum of squares that is rounding beside the largest belongs to a unit that never changes.
    """
    inverse = []
    for squares in (of_a, of_b):
        alive = squares > ROUNDING * squares.max(initial=0.0)
        inverse.append(np.where(alive, 1 / np.sqrt(np.where(alive, squares, 1.0)), 0.0))
    return cross * np.outer(*inverse)
