"""Maps against other implementations, refits and explicit predictions."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.metrics import r2_score

from repcompare.factorisation import Factorisation, cross_covariance, factorise, moments
from repcompare.maps import (
    FAMILIES,
    RIDGE_GRID,
    AffineMap,
    MapProblem,
    PairMoments,
    TargetClassifier,
    fit_maps,
    fit_maps_both_ways,
    leave_one_out_errors,
    r_squared,
    score_map,
    stitched_predictions,
)

ALL = list(FAMILIES)


def related(n: int = 90, width_a: int = 6, width_b: int = 4, seed: int = 0, noise: float = 1.0):
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 3))
    mixing = np.random.default_rng(99)
    x, y = (
        common @ mixing.standard_normal((3, width)) + noise * rng.standard_normal((n, width)) + 2
        for width in (width_a, width_b)
    )
    return x, y


def fitted(x, y, families=ALL) -> dict[str, AffineMap]:
    a, b = factorise(x), factorise(y)
    return fit_maps(a, b, cross_covariance(x, a.mean, y, b.mean), families, x, y)


def problem(x, y) -> MapProblem:
    a, b = factorise(x), factorise(y)
    return MapProblem(a, b, cross_covariance(x, a.mean, y, b.mean), x, y)


def pair_moments(x, y) -> PairMoments:
    a, b = moments(x), moments(y)
    return PairMoments(a, b, cross_covariance(x, a.mean, y, b.mean))


def mean_eigenvalue(a: Factorisation) -> float:
    return float(np.mean(a.singular_values**2))


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
    centred = x - x.mean(axis=0)
    expected = np.linalg.pinv(centred, rcond=1e-6) @ (y - y.mean(axis=0))
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


def test_orthogonal_is_a_rotation_with_the_best_scale():
    x, y = related(width_a=5, width_b=5)
    found = fitted(x, y)["orthogonal"]
    centred = x - x.mean(axis=0), y - y.mean(axis=0)
    rotation, trace = scipy.linalg.orthogonal_procrustes(*centred)
    np.testing.assert_allclose(
        found.weight, rotation * trace / np.linalg.norm(centred[0]) ** 2, atol=1e-10
    )


@pytest.mark.parametrize("widths", [(6, 4), (4, 6)])
def test_orthogonal_between_unequal_widths_is_semi_orthogonal_with_the_best_scale(widths):
    x, y = related(90, *widths)
    weight = fitted(x, y)["orthogonal"].weight
    gram = weight @ weight.T if widths[0] < widths[1] else weight.T @ weight
    np.testing.assert_allclose(gram, np.eye(min(widths)) * gram[0, 0], atol=1e-12)
    centred = x - x.mean(axis=0), y - y.mean(axis=0)
    best = scipy.optimize.minimize_scalar(
        lambda s: np.linalg.norm(centred[1] - s * centred[0] @ weight) ** 2
    )
    assert best.x == pytest.approx(1, abs=1e-6)


def test_orthogonal_finds_a_rotation_scale_and_shift():
    x, _ = related(width_a=5)
    rotation = np.linalg.qr(np.random.default_rng(2).standard_normal((5, 5)))[0]
    found = fitted(x, 3 * x @ rotation - 7)["orthogonal"]
    np.testing.assert_allclose(found.weight, 3 * rotation, atol=1e-9)
    np.testing.assert_allclose(found.bias, -7, atol=1e-9)


@pytest.mark.parametrize("family", ALL)
def test_the_mean_is_mapped_to_the_mean(family):
    x, y = related()
    np.testing.assert_allclose(fitted(x, y)[family].predict(x).mean(axis=0), y.mean(axis=0))


@pytest.mark.parametrize("family", ALL)
def test_both_ways_are_what_each_way_is(family):
    x, y = related()
    a, b = factorise(x), factorise(y)
    cross = cross_covariance(x, a.mean, y, b.mean)
    there, back = fit_maps_both_ways(a, b, cross, ALL, x, y)
    for found, alone in ((there, fitted(x, y)), (back, fitted(y, x))):
        np.testing.assert_allclose(found[family].weight, alone[family].weight, atol=1e-10)
        np.testing.assert_allclose(found[family].bias, alone[family].bias, atol=1e-10)
        assert found[family].penalty == pytest.approx(alone[family].penalty)


def test_moments_of_a_pair_reverse():
    x, y = related()
    there, back = pair_moments(x, y), pair_moments(y, x).reversed()
    np.testing.assert_array_equal(there.source.mean, back.source.mean)
    np.testing.assert_array_equal(there.target.mean, back.target.mean)
    np.testing.assert_allclose(there.cross, back.cross, atol=1e-10)


def test_hdf5_data_sets_give_what_arrays_give(tmp_path):
    x, y = (each.astype(np.float32) for each in related())
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = fitted(file.create_dataset("x", data=x), file.create_dataset("y", data=y))
    for family, found in fitted(x, y).items():
        np.testing.assert_allclose(stored[family].weight, found.weight, rtol=1e-12)


@pytest.mark.parametrize("family", ALL)
@pytest.mark.parametrize(("n", "width_a", "offset"), [(90, 6, 0.0), (90, 6, 1e4), (20, 40, 0.0)])
def test_r_squared_from_moments_is_r_squared_of_predictions(family, n, width_a, offset):
    x, y = related(n, width_a)
    x_test, y_test = related(60, width_a, seed=1)
    x, y, x_test, y_test = x + offset, y + offset, x_test + offset, y_test + offset
    mapping = fitted(x, y)[family]
    on_fit = r_squared(mapping, pair_moments(x, y), y.mean(axis=0))
    expected = r2_score(y, mapping.predict(x), multioutput="variance_weighted")
    assert on_fit == pytest.approx(expected, abs=1e-9)
    on_test = r_squared(mapping, pair_moments(x_test, y_test), y.mean(axis=0))
    error = ((y_test - mapping.predict(x_test)) ** 2).sum()
    total = ((y_test - y.mean(axis=0)) ** 2).sum()
    assert on_test == pytest.approx(1 - error / total, abs=1e-9)


def test_r_squared_is_about_the_training_mean():
    _, y = related()
    x_test, y_test = related(60, seed=1)
    training_mean = y.mean(axis=0)
    knows_nothing = AffineMap("none", np.zeros((6, 4)), training_mean, 0.0, "")
    moved = pair_moments(x_test, y_test + 5)
    assert r_squared(knows_nothing, moved, training_mean) == pytest.approx(0, abs=1e-12)


def test_r_squared_survives_a_nearly_singular_source():
    rng = np.random.default_rng(0)
    x = (
        rng.standard_normal((300, 8))
        * np.geomspace(1, 3e-5, 8)
        @ np.linalg.qr(rng.standard_normal((8, 8)))[0]
    )
    y = rng.standard_normal((300, 4))
    mapping = fitted(x[:150], y[:150])["least_squares"]
    test_x, test_y = x[150:], y[150:]
    found = r_squared(mapping, pair_moments(test_x, test_y), y[:150].mean(axis=0))
    error = ((test_y - mapping.predict(test_x)) ** 2).sum()
    expected = 1 - error / ((test_y - y[:150].mean(axis=0)) ** 2).sum()
    assert found == pytest.approx(expected, abs=1e-6)


def test_independent_representations_score_the_floor_on_the_fit_split():
    rng = np.random.default_rng(0)
    n, width = 400, 100
    x, y = rng.standard_normal((n, width)), rng.standard_normal((n, width))
    scores = scored(x, y, x, y, "least_squares")
    assert scores.r2_floor == pytest.approx(100 / 399)
    assert scores.r2_fit == pytest.approx(scores.r2_floor, abs=0.01)


@pytest.mark.parametrize(("n_fit", "floor"), [(41, 20 / 40), (12, 1.0)])
def test_the_floor_depends_on_the_source_and_the_fit_split_and_is_at_most_one(n_fit, floor):
    x, y = related(n_fit, width_a=20)
    assert scored(x, y, *related(60, width_a=20, seed=1), "ridge").r2_floor == floor


def classifier_of(y: np.ndarray, classes: int = 3, seed: int = 4) -> TargetClassifier:
    """A classifier whose labels are its own predictions but for some."""
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((classes, y.shape[1]))
    bias = rng.standard_normal(classes)
    logits = (y @ weight.T + bias).astype(np.float32)
    labels = logits.argmax(axis=1)
    labels[::10] = (labels[::10] + 1) % classes
    return TargetClassifier(weight.astype(np.float32), bias, logits, labels)


def scored(x, y, x_test, y_test, family, classifier=None):
    classifier = classifier or classifier_of(y_test)
    mapping = fitted(x, y)[family]
    return score_map(mapping, pair_moments(x, y), pair_moments(x_test, y_test), x_test, classifier)


@pytest.mark.parametrize("family", ALL)
def test_stitched_scores_are_those_of_explicit_predictions(family):
    x, y = related()
    x_test, y_test = related(60, seed=1)
    classifier = classifier_of(y_test)
    scores = scored(x, y, x_test, y_test, family)
    logits = fitted(x, y)[family].predict(x_test) @ classifier.weight.T + classifier.bias
    stitched, own = logits.argmax(axis=1), classifier.logits.argmax(axis=1)
    assert scores.stitched_accuracy == np.mean(stitched == classifier.labels)
    assert scores.agreement == np.mean(stitched == own)
    assert scores.target_accuracy == pytest.approx(0.9)
    chance = np.bincount(classifier.labels).max() / 60
    expected = (scores.stitched_accuracy - chance) / (0.9 - chance)
    assert scores.recovered_accuracy == pytest.approx(expected)
    mapping, training_mean = fitted(x, y)[family], y.mean(axis=0)
    for found, moments_of in ((scores.r2_fit, (x, y)), (scores.r2_test, (x_test, y_test))):
        expected = r_squared(mapping, pair_moments(*moments_of), training_mean)
        assert found == pytest.approx(expected, abs=1e-12)
    assert 0 < scores.agreement < 1


def test_stitching_streams():
    x, y = related()
    classifier, mapping = classifier_of(y), fitted(x, y)["ridge"]
    whole, streamed = (
        stitched_predictions(mapping, x, classifier.weight, classifier.bias, chunk=chunk)
        for chunk in (1000, 7)
    )
    np.testing.assert_array_equal(whole, streamed)


@pytest.mark.parametrize("family", ALL)
def test_a_model_maps_to_itself_perfectly(family):
    x, _ = related()
    x_test, _ = related(60, seed=1)
    scores = scored(x, x, x_test, x_test, family)
    assert scores.r2_fit == pytest.approx(1, abs=1e-5)
    assert scores.r2_test == pytest.approx(1, abs=1e-5)
    assert scores.recovered_accuracy == 1
    assert scores.agreement == 1


@pytest.mark.parametrize("accuracy", ["below chance", "at chance"])
def test_recovered_accuracy_is_undefined_for_a_target_no_better_than_chance(accuracy):
    x, y = related()
    classifier = dataclasses.replace(classifier_of(y), labels=np.zeros(90, dtype=np.int64))
    if accuracy == "at chance":
        classifier = dataclasses.replace(classifier, logits=np.tile([1.0, 0.0, 0.0], (90, 1)))
    scores = scored(x, y, x, y, "least_squares", classifier)
    assert np.isnan(scores.recovered_accuracy)
    assert scores.note == "target accuracy is not above chance"
    assert np.isfinite(scores.stitched_accuracy)


def test_the_note_of_a_map_is_kept_beside_those_of_its_scores():
    x, _ = related()
    classifier = dataclasses.replace(classifier_of(x), labels=np.zeros(90, dtype=np.int64))
    scores = scored(x, x, x, x, "ridge", classifier)
    assert scores.note == (
        "lambda at the lower edge of its grid; target accuracy is not above chance"
    )


@pytest.mark.parametrize("family", ALL)
def test_a_constant_source_is_mapped_to_the_mean(family):
    _, y = related()
    x = np.full((90, 3), 0.1)
    mapping = fitted(x, y)[family]
    np.testing.assert_allclose(mapping.predict(x), np.tile(y.mean(axis=0), (90, 1)))
    scores = scored(x, y, x, y, family)
    assert scores.r2_fit == pytest.approx(0, abs=1e-12)
    assert scores.note.startswith("constant source representation")


def test_a_source_that_a_rotation_cannot_reach_is_mapped_to_the_mean():
    x = np.array([[0.0, 0, 1], [0, 0, -1], [0, 0, 1], [0, 0, -1]])
    y = np.array([[1.0], [1], [-1], [-1]])
    np.testing.assert_array_equal(fitted(x, y)["orthogonal"].weight, 0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("family", ALL)
def test_a_constant_target_has_no_r_squared(family):
    x, _ = related()
    y = np.full((90, 3), 0.1)
    scores = scored(x, y, x, y, family, classifier_of(related(width_b=3)[1]))
    assert np.isnan(scores.r2_fit)
    assert np.isnan(scores.r2_test)
    assert (
        "target is constant on the fit split; target is constant on the test split" in scores.note
    )


def test_what_does_not_fit_together_is_refused():
    x, y = related()
    a, b = factorise(x), factorise(y)
    cross = cross_covariance(x, a.mean, y, b.mean)
    with pytest.raises(ValueError, match="unknown map families \\['affine'\\]"):
        fit_maps(a, b, cross, ["affine"], x, y)
    with pytest.raises(ValueError, match="target rows"):
        fit_maps(a, b, cross, ALL, x, y[:50])
    with pytest.raises(ValueError, match="cross-covariance"):
        fit_maps(a, b, cross.T, ALL, x, y)
    with pytest.raises(ValueError, match="number of samples"):
        scored(x, y, x[:50], y[:50], "ridge", classifier_of(y))
