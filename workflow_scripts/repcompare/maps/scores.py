"""How well an affine map carries one representation to another, and its classifier with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from repcompare.maps.families import AffineMap, least_squares_weight
from repcompare.representations.activations_file import TargetClassifier
from repcompare.representations.moments import (
    ROWS_PER_CHUNK,
    Factorisation,
    Moments,
    Rows,
    between_units,
    row_chunks,
)
from repcompare.representations.pair import Pair
from repcompare.statistics.jackknife import FEWEST_SAMPLES, interval, without_each_group


@dataclass(frozen=True, eq=False)
class PairMoments:
    """Moments of source and target on one split, and C (m_a, m_b) about the means of it."""

    source: Moments
    target: Moments
    cross: np.ndarray

    @property
    def reversed(self) -> PairMoments:
        """The same with source and target exchanged."""
        return PairMoments(self.target, self.source, self.cross.T)


@dataclass(frozen=True)
class MapScores:
    """Scores of one map: see `score_map`. `note` gives the reason of each NaN.

    `_low` and `_high` bound jackknife intervals. `class_accuracies` and `target_class_accuracies`
    (K,) are the stitched and the target's own accuracy on each class, NaN for an absent one.
    """

    n_fit: int
    n_test: int
    r2_fit: float
    r2_test: float
    r2_test_low: float
    r2_test_high: float
    r2_floor: float
    r2_class_floor: float
    stitched_accuracy: float
    target_accuracy: float
    recovered_accuracy: float
    recovered_accuracy_low: float
    recovered_accuracy_high: float
    agreement: float
    class_accuracies: np.ndarray
    target_class_accuracies: np.ndarray
    note: str


def r_squared(mapping: AffineMap, split: PairMoments, training_mean: np.ndarray) -> float:
    """Variance-weighted R² = 1 − SSE/SST of a map on one split; NaN if the target does not vary.

    SST is about `training_mean` (d_b,), the target's mean on the fit split: what a map that knows
    nothing of the source would predict. With scatters S,
    SSE = tr(S_b) − 2 tr(WᵀC) + tr(WᵀS_aW) + n ‖mean_b − mean_a W − b‖². At most 1, may be negative.
    """
    offset = split.target.mean - training_mean
    total = split.target.total_variation + split.target.n * float(offset @ offset)
    if total == 0:
        return np.nan
    bias_error = split.target.mean - split.source.mean @ mapping.weight - mapping.bias
    weight = split.source.along_axes(mapping.weight)
    cross = split.target.in_units(split.cross.T).T
    error = (
        split.target.total_variation
        + np.vdot(weight, split.source.scatter @ weight - 2 * cross)
        + split.target.n * (bias_error @ bias_error)
    )
    return float(1 - error / total)


def class_floor(
    source: Factorisation,
    target: Moments,
    classes: tuple[np.ndarray | None, np.ndarray | None],
    test: Pair,
) -> float:
    """`r_squared` on the test split of what the classes alone tell a least-squares map.

    In expectation over orders of the samples within their classes: of the products that map and
    score are made of, what classes contribute is left. No lower than the mean R² of such orders, for
    chance makes no map better. `source` and `target` are of the fit split, `classes` their
    `moments.weighted_class_means` there. NaN where the classes are not known.
    """
    of_source, of_target = classes
    if of_source is None or of_target is None or not test.a.whole.labelled:
        return np.nan
    cross = (of_source @ source.basis).T @ of_target
    weight = between_units(source, least_squares_weight(source, cross), target)
    bias = target.mean - source.mean @ weight
    mapping = AffineMap("least_squares", weight, bias, source.rank, 0.0, "")
    between = test.a.class_means.T @ (test.a.class_sizes[:, None] * test.b.class_means)
    split = PairMoments(test.a.whole.moments, test.b.whole.moments, between)
    return r_squared(mapping, split, target.mean)


def stitched_predictions(
    mapping: AffineMap,
    source_x: Rows,
    weight: np.ndarray,
    bias: np.ndarray,
    chunk: int = ROWS_PER_CHUNK,
) -> np.ndarray:
    """Classes (n,), int64, that the target's classifier gives to the mapped source (n, d_a).

    The classifier has `weight` (K, d_b) and `bias` (K,). Map and classifier are multiplied out
    first, so that a row costs d_a·K and not d_a·d_b.
    """
    stitched_weight = mapping.weight @ np.asarray(weight, dtype=np.float64).T
    stitched_bias = mapping.bias @ np.asarray(weight, dtype=np.float64).T + bias
    classes = np.empty(source_x.shape[0], dtype=np.int64)
    for rows in row_chunks(source_x.shape[0], chunk):
        classes[rows] = np.argmax(source_x[rows] @ stitched_weight + stitched_bias, axis=1)
    return classes


def r_squared_replicates(mapping: AffineMap, test: Pair, training_mean: np.ndarray) -> np.ndarray:
    """`r_squared` on the samples of a pair without each group of them (G,), the map as it is."""
    source, target = test.a.whole, test.b.whole
    bias_error = target.moments.mean - source.moments.mean @ mapping.weight - mapping.bias
    offset = target.moments.mean - training_mean
    weight = source.moments.along_axes(mapping.weight)
    between_axes = target.moments.along_axes(weight.T).T
    deviations = target.moments.in_units(target.sums.T).T - source.sums @ weight
    errors = (
        target.norms
        - 2 * inner_products(test.statistics.crosses, between_axes)
        + inner_products(source.scatters, weight @ weight.T)
        + 2 * deviations @ bias_error
        + source.sizes * (bias_error @ bias_error)
    )
    drift = 2 * target.sums @ target.moments.along_axes(offset)
    totals = target.norms + drift + source.sizes * (offset @ offset)
    return 1 - (errors.sum() - errors) / (totals.sum() - totals)


class Stitched(NamedTuple):
    """What a target's classifier answers behind a map: the scores of `MapScores` that are of it."""

    stitched_accuracy: float = np.nan
    target_accuracy: float = np.nan
    recovered_accuracy: float = np.nan
    recovered_accuracy_low: float = np.nan
    recovered_accuracy_high: float = np.nan
    agreement: float = np.nan
    class_accuracies: np.ndarray = np.empty(0)
    target_class_accuracies: np.ndarray = np.empty(0)


def score_map(
    mapping: AffineMap,
    fit: PairMoments,
    test: Pair,
    classifier: TargetClassifier | None,
    r2_class_floor: float = np.nan,
) -> MapScores:
    """Score a map by R² on both splits, and on the test split by stitching a classifier to it.

    `test` is of the source's and the target's test rows (n, d_a) and (n, d_b); the stitched
    classifier is the target's, which not every target has. `r2_floor` = d_a/(n_fit − 1), at most 1,
    is the R² that least squares has on the fit split, in expectation, when source and target are
    independent; `r2_class_floor` is what `class_floor` found. Recovered accuracy is (stitched −
    chance) / (target's accuracy − chance), where chance is the share of the commonest test label: 1
    is as good as the target, 0 as good as always guessing that label. Agreement is the share of
    samples on which stitched and own predictions are
    the same. Intervals are of the test samples alone, for the map as it was fitted. Raises
    ValueError if the numbers of samples do not match.
    """
    mean = fit.target.mean
    whole = PairMoments(test.a.whole.moments, test.b.whole.moments, test.cross)
    r2_fit, r2_test = (r_squared(mapping, split, mean) for split in (fit, whole))
    notes = [mapping.note] if mapping.note else []
    notes += [
        f"target is constant on the {name} split"
        for name, r2 in (("fit", r2_fit), ("test", r2_test))
        if np.isnan(r2)
    ]
    r2_interval = np.nan, np.nan
    if test.n < FEWEST_SAMPLES:
        notes.append(f"no interval below {FEWEST_SAMPLES} samples")
    elif not np.isnan(r2_test):
        r2_interval = interval(r2_test, r_squared_replicates(mapping, test, mean))
    if classifier is None:
        stitched = Stitched()
        notes.append("the target has no linear classifier")
    else:
        stitched, why = stitched_scores(mapping, test, classifier)
        notes += why
    return MapScores(
        n_fit=fit.source.n,
        n_test=test.n,
        r2_fit=r2_fit,
        r2_test=r2_test,
        r2_test_low=r2_interval[0],
        r2_test_high=r2_interval[1],
        r2_floor=min(1.0, fit.source.width / (fit.source.n - 1)),
        r2_class_floor=r2_class_floor,
        **stitched._asdict(),
        note="; ".join(notes),
    )


def stitched_scores(
    mapping: AffineMap, test: Pair, classifier: TargetClassifier
) -> tuple[Stitched, list[str]]:
    """The scores of a map's predictions, and why some have no value."""
    labels = np.asarray(classifier.labels)
    if not test.n == len(labels) == len(classifier.predictions):
        raise ValueError("the test rows, labels and logits are not of the same number of samples")
    stitched = stitched_predictions(mapping, test.a.whole.rows, classifier.weight, classifier.bias)
    right, own_right = stitched == labels, classifier.predictions == labels
    target_accuracy = float(np.mean(own_right))
    chance = float(np.unique(labels, return_counts=True)[1].max() / test.n)
    recovered, recovered_interval, notes = np.nan, (np.nan, np.nan), []
    if target_accuracy > chance:
        recovered = float((np.mean(right) - chance) / (target_accuracy - chance))
    else:
        notes.append("target accuracy is not above chance")
    if test.n >= FEWEST_SAMPLES and not np.isnan(recovered):
        accuracies = [without_each_group(values) for values in (right, own_right)]
        with np.errstate(divide="ignore", invalid="ignore"):
            replicates = (accuracies[0] - chance) / (accuracies[1] - chance)
        recovered_interval = interval(recovered, replicates)
        if np.isnan(recovered_interval[0]):
            notes.append("no interval of recovered accuracy: undefined without some group")
    scores = Stitched(
        float(np.mean(right)),
        target_accuracy,
        recovered,
        *recovered_interval,
        float(np.mean(stitched == classifier.predictions)),
        by_class(right, labels, len(classifier.weight)),
        by_class(own_right, labels, len(classifier.weight)),
    )
    return scores, notes


def score_columns(mapping: AffineMap, scores: MapScores) -> dict:
    """What a table says of one map; the accuracies by class are a table of their own."""
    columns = {
        "family": mapping.family,
        "d_source": mapping.weight.shape[0],
        "d_target": mapping.weight.shape[1],
        "rank": mapping.rank,
        "lambda": mapping.penalty,
        **vars(scores),
    }
    del columns["class_accuracies"], columns["target_class_accuracies"]
    return columns


def by_class(values: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Means (classes,) of `values` (n,) over the samples of each label; NaN where there are none."""
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, values, minlength=classes)
    return np.divide(sums, counts, out=np.full(classes, np.nan), where=counts > 0)


def inner_products(stack: Iterable[np.ndarray], against: np.ndarray) -> np.ndarray:
    """⟨against, stack_g⟩ (G,)."""
    return np.array([np.einsum("ij,ij->", part, against) for part in stack])
