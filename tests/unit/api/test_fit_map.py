"""Maps between arrays are those of the library."""

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score
from unit.support.synthetic_representations import related

import repcompare
from repcompare import api
from repcompare.maps.families import FAMILIES

X, Y = related()


def test_a_map_that_exists_is_found():
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((6, 3)), rng.standard_normal(3)
    mapping = repcompare.fit_map(X, X @ weight + bias)
    np.testing.assert_allclose(mapping.weight, weight, atol=1e-9)
    np.testing.assert_allclose(mapping.bias, bias, atol=1e-9)
    np.testing.assert_allclose(mapping.predict(X[:5]), X[:5] @ weight + bias, atol=1e-9)
    assert mapping.rank == 3


def test_rotations_and_permutations_are_found():
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    found = repcompare.fit_map(X, 2 * X @ rotation, "orthogonal").weight
    np.testing.assert_allclose(found, 2 * rotation, atol=1e-9)
    order = np.array([3, 0, 2, 5, 1, 4])
    found = repcompare.fit_map(X, 2 * X[:, order], "permutation").weight
    np.testing.assert_allclose(found, 2 * np.eye(6)[:, order], atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_its_score_is_that_of_scikit_learn_on_samples_that_it_was_not_fitted_on(family):
    mapping = repcompare.fit_map(X[:100].tolist(), torch.from_numpy(Y[:100]), family)
    assert mapping.family == family
    expected = r2_score(Y[100:], mapping.predict(X[100:]), multioutput="variance_weighted")
    assert repcompare.r2_score(mapping, X[100:], Y[100:]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: api.fit_map(X, Y, "lasso"), "family: 'lasso' is not one of .*ridge"),
        (lambda: api.fit_map(X, Y[:9]), "X has 160, Y has 9"),
        (lambda: api.fit_map(X[0], Y), "X: the shape"),
        (lambda: api.r2_score(api.fit_map(X, Y), Y, Y), "X: has 4 units, and the map is of 6"),
        (lambda: api.r2_score(api.fit_map(X, Y), X, X), "Y: has 6 units, and the map is of 4"),
    ],
)
def test_what_a_map_cannot_be_fitted_on_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
