"""Singular values and vectors from a square are those of the matrix, to half of its digits."""

import numpy as np
import pytest

from repcompare.representations.spectra import singular_values, singular_vectors

SHAPES = [(12, 12), (12, 30), (30, 12), (1, 4)]


def decaying(shape, least):
    """A matrix whose singular values fall from 1 to `least`."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((size, size)))[0] for size in shape)
    count = min(shape)
    return left[:, :count] * np.geomspace(1, least, count) @ right[:count]


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values_are_those_of_the_matrix(shape):
    matrix = decaying(shape, 1e-6)
    expected = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(singular_values(matrix), expected, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("precision", "least", "near"), [(np.float64, 1e-5, 1e-6), (np.float32, 1e-2, 1e-3)]
)
def test_singular_vectors_take_the_matrix_apart_in_its_own_precision(shape, precision, least, near):
    matrix = decaying(shape, least).astype(precision)
    left, values, right = singular_vectors(matrix)
    assert {each.dtype for each in (left, values, right)} == {np.dtype(precision)}
    np.testing.assert_allclose(left * values @ right.T, matrix, atol=near)
    for vectors in (left, right):
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(min(shape)), atol=near)
    assert (np.diff(values) <= near).all()


def test_a_matrix_of_zeros_has_no_singular_values():
    left, values, right = singular_vectors(np.zeros((3, 5)))
    assert not values.any()
    assert not right.any()
    assert left.shape == (3, 3)
    assert not singular_values(np.zeros((3, 5))).any()
