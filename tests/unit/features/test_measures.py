"""Each measure of input features is at its maximum where all is shared, at its null where nothing is."""

import numpy as np
import pytest

from repcompare.features.measures import (
    alignment,
    correlations,
    mistake_agreement,
    similarity,
    unit_matching,
)
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation

N = 160
LABELS = np.arange(N) % 10


def gaussian(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def pair(x, y):
    return Pair.of(*(Representation.of(rows, LABELS, LABELS) for rows in (x, y)))


def test_vectors_are_aligned_with_themselves_and_opposed_to_their_negatives():
    one = gaussian(N, 1, 6, 6)
    for factor, expected in ((1, 1.0), (7, 1.0), (-1, -1.0)):
        row = alignment([(one, factor * one)])
        assert row.value == pytest.approx(expected)
        assert (row.low, row.high) == pytest.approx((expected, expected))
        assert (row.n, row.dropped, row.note) == (N, 0, "")


def test_unrelated_vectors_are_not_aligned():
    row = alignment([(gaussian(N, 36), gaussian(N, 36, seed=1))])
    assert abs(row.value) < 3 / np.sqrt(36 * N)
    assert row.low < 0 < row.high


def test_what_all_images_share_is_in_the_null_of_alignment():
    common = gaussian(36, seed=9)
    one, other = gaussian(N, 36) + common, gaussian(N, 36, seed=1) + common
    row = alignment([(one, other)])
    x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (one, other))
    cosines = x @ y.T
    assert row.value == pytest.approx(np.trace(cosines) / N)
    off_diagonal = (cosines.sum() - np.trace(cosines)) / (N * (N - 1))
    assert row.null == pytest.approx(off_diagonal)
    assert row.low < row.null < row.high


def test_images_without_a_gradient_are_dropped_and_counted():
    one, other = gaussian(N, 36), gaussian(N, 36)
    one[:5], other[3:8] = 0, 0
    row = alignment([(one, other)])
    assert (row.value, row.n, row.dropped) == (pytest.approx(1), N - 8, 8)
    nothing = alignment([(np.zeros((N, 36)), other)])
    assert np.isnan(nothing.value)
    assert nothing.note == "fewer than two images have both vectors"
    assert alignment([(one[:0], other[:0])])[4:] == alignment([])[4:] == (0, 0, nothing.note)


def test_alignment_is_the_same_of_all_images_at_once_and_of_some_after_others():
    one, other = gaussian(N, 36) + 0.5, gaussian(N, 36, seed=1) + 0.5
    one[3] = 0
    whole = alignment([(one, other)])
    parts = alignment([(one[at : at + 7], other[at : at + 7]) for at in range(0, N, 7)])
    assert parts == pytest.approx(whole, abs=1e-14)
    assert abs(whole.null) > 0.1


def test_the_interval_of_a_mean_covers_it():
    mean, first = np.array([0.5, 0, 0, 0]), np.array([1.0, 0, 0, 0])
    truth = alignment([(gaussian(200_000, 4) + mean, np.tile(first, (200_000, 1)))]).value
    covered = 0
    for seed in range(200):
        row = alignment([(gaussian(N, 4, seed=seed) + mean, np.tile(first, (N, 1)))])
        covered += row.low <= truth <= row.high
    assert 180 <= covered <= 198


def test_equal_mistakes_agree_and_mistakes_of_the_same_confusion_are_at_the_null():
    random = np.random.default_rng(0)
    confusion = random.dirichlet(np.ones(10), size=10)
    labels = np.arange(2000) % 10
    one, other = (
        np.array([random.choice(10, p=confusion[label]) for label in labels]) for _ in range(2)
    )
    independent = mistake_agreement(labels, one, other, 7)
    assert independent.dropped == 7
    assert independent.value == pytest.approx(independent.null, abs=0.04)
    assert independent.low < independent.null < independent.high
    same = mistake_agreement(labels, one, one, 0)
    assert same.value == 1
    assert same.null == pytest.approx((confusion**2).sum(1).mean(), abs=0.03)


def test_agreement_on_nothing_is_undefined_with_a_reason():
    nothing = np.array([], int)
    assert mistake_agreement(nothing, nothing, nothing, 9).note == (
        "no image on which both are fooled"
    )
    alone = mistake_agreement(np.array([0, 1]), np.array([1, 2]), np.array([1, 3]), 0)
    assert np.isnan(alone.value)


def test_representations_related_by_a_rotation_are_similar_and_others_are_not():
    x = gaussian(N, 8)
    rotation = np.linalg.qr(gaussian(8, 8, seed=3))[0]
    row = similarity(x, 2 * x @ rotation + 1, LABELS, 4)
    assert (row.value, row.n, row.dropped) == (pytest.approx(1), N, 4)
    other = similarity(x, gaussian(N, 8, seed=5), LABELS, 0)
    assert abs(other.value) < 0.1
    assert other.null == 0
    assert "fewer than four" in similarity(x[:3], x[:3], LABELS[:3], 0).note


def test_permuted_units_are_matched_and_rotated_ones_are_not():
    x = gaussian(N, 8)
    test = gaussian(N, 8, seed=1)
    order = np.random.default_rng(0).permutation(8)
    rotation = np.linalg.qr(gaussian(8, 8, seed=3))[0]
    found = {}
    for name, change in (("permuted", np.eye(8)[order]), ("rotated", rotation)):
        fit = correlations(pair(x, x @ change))
        found[name] = unit_matching(fit, pair(test, test @ change))
    assert found["permuted"].value == pytest.approx(1)
    assert found["permuted"].low > 0.99
    assert found["rotated"].value < 0.8
    shuffled = unit_matching(correlations(pair(x, x[::-1])), pair(test, gaussian(N, 8, seed=6)))
    assert shuffled.low < shuffled.null < shuffled.high


def test_the_null_of_unit_matching_is_the_mean_over_all_matchings():
    x, y = gaussian(N, 5), gaussian(N, 3, seed=1)
    both = pair(x, y)
    expected = np.corrcoef(x.T, y.T)[:5, 5:]
    np.testing.assert_allclose(correlations(both), expected)
    assert unit_matching(expected, both).null == pytest.approx(expected.mean())


def test_a_unit_that_never_changes_is_correlated_with_nothing():
    x = gaussian(N, 3)
    dead = np.column_stack([x[:, 0], np.full(N, 0.1), x[:, 2]])
    np.testing.assert_array_equal(correlations(pair(dead, x))[1], 0)
