"""Moments and factorisations say what the samples say, whatever the scale, offset or chunk."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest

from repcompare.representations.moments import (
    CUTOFF,
    Frame,
    cross_covariance,
    diagonalise,
    factorise,
    moments,
    row_chunks,
)


def sample(n: int = 60, width: int = 7, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, width)) @ rng.standard_normal((width, width)) + 3


def assert_same_factorisation(one, other, rtol=1e-9):
    np.testing.assert_allclose(one.mean, other.mean, rtol=rtol)
    np.testing.assert_allclose(one.scatter, other.scatter, rtol=rtol)
    np.testing.assert_allclose(one.squared_norms, other.squared_norms, rtol=rtol)
    np.testing.assert_allclose(one.singular_values, other.singular_values, rtol=rtol)
    projections = [each.basis @ each.basis.T for each in (one, other)]
    np.testing.assert_allclose(*projections, atol=rtol)


def test_moments_are_those_of_the_centred_samples():
    x = sample()
    centred = x - x.mean(axis=0)
    found = moments(x)
    assert found.n == 60
    assert found.width == 7
    np.testing.assert_allclose(found.mean, x.mean(axis=0))
    np.testing.assert_allclose(found.scatter, centred.T @ centred)
    np.testing.assert_allclose(found.squared_norms, (centred**2).sum(axis=1))
    assert found.total_variation == pytest.approx((centred**2).sum())


def test_the_factorisation_is_the_singular_value_decomposition_of_the_centred_samples():
    x = sample()
    found = factorise(x)
    _, scales, right = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(found.singular_values, scales, rtol=1e-9)
    np.testing.assert_allclose(np.abs(right @ found.basis), np.eye(7), atol=1e-7)
    assert found.rank == 7


@pytest.mark.parametrize("chunk", [1, 7, 59, 60, 1000])
def test_the_size_of_a_chunk_changes_nothing(chunk):
    x, y = sample(), sample(width=5, seed=1)
    assert_same_factorisation(factorise(x, chunk=chunk), factorise(x))
    whole = (x - x.mean(axis=0)).T @ (y - y.mean(axis=0))
    streamed = cross_covariance(x, Frame.of(x), y, Frame.of(y), chunk=chunk)
    np.testing.assert_allclose(streamed, whole, atol=1e-10)


def test_chunks_cover_every_row_once():
    assert list(row_chunks(10, 4)) == [slice(0, 4), slice(4, 8), slice(8, 10)]
    with pytest.raises(ValueError, match="at least 1 row"):
        list(row_chunks(10, 0))


def test_an_hdf5_data_set_gives_what_the_array_gives(tmp_path):
    x, y = sample().astype(np.float32), sample(width=5, seed=1).astype(np.float32)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored_x = file.create_dataset("x", data=x, chunks=(16, 7))
        stored_y = file.create_dataset("y", data=y, chunks=(16, 5))
        found, other = factorise(stored_x, chunk=17), factorise(stored_y, chunk=17)
        cross = cross_covariance(stored_x, found, stored_y, other, chunk=17)
    assert_same_factorisation(found, factorise(x))
    expected = (x - x.mean(0, np.float64)).T @ (y - y.mean(0, np.float64))
    np.testing.assert_allclose(cross, expected, atol=1e-9)


def test_float32_input_is_accumulated_in_float64():
    x = sample(n=5000).astype(np.float32)
    found, exact = factorise(x), factorise(x.astype(np.float64))
    assert found.scatter.dtype == found.mean.dtype == found.basis.dtype == np.float64
    assert_same_factorisation(found, exact, rtol=1e-12)


def test_a_large_mean_costs_no_digits():
    # Multiples of 2^-10 with an offset below 2^14 are exact in float32, so only the method can err.
    x = np.round(sample(n=500) * 2**10) / 2**10
    x -= x.mean(axis=0).round()
    shifted = (x + 1e4).astype(np.float32)
    np.testing.assert_array_equal(shifted, x + 1e4)
    found, exact = factorise(shifted), factorise(x)
    np.testing.assert_allclose(found.scatter, exact.scatter, rtol=1e-10, atol=1e-8)
    np.testing.assert_allclose(found.singular_values, exact.singular_values, rtol=1e-10)


@pytest.mark.parametrize("scale", [1e-5, 1e5])
def test_scale_passes_through(scale):
    one, scaled = factorise(sample()), factorise(sample() * scale)
    assert scaled.rank == one.rank
    np.testing.assert_allclose(scaled.singular_values, one.singular_values * scale, rtol=1e-9)
    assert scaled.effective_rank == pytest.approx(one.effective_rank)


def test_dead_units_are_counted_and_add_no_rank():
    x = np.hstack([sample(), np.full((60, 1), 0.1), np.zeros((60, 2))]).astype(np.float32)
    found = factorise(x, chunk=7)
    assert found.dead_units == 3
    assert found.rank == 7


def test_duplicated_units_add_no_rank():
    x = sample().astype(np.float32)
    found = factorise(np.hstack([x, x[:, :3]]))
    assert found.width == 10
    assert found.rank == 7
    assert found.dead_units == 0


def test_fewer_samples_than_units_leave_rank_n_minus_one():
    assert factorise(sample(n=5, width=9)).rank == 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_representation_has_rank_zero(dtype):
    found = factorise(np.full((20, 4), 0.1, dtype=dtype), chunk=3)
    assert (found.rank, found.effective_rank, found.dead_units) == (0, 0.0, 4)
    assert found.basis.shape == (4, 0)


@pytest.mark.parametrize(("ratio", "rank"), [(2.0, 3), (0.5, 2)])
def test_components_below_the_cut_off_are_dropped(ratio, rank):
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    given = moments(sample(width=3))
    eigenvalues = np.array([5.0, 1.0, 5.0 * CUTOFF * ratio])
    scatter = (basis * eigenvalues) @ basis.T
    given = dataclasses.replace(given, scatter=scatter)
    assert diagonalise(given).rank == rank


def test_rounding_to_float32_is_not_counted_as_rank():
    rng = np.random.default_rng(0)
    low_rank = rng.standard_normal((400, 5)) @ rng.standard_normal((5, 50))
    assert factorise(low_rank.astype(np.float32)).rank == 5


def test_effective_rank_counts_equal_components():
    x = np.linalg.qr(sample(width=4) - sample(width=4).mean(axis=0))[0]
    assert factorise(x).effective_rank == pytest.approx(4)
    assert factorise(x * [1, 1, 1e-4, 1e-4]).effective_rank == pytest.approx(2, abs=1e-2)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(5), "shape"),
        (np.zeros((1, 5)), "at least 2 samples"),
        (np.zeros((5, 0)), "1 unit"),
        (np.array([[0.0, 1.0], [np.nan, 1.0], [2.0, np.inf]]), "2 of 2 units"),
        (np.array([[np.inf, 1.0], [np.inf, 2.0]]), "1 of 2 units"),
    ],
)
def test_what_is_not_a_representation_is_refused(x, message):
    with pytest.raises(ValueError, match=message):
        moments(x)


def test_different_samples_have_no_cross_covariance():
    found = Frame.of(sample())
    with pytest.raises(ValueError, match="60 and 59"):
        cross_covariance(sample(), found, sample(n=59), found)
