"""Maps against other implementations, refits and exhaustive search."""

from __future__ import annotations

import itertools

import h5py
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from unit.support.synthetic_maps import fitted, related

from repcompare.maps.families import (
    FAMILIES,
    RIDGE_GRID,
    MapProblem,
    fit_maps,
    fit_maps_both_ways,
    leave_one_out_errors,
    validation_gains,
)
from repcompare.representations.moments import Factorisation, cross_covariance, factorise

ALL = list(FAMILIES)
every_family = pytest.mark.parametrize("family", ALL)


def problem(x, y) -> MapProblem:
    a, b = factorise(x), factorise(y)
    return MapProblem(a, b, cross_covariance(x, a, y, b), x, y)


def mean_eigenvalue(a: Factorisation) -> float:
    return float(np.mean(a.singular_values**2))


def centred(x, y):
    return x - x.mean(axis=0), y - y.mean(axis=0)


def low_rank(n: int, width_a: int, width_b: int, rank: int, noise: float, seed: int = 0):
    """A target that is a map of known rank of the source, and noise."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(7)
    x = rng.standard_normal((n, width_a)) + 1
    weight = fixed.standard_normal((width_a, rank)) @ fixed.standard_normal((rank, width_b))
    return x, x @ weight + noise * rng.standard_normal((n, width_b)) - 3


def rank_by_rank(x, y) -> list[np.ndarray]:
    """The least squares weight of every rank: onto the leading directions of the fitted values."""
    x, y = centred(x, y)
    weight = np.linalg.lstsq(x, y, rcond=1e-8)[0]
    right = np.linalg.svd(x @ weight)[2]
    return [weight @ right[:r].T @ right[:r] for r in range(1, y.shape[1] + 1)]


def test_least_squares_is_linear_regression():
    x, y = related()
    found, expected = fitted(x, y)["least_squares"], LinearRegression().fit(x, y)
    np.testing.assert_allclose(found.weight, expected.coef_.T, atol=1e-10)
    np.testing.assert_allclose(found.bias, expected.intercept_, atol=1e-10)
    np.testing.assert_allclose(found.predict(x), expected.predict(x), atol=1e-10)


@pytest.mark.parametrize("case", ["fewer samples than units", "duplicated units", "dead units"])
def test_least_squares_has_the_least_norm_when_many_maps_fit(case):
    x, y = related(n=12 if case.startswith("fewer") else 90, width_a=20)
    if case == "duplicated units":
        x = np.hstack([x, x[:, :5]])
    if case == "dead units":
        x = np.hstack([x, np.full((90, 2), 0.1)])
    expected = np.linalg.lstsq(*centred(x, y), rcond=1e-6)[0]
    np.testing.assert_allclose(fitted(x, y)["least_squares"].weight, expected, atol=1e-8)


@pytest.mark.parametrize(("n", "width_a"), [(40, 6), (15, 30)])
def test_leave_one_out_errors_are_those_of_refits(n, width_a):
    x, y = related(n, width_a)
    given = problem(x, y)
    penalties = np.array(RIDGE_GRID) * mean_eigenvalue(given.source)
    refits = []
    for penalty in penalties:
        error = 0.0
        for i in range(n):
            rest = np.arange(n) != i
            model = Ridge(alpha=penalty, solver="svd").fit(x[rest], y[rest])
            error += ((model.predict(x[i : i + 1]) - y[i]) ** 2).sum()
        refits.append(error)
    np.testing.assert_allclose(leave_one_out_errors(given, penalties), refits, rtol=1e-5)
    np.testing.assert_allclose(leave_one_out_errors(given, penalties, chunk=7), refits, rtol=1e-5)


@pytest.mark.parametrize("noise", [0.3, 1.0, 5.0])
def test_ridge_chooses_as_ridgecv_does_and_solves_as_ridge_does(noise):
    x, y = related(n=30, width_a=20, noise=noise)
    grid = np.array(RIDGE_GRID) * mean_eigenvalue(factorise(x))
    found = fitted(x, y)["ridge"]
    assert found.penalty == pytest.approx(RidgeCV(alphas=grid).fit(x, y).alpha_)
    expected = Ridge(alpha=found.penalty).fit(x, y)
    np.testing.assert_allclose(found.weight, expected.coef_.T, atol=1e-9)
    np.testing.assert_allclose(found.bias, expected.intercept_, atol=1e-9)
    assert found.note == ""


def test_ridge_says_when_its_choice_is_at_the_edge_of_the_grid():
    x, y = related()
    assert fitted(x, x @ np.ones((6, 2)), ["ridge"])["ridge"].note.endswith(
        "lower edge of its grid"
    )
    unrelated = np.random.default_rng(3).standard_normal(y.shape)
    found = fitted(x[:12], unrelated[:12], ["ridge"])["ridge"]
    assert found.note == "lambda at the upper edge of its grid"
    assert found.penalty == pytest.approx(RIDGE_GRID[-1] * mean_eigenvalue(factorise(x[:12])))


@pytest.mark.parametrize("scale", [1e-5, 1e5])
def test_ridge_chooses_alike_at_every_scale(scale):
    x, y = related(n=30, width_a=20)
    one, scaled = fitted(x, y)["ridge"], fitted(x * scale, y / scale)["ridge"]
    assert scaled.penalty == pytest.approx(one.penalty * scale**2)
    np.testing.assert_allclose(scaled.weight * scale**2, one.weight, atol=1e-9)


def test_dead_units_do_not_move_the_penalty():
    x, y = related(n=30, width_a=20)
    padded = np.hstack([x, np.full((30, 20), 0.1)])
    assert fitted(padded, y)["ridge"].penalty == pytest.approx(fitted(x, y)["ridge"].penalty)


@pytest.mark.parametrize("rank", [1, 3])
def test_reduced_rank_finds_the_rank_and_predicts_better_than_least_squares(rank):
    x, y = low_rank(60, 40, 30, rank, noise=3.0)
    x_test, y_test = low_rank(500, 40, 30, rank, noise=3.0, seed=1)
    found = fitted(x, y)
    assert abs(found["reduced_rank"].rank - rank) <= 1
    errors = {name: np.sum((y_test - found[name].predict(x_test)) ** 2) for name in found}
    assert errors["reduced_rank"] < 0.7 * errors["least_squares"]


@pytest.mark.parametrize("widths", [(6, 4), (4, 6)])
def test_reduced_rank_is_least_squares_where_every_direction_predicts(widths):
    x, _ = related(200, *widths)
    y = x @ np.random.default_rng(0).standard_normal(widths)
    found = fitted(x, y)
    assert found["reduced_rank"].rank == 4
    np.testing.assert_allclose(
        found["reduced_rank"].weight, found["least_squares"].weight, atol=1e-9
    )


@pytest.mark.parametrize(
    ("n", "width_a", "width_b"), [(93, 8, 5), (93, 4, 6), (20, 40, 5)], ids=str
)
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_validation_gains_are_those_of_maps_refitted_to_four_fifths(n, width_a, width_b, offset):
    x, y = related(n, width_a, width_b, noise=0.5)
    x[-n // 5 :] += 0.3  # what is left out has another mean than the rest
    x, y = x + offset, y - offset
    rest, last = slice(n - n // 5), slice(n - n // 5, None)
    mean_x, mean_y = x[rest].mean(axis=0), y[rest].mean(axis=0)
    error = ((y[last] - mean_y) ** 2).sum()
    expected = [
        error - ((y[last] - mean_y - (x[last] - mean_x) @ weight) ** 2).sum()
        for weight in rank_by_rank(x[rest], y[rest])
    ]
    for chunk in (1000, 7):
        found = validation_gains(problem(x, y), chunk=chunk)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * error)


@pytest.mark.parametrize("noise", [0.3, 3.0])
def test_reduced_rank_fits_everything_at_the_rank_of_the_largest_gain(noise):
    x, y = related(50, 20, 8, noise=noise)
    rank = int(np.argmax(validation_gains(problem(x, y)))) + 1
    found = fitted(x, y)["reduced_rank"]
    assert found.rank == rank < 8
    np.testing.assert_allclose(found.weight, rank_by_rank(x, y)[rank - 1], atol=1e-9)


def test_orthogonal_is_a_rotation_with_the_best_scale():
    x, y = related(width_a=5, width_b=5)
    found = fitted(x, y)["orthogonal"]
    x, y = centred(x, y)
    rotation, trace = scipy.linalg.orthogonal_procrustes(x, y)
    np.testing.assert_allclose(found.weight, rotation * trace / np.linalg.norm(x) ** 2, atol=1e-10)


@pytest.mark.parametrize("widths", [(6, 4), (4, 6)])
def test_orthogonal_between_unequal_widths_is_semi_orthogonal_with_the_best_scale(widths):
    x, y = related(90, *widths)
    weight = fitted(x, y)["orthogonal"].weight
    gram = weight @ weight.T if widths[0] < widths[1] else weight.T @ weight
    np.testing.assert_allclose(gram, np.eye(min(widths)) * gram[0, 0], atol=1e-12)
    x, y = centred(x, y)
    best = scipy.optimize.minimize_scalar(lambda s: np.linalg.norm(y - s * x @ weight) ** 2)
    assert best.x == pytest.approx(1, abs=1e-6)


def test_orthogonal_finds_a_rotation_scale_and_shift():
    x, _ = related(width_a=5)
    rotation = np.linalg.qr(np.random.default_rng(2).standard_normal((5, 5)))[0]
    found = fitted(x, 3 * x @ rotation - 7)["orthogonal"]
    np.testing.assert_allclose(found.weight, 3 * rotation, atol=1e-9)
    np.testing.assert_allclose(found.bias, -7, atol=1e-9)


def test_a_source_that_a_rotation_cannot_reach_is_mapped_to_the_mean():
    x = np.array([[0.0, 0, 1], [0, 0, -1], [0, 0, 1], [0, 0, -1]])
    y = np.array([[1.0], [1], [-1], [-1]])
    found = fitted(x, y)["orthogonal"]
    np.testing.assert_array_equal(found.weight, 0)
    assert found.rank == 0


@pytest.mark.parametrize(("width_a", "width_b"), [(6, 6), (6, 4), (4, 6)])
def test_permutation_finds_the_units_and_their_scales(width_a, width_b):
    x, _ = related(width_a=width_a)
    rng = np.random.default_rng(5)
    units, scales = rng.permutation(width_a)[:width_b], rng.uniform(0.1, 9, min(width_a, width_b))
    planted = np.zeros((width_a, width_b))
    places = rng.permutation(width_b)[: len(units)]
    planted[units, places] = scales
    y = x @ planted - 4
    y[:, planted.sum(axis=0) == 0] += 0.01 * rng.standard_normal((90, width_b - len(units)))
    found = fitted(x, y)["permutation"]
    np.testing.assert_allclose(found.weight, planted, atol=1e-9)
    assert found.rank == min(width_a, width_b)
    np.testing.assert_allclose(found.predict(x)[:, places], y[:, places], atol=1e-9)


@pytest.mark.parametrize("widths", [(5, 5), (6, 3), (3, 6)])
@pytest.mark.parametrize("seed", range(3))
def test_permutation_is_the_best_of_all_assignments(widths, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, widths[0])) * rng.uniform(0.2, 5, widths[0])
    y = x @ rng.standard_normal(widths) + rng.standard_normal((40, widths[1]))
    found = fitted(x, y)["permutation"]
    assert (np.count_nonzero(found.weight, axis=0) <= 1).all()
    assert (np.count_nonzero(found.weight, axis=1) <= 1).all()
    assert (found.weight >= 0).all()

    x, y = centred(x, y)
    slopes = np.maximum(x.T @ y / (x**2).sum(axis=0)[:, None], 0)
    errors = [
        [np.sum((y[:, j] - s * x[:, i]) ** 2) - np.sum(y[:, j] ** 2) for j, s in enumerate(row)]
        for i, row in enumerate(slopes)
    ]
    errors = np.array(errors) if widths[0] >= widths[1] else np.transpose(errors)
    least = min(
        errors[list(rows), np.arange(min(widths))].sum()
        for rows in itertools.permutations(range(max(widths)), min(widths))
    )
    error = np.sum((y - x @ found.weight) ** 2) - np.sum(y**2)
    assert error == pytest.approx(least)


def test_permutation_leaves_dead_and_opposed_units_unused():
    x, _ = related(width_a=3, noise=5)
    found = fitted(np.hstack([np.full((90, 1), 0.1), x]), np.hstack([x[:, :2], -x[:, 2:]]))
    weight = found["permutation"].weight
    np.testing.assert_array_equal(weight[0], 0)
    np.testing.assert_allclose(weight[1:3, :2], np.eye(2))
    np.testing.assert_array_equal(weight[3], 0)
    assert found["permutation"].rank == 2


@every_family
@pytest.mark.parametrize(("n", "width_a"), [(90, 6), (90, 3), (20, 40), (3, 6)])
def test_a_map_has_the_rank_it_says(family, n, width_a):
    found = fitted(*related(n, width_a))[family]
    assert found.rank == np.linalg.matrix_rank(found.weight, tol=1e-9)
    assert found.rank <= min(width_a, 4)


@every_family
@pytest.mark.parametrize("dead", [1, 4])
def test_dead_units_of_the_target_count_for_no_rank(family, dead):
    x, y = related()
    y[:, :dead] = 0.1
    found = fitted(x, y)[family]
    if family == "orthogonal" and dead < 4:  # which is a rotation, though one into nothing
        assert found.rank == np.linalg.matrix_rank(found.weight) == 4
    else:
        assert found.rank == np.linalg.matrix_rank(found.weight) == 4 - dead


@every_family
@pytest.mark.parametrize(("n", "width_a"), [(90, 6), (20, 40)])
def test_the_mean_is_mapped_to_the_mean(family, n, width_a):
    x, y = related(n, width_a)
    np.testing.assert_allclose(fitted(x, y)[family].predict(x).mean(axis=0), y.mean(axis=0))


@every_family
@pytest.mark.parametrize("scales", [(1e-5, 1), (1e5, 1), (1, 1e-5), (1, 1e5), (1e-5, 1e5)])
@pytest.mark.parametrize(("n", "width_a"), [(90, 6), (20, 40)])
def test_predictions_scale_with_the_target_and_not_with_the_source(family, n, width_a, scales):
    x, y = related(n, width_a)
    x_test, _ = related(30, width_a, seed=1)
    found = fitted(x * scales[0], y * scales[1])[family].predict(x_test * scales[0])
    expected = fitted(x, y)[family].predict(x_test)
    np.testing.assert_allclose(found / scales[1], expected, rtol=1e-6, atol=1e-6)


@every_family
@pytest.mark.parametrize("n", [90, 12])
def test_dead_units_change_no_prediction(family, n):
    x, y = related(n, 4, 6)
    x_test, _ = related(30, 4, seed=1)
    expected = fitted(x, y)[family].predict(x_test)
    # A rotation takes units somewhere even if they are dead, so that there they must stay so.
    dead = np.full((n, 2), 0.1), np.full((30, 2), 0.1 if family == "orthogonal" else 0.7)
    of_source = fitted(np.hstack([dead[0], x]), y)[family].predict(np.hstack([dead[1], x_test]))
    np.testing.assert_allclose(of_source, expected, atol=1e-8)
    to_target = fitted(x, np.hstack([dead[0], y]))[family]
    np.testing.assert_allclose(to_target.predict(x_test)[:, 2:], expected, atol=1e-8)
    np.testing.assert_allclose(to_target.predict(x_test)[:, :2], 0.1)


@every_family
def test_a_constant_source_is_mapped_to_the_mean(family):
    _, y = related()
    x = np.full((90, 3), 0.1)
    mapping = fitted(x, y)[family]
    np.testing.assert_allclose(mapping.predict(x), np.tile(y.mean(axis=0), (90, 1)))
    assert (mapping.rank, mapping.note) == (0, "constant source representation")


@every_family
def test_both_ways_are_what_each_way_is(family):
    x, y = related()
    a, b = factorise(x), factorise(y)
    cross = cross_covariance(x, a, y, b)
    there, back = fit_maps_both_ways(a, b, cross, ALL, x, y)
    for found, alone in ((there, fitted(x, y)), (back, fitted(y, x))):
        np.testing.assert_allclose(found[family].weight, alone[family].weight, atol=1e-10)
        np.testing.assert_allclose(found[family].bias, alone[family].bias, atol=1e-10)
        assert found[family].penalty == pytest.approx(alone[family].penalty)
        assert found[family].rank == alone[family].rank


def test_hdf5_data_sets_give_what_arrays_give(tmp_path):
    x, y = (each.astype(np.float32) for each in related())
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = fitted(file.create_dataset("x", data=x), file.create_dataset("y", data=y))
    for family, found in fitted(x, y).items():
        np.testing.assert_allclose(stored[family].weight, found.weight, rtol=1e-12)


def test_what_does_not_fit_together_is_refused():
    x, y = related()
    a, b = factorise(x), factorise(y)
    cross = cross_covariance(x, a, y, b)
    with pytest.raises(ValueError, match="target rows"):
        fit_maps(a, b, cross, ALL, x, y[:50])
    with pytest.raises(ValueError, match="cross-covariance"):
        fit_maps(a, b, cross.T, ALL, x, y)
