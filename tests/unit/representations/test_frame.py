"""Few samples for the units are compared in n − 1 dimensions, and it is the same comparison."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from unit.support import synthetic_maps
from unit.support.synthetic_representations import ALL, CLASSES, labels_of, pair_of, rows_of

from repcompare.features.measures import correlations, unit_matching
from repcompare.geometry.similarity import convergence
from repcompare.maps.families import FAMILIES
from repcompare.maps.scores import PairMoments, score_map
from repcompare.representations.activations_file import TargetClassifier
from repcompare.representations.moments import (
    Frame,
    cross_covariance,
    factorise,
    mean_of,
    moments,
)
from repcompare.representations.representation import Representation

N = 48
NUMBERS = ("value", "bias", "error", "null", "class_null")


def relu(n: int, width: int, seed: int, *, dead: bool = True) -> np.ndarray:
    """Units of unequal size, a ninth of them dead, that share signals and class means; float32."""
    own, common = np.random.default_rng(seed), np.random.default_rng(7)
    classes = common.standard_normal((CLASSES, 5))
    signals = common.standard_normal((n, 5)) + classes[labels_of(n)]
    x = signals @ own.standard_normal((5, width)) + own.standard_normal((n, width))
    x *= np.linspace(0.2, 3, width)
    x[:, ::9] -= 40 * dead
    return np.maximum(x, 0).astype(np.float32)


def low_rank(width: int, seed: int, rank: int) -> np.ndarray:
    """N samples of units that are mixtures of a few; float32."""
    mixing = np.random.default_rng(seed).standard_normal((rank, width))
    return (relu(N, rank, seed, dead=False) @ mixing).astype(np.float32)


# Two layers of which N images are seen.
LAYERS = {
    "both wider than n": (relu(N, 90, 1), relu(N, 70, 2)),
    "one wider than n": (relu(N, 90, 1), relu(N, 11, 2)),
    "as wide as n": (relu(N, N, 1), relu(N, N, 2)),
    "of low rank": (low_rank(90, 1, 12), low_rank(70, 2, 9)),
    "with few units that live": (np.where(np.arange(90) < 9, relu(N, 90, 1), 0), relu(N, 60, 2)),
}
every_pair_of_layers = pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)


@pytest.fixture
def along_units(monkeypatch):
    """Call something in a frame whose axes are the units, however few the samples are."""

    def call(function, *arguments, **named):
        def of(x, chunk=0):
            del chunk
            return Frame(mean_of(x), None)

        with monkeypatch.context() as patch:
            patch.setattr(Frame, "of", of)
            return function(*arguments, **named)

    return call


def same(found, expected):
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def determined(row) -> bool:
    """But for PWCCA where some correlations are forced to be 1: directions of equal ones are any."""
    return row.measure != "pwcca" or "correlations are trivially 1" not in row.note


@pytest.mark.parametrize("x", [pair[0] for pair in LAYERS.values()], ids=LAYERS)
def test_the_axes_are_orthonormal_fewer_than_the_samples_and_hold_every_row(x):
    frame = Frame.of(x)
    alive = np.ptp(x, axis=0) > 0
    assert frame.size == min(N - 1, alive.sum())
    assert frame.width == x.shape[1]
    np.testing.assert_allclose(frame.axes.T @ frame.axes, np.eye(frame.size), atol=1e-12)
    np.testing.assert_array_equal(frame.axes[~alive], 0)
    centred = x - x.mean(axis=0, dtype=np.float64)
    found = frame.coordinates(x)
    np.testing.assert_allclose(frame.in_units(found.T).T, centred, atol=1e-12)
    np.testing.assert_allclose(frame.along_axes(centred.T).T, found, atol=1e-12)
    squares = frame.unit_squares(found.T @ found)
    np.testing.assert_allclose(squares, (centred**2).sum(axis=0), rtol=1e-9)


def test_units_are_the_axes_of_more_samples_than_units():
    x = relu(N, N - 1, 1)
    frame = Frame.of(x)
    assert frame.axes is None
    assert frame.size == frame.width == N - 1
    np.testing.assert_array_equal(frame.coordinates(x), x - mean_of(x))


@pytest.mark.parametrize("n", [2, 20])
def test_a_constant_representation_has_one_axis_with_nothing_along_it(n):
    found = factorise(np.full((n, 30), 0.1))
    assert (found.size, found.width, found.rank, found.dead_units) == (1, 30, 0, 30)
    assert found.total_variation == 0


@every_pair_of_layers
def test_every_number_of_the_geometry_is_that_along_the_units(layers, along_units):
    found, expected = rows_of(*layers), along_units(rows_of, *layers)
    for row, along in zip(found, expected, strict=True):
        assert (row.measure, row.backward, row.n) == (along.measure, along.backward, along.n)
        assert (row.flag, row.note) == (along.flag, along.note)
        if determined(row):
            for number in NUMBERS:
                same(getattr(row, number), getattr(along, number))


@every_pair_of_layers
def test_convergence_is_that_along_the_units(layers, along_units):
    found = convergence(pair_of(*layers), ALL)
    expected = along_units(lambda: convergence(pair_of(*layers), ALL))
    for row, along in zip(found, expected, strict=True):
        assert (row.measure, row.n, row.note) == (along.measure, along.n, along.note)
        if determined(row):
            same(row.value, along.value)


@every_pair_of_layers
def test_sizes_ranks_and_dead_units_are_those_along_the_units(layers, along_units):
    for x in layers:
        found, expected = factorise(x), along_units(factorise, x)
        assert (found.width, found.rank) == (expected.width, expected.rank)
        assert found.dead_units == expected.dead_units
        same(found.effective_rank, expected.effective_rank)
        same(found.squared_norms, expected.squared_norms)
        same(found.singular_values, expected.singular_values)


@every_pair_of_layers
def test_units_are_matched_as_they_are(layers, along_units):
    def matched():
        pair = pair_of(*layers)
        return unit_matching(correlations(pair), pair)

    found, expected = matched(), along_units(matched)
    same(found[:4], expected[:4])
    assert found[4:] == expected[4:]
    centred = [x - x.mean(axis=0, dtype=np.float64) for x in layers]
    one, other = (x / np.maximum(np.linalg.norm(x, axis=0), 1e-300) for x in centred)
    np.testing.assert_allclose(correlations(pair_of(*layers)), one.T @ other, atol=1e-9)


def scored(x, y, x_test, y_test, family):
    """A map from x to y, and its scores on other samples."""
    rng, labels = np.random.default_rng(3), labels_of(len(x_test))
    weight = rng.standard_normal((CLASSES, y.shape[1]))
    logits = y_test @ weight.T + 4 * y_test.std() * np.eye(CLASSES)[labels]
    classifier = TargetClassifier(weight, np.zeros(CLASSES), logits, labels)
    a, b = moments(x), moments(y)
    fit = PairMoments(a, b, cross_covariance(x, a, y, b))
    mapping = synthetic_maps.fitted(x, y, [family])[family]
    return mapping, vars(score_map(mapping, fit, pair_of(x_test, y_test), classifier))


# Whether the source and the target are wider than the fit and the test split are long.
SPLITS = {
    "everything is wider": (90, 70, 40, 50),
    "the source of the fit split": (90, 20, 60, 99),
    "the target of the fit split": (20, 90, 60, 99),
    "the test split": (45, 40, 95, 33),
}


@pytest.mark.parametrize("sizes", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_maps_and_their_scores_are_those_along_the_units(family, sizes, along_units):
    width_a, width_b, n_fit, n_test = sizes
    # A rotation takes dead units to dead units, but there is no telling which to which.
    everything = [
        relu(n_fit + n_test, width, seed, dead=family != "orthogonal")
        for width, seed in ((width_a, 1), (width_b, 2))
    ]
    rows = [x[:n_fit] for x in everything] + [x[n_fit:] for x in everything]
    mapping, scores = scored(*rows, family)
    expected, expected_scores = along_units(scored, *rows, family)
    assert mapping.weight.shape == (width_a, width_b)
    fitted = mapping.predict(rows[0])
    np.testing.assert_allclose(fitted, expected.predict(rows[0]), atol=1e-9 * np.abs(fitted).max())
    if family == "orthogonal" and n_fit <= min(width_a, width_b):
        # Along the units, the rest of the rotation is any that the decomposition happens to give.
        alone = ("n_fit", "n_test", "r2_fit", "r2_floor", "target_accuracy")
        assert mapping.rank == np.linalg.matrix_rank(mapping.weight) <= n_fit - 1
    else:
        alone = tuple(scores)
        size = np.abs(expected.weight).max()
        np.testing.assert_allclose(mapping.weight, expected.weight, atol=1e-9 * size)
        np.testing.assert_allclose(mapping.bias, expected.bias, atol=1e-9 * np.abs(rows[1]).max())
        assert (mapping.rank, mapping.note) == (expected.rank, expected.note)
        same(mapping.penalty, expected.penalty)
    for name in alone:
        if name == "note":
            assert scores[name] == expected_scores[name]
        else:
            same(scores[name], expected_scores[name])


def test_what_the_fit_split_does_not_span_is_mapped_to_nothing_by_a_rotation():
    x, y = relu(20, 60, 1), relu(20, 40, 2)
    mapping = synthetic_maps.fitted(x, y, ["orthogonal"])["orthogonal"]
    scales = np.linalg.svd(mapping.weight, compute_uv=False)
    np.testing.assert_allclose(scales[:19], scales[0])
    np.testing.assert_allclose(scales[19:], 0, atol=1e-12)
    other = np.random.default_rng(0).standard_normal(60)
    frame = Frame.of(x)
    other -= frame.axes @ (frame.axes.T @ other)
    np.testing.assert_allclose(other @ mapping.weight, 0, atol=1e-12)


def test_nothing_is_as_large_as_the_square_of_many_units():
    x = relu(40, 3000, 1)
    tracemalloc.start()
    whole = Representation.of(x, labels_of(40), labels_of(40))
    factorise(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert whole.scatters.shape == (16, 39, 39)
    assert peak < 3000**2 * 8 / 5


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_size_of_a_chunk_changes_nothing(chunk):
    x = relu(20, 60, 1)
    found = moments(x, chunk)
    np.testing.assert_allclose(found.scatter, moments(x).scatter, atol=1e-9)
