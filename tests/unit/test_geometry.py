"""Measures of similarity against closed forms, other implementations and their own invariances."""

from __future__ import annotations

import dcor
import numpy as np
import pytest
import scipy.linalg
from scipy.stats import ortho_group

from repcompare.factorisation import cross_covariance, factorise
from repcompare.geometry import MEASURES, compare_geometry

ALL = list(MEASURES)


def compare(x: np.ndarray, y: np.ndarray, measures=ALL):
    a, b = factorise(x), factorise(y)
    return compare_geometry(a, b, cross_covariance(x, a.mean, y, b.mean), measures)


def values(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    return {row.measure: row.value for row in compare(x, y)}


def related(n: int = 80, width_a: int = 6, width_b: int = 4, seed: int = 0):
    """Two representations with a common part and unequal variances."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 3))
    x, y = (
        common @ rng.standard_normal((3, width)) + rng.standard_normal((n, width))
        for width in (width_a, width_b)
    )
    return x * np.linspace(1, 3, width_a), y * np.linspace(2, 1, width_b)


def orthonormal(width: int, n: int = 50) -> np.ndarray:
    """Centred columns of length 1 at right angles to one another."""
    x = np.random.default_rng(1).standard_normal((n, width))
    return np.linalg.qr(x - x.mean(axis=0))[0]


@pytest.mark.parametrize("measure", ALL)
def test_a_representation_equals_itself(measure):
    x, _ = related()
    assert values(x, x)[measure] == pytest.approx(1, abs=1e-10)


def test_subspaces_with_common_axes_have_known_overlap():
    axes = orthonormal(9)
    found = values(axes[:, :6], axes[:, 4:])  # 6 axes and 5, of which 2 are common
    assert found["cka"] == pytest.approx(2 / np.sqrt(30))
    assert found["procrustes"] == pytest.approx(2 / np.sqrt(30))
    assert found["cca"] == pytest.approx(2 / 5)
    assert found["svcca"] == pytest.approx(2 / 5)


def test_representations_at_right_angles_have_nothing_in_common():
    axes = orthonormal(9)
    found = values(axes[:, :4], axes[:, 4:])
    for measure in ("cka", "procrustes", "cca", "svcca"):
        assert found[measure] == pytest.approx(0, abs=1e-10)
    assert found["cka_debiased"] < 0


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.9])
def test_signal_of_correlation_rho_in_every_unit(rho):
    axes = orthonormal(8)
    found = values(axes[:, :4], rho * axes[:, :4] + np.sqrt(1 - rho**2) * axes[:, 4:])
    assert found["cka"] == pytest.approx(rho**2)
    for measure in ("procrustes", "cca", "svcca"):
        assert found[measure] == pytest.approx(rho)


def test_one_unit_each_gives_their_correlation():
    x, y = related(width_a=1, width_b=1)
    correlation = np.corrcoef(x[:, 0], y[:, 0])[0, 1]
    found = values(x, y)
    assert found["cka"] == pytest.approx(correlation**2)
    for measure in ("procrustes", "cca", "svcca"):
        assert found[measure] == pytest.approx(abs(correlation))


def test_svcca_ignores_what_holds_less_than_one_percent_of_variance():
    axes = orthonormal(4)
    x = np.column_stack([axes[:, 0], 0.05 * axes[:, 1]])
    y = np.column_stack([axes[:, 0], 0.05 * axes[:, 2]])
    found = values(x, y)
    assert found["cca"] == pytest.approx(0.5)
    assert found["svcca"] == pytest.approx(1)
    y = np.column_stack([axes[:, 0], 0.2 * axes[:, 2]])
    assert values(x * [1, 4], y)["svcca"] == pytest.approx(0.5)


@pytest.mark.filterwarnings("ignore:Distance covariance is not guaranteed")
@pytest.mark.parametrize(("n", "width_a", "width_b"), [(80, 6, 4), (30, 100, 40), (200, 1, 3)])
def test_cka_is_the_squared_distance_correlation_with_squared_distances(n, width_a, width_b):
    x, y = related(n, width_a, width_b)
    found = values(x, y)
    biased = dcor.distance_correlation_sqr(x, y, exponent=2)
    unbiased = dcor.u_distance_correlation_sqr(x, y, exponent=2)
    assert found["cka"] == pytest.approx(biased, abs=1e-10)
    assert found["cka_debiased"] == pytest.approx(unbiased, abs=1e-10)


def unbiased_hsic(kernel_x: np.ndarray, kernel_y: np.ndarray) -> float:
    """Equation 5 of Song et al. (2012), with its n × n kernels."""
    n = len(kernel_x)
    k, l = (each - np.diag(np.diag(each)) for each in (kernel_x, kernel_y))  # noqa: E741
    ones = np.ones(n)
    trace = np.trace(k @ l)
    sums = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
    return (trace + sums - 2 / (n - 2) * (ones @ k @ l @ ones)) / (n * (n - 3))


@pytest.mark.parametrize("n", [4, 5, 40])
def test_debiased_cka_is_the_ratio_of_unbiased_hsics_of_uncentred_kernels(n):
    x, y = related(n)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    expected = unbiased_hsic(k, l) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(l, l))
    assert values(x, y)["cka_debiased"] == pytest.approx(expected, abs=1e-9)


def test_only_debiased_cka_of_unrelated_representations_is_near_zero_when_samples_are_few():
    rng = np.random.default_rng(0)
    found = values(rng.standard_normal((40, 200)), rng.standard_normal((40, 200)))
    assert found["cka"] > 0.8
    assert abs(found["cka_debiased"]) < 0.05


def test_debiased_cka_is_not_clamped_at_zero():
    rng = np.random.default_rng(0)
    draws = [
        values(rng.standard_normal((20, 5)), rng.standard_normal((20, 5)))["cka_debiased"]
        for _ in range(40)
    ]
    assert min(draws) < -0.01
    assert abs(np.mean(draws)) < 0.03


def test_procrustes_is_what_the_best_rotation_attains():
    x, y = related(width_a=5, width_b=5)
    x, y = (each - each.mean(axis=0) for each in (x, y))
    x, y = (each / np.linalg.norm(each) for each in (x, y))
    rotation, attained = scipy.linalg.orthogonal_procrustes(x, y)
    found = values(x, y)["procrustes"]
    assert found == pytest.approx(attained)
    assert np.linalg.norm(x @ rotation - y) ** 2 == pytest.approx(2 - 2 * found)


@pytest.mark.parametrize("widths", [(6, 4), (3, 9)])
def test_cca_is_the_mean_cosine_of_the_principal_angles(widths):
    x, y = related(80, *widths)
    angles = scipy.linalg.subspace_angles(x - x.mean(axis=0), y - y.mean(axis=0))
    assert values(x, y)["cca"] == pytest.approx(np.cos(angles).mean(), abs=1e-9)


TRANSFORMS = {
    "translation": lambda x: x + np.linspace(-20, 30, x.shape[1]),
    "orthogonal": lambda x: x @ ortho_group.rvs(x.shape[1], random_state=3),
    "isotropic_scaling": lambda x: x * -3.7,
    "invertible_linear": lambda x: x @ (np.diag(np.geomspace(1, 30, x.shape[1]))[::-1] + 0.5),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("measure", ALL)
def test_a_measure_is_invariant_to_what_its_row_says_and_to_nothing_else(measure, transform):
    x, y = related()
    changes = [
        abs(values(TRANSFORMS[transform](x), y)[measure] - values(x, y)[measure]),
        abs(values(x, TRANSFORMS[transform](y))[measure] - values(x, y)[measure]),
    ]
    if transform in MEASURES[measure].invariances:
        assert max(changes) < 1e-9
    else:
        assert min(changes) > 1e-3


def test_every_declared_invariance_is_one_that_is_tested():
    assert set().union(*(measure.invariances for measure in MEASURES.values())) <= set(TRANSFORMS)
    assert all(key == measure.id and measure.reference for key, measure in MEASURES.items())


@pytest.mark.parametrize("measure", ALL)
def test_a_measure_notices_shuffled_samples_and_noise(measure):
    x, y = related()
    rng = np.random.default_rng(5)
    value = values(x, y)[measure]
    assert values(x, rng.permutation(y))[measure] < value - 0.1
    assert values(x, y + 5 * rng.standard_normal(y.shape))[measure] < value - 0.1


@pytest.mark.parametrize("measure", ALL)
def test_a_measure_is_symmetric(measure):
    x, y = related()
    assert values(x, y)[measure] == pytest.approx(values(y, x)[measure], abs=1e-12)


@pytest.mark.parametrize("scale", [1e-5, 1e5])
def test_scale_does_not_matter(scale):
    x, y = related()
    assert values(x * scale, y / scale) == pytest.approx(values(x, y), abs=1e-9)


def test_a_large_mean_costs_no_digits():
    x, y = related()
    assert values(x + 1e4, y - 1e4) == pytest.approx(values(x, y), abs=1e-9)


def test_dead_units_change_nothing():
    x, y = related()
    padded = np.hstack([x, np.full((80, 3), 0.1)])
    assert values(padded, y) == pytest.approx(values(x, y), abs=1e-10)


def test_cca_does_not_count_a_duplicated_unit_twice():
    x, y = related()
    duplicated = np.hstack([x, x[:, :2]])
    assert values(duplicated, y)["cca"] == pytest.approx(values(x, y)["cca"], abs=1e-9)
    assert values(duplicated, y)["cka"] != pytest.approx(values(x, y)["cka"], abs=1e-3)


@pytest.mark.parametrize("order", [1, -1])
def test_a_constant_representation_has_no_geometry(order):
    x, _ = related()
    rows = compare(*[x, np.full((80, 3), 0.1)][::order])
    assert [row.measure for row in rows] == ALL
    assert all(np.isnan(row.value) and row.note == "constant representation" for row in rows)


def test_debiased_cka_needs_four_samples():
    x, y = related(3)
    row = compare(x, y, ["cka_debiased"])[0]
    assert np.isnan(row.value)
    assert row.note == "needs more than 3 samples"


def test_debiased_cka_of_equidistant_samples_is_undefined():
    _, y = related(8)
    row = compare(np.eye(8), y, ["cka_debiased"])[0]
    assert np.isnan(row.value)
    assert "not positive" in row.note


@pytest.mark.parametrize(
    ("n", "note"),
    [
        (6, "trivially 1: n - 1 <= rank"),
        (8, "3 of 4 correlations are trivially 1: n is too small"),
        (11, ""),
    ],
)
def test_cca_says_what_too_few_samples_force_to_be_one(n, note):
    rng = np.random.default_rng(0)
    row = compare(rng.standard_normal((n, 6)), rng.standard_normal((n, 4)), ["cca"])[0]
    assert row.note == note
    if "n - 1" in note:
        assert row.value == pytest.approx(1)


def test_rows_come_in_the_order_asked_for_and_unknown_measures_are_refused():
    x, y = related()
    assert [row.measure for row in compare(x, y, ["cca", "cka"])] == ["cca", "cka"]
    with pytest.raises(ValueError, match="unknown measures \\['rv'\\]"):
        compare(x, y, ["cka", "rv"])


def test_moments_of_different_samples_or_units_are_refused():
    x, y = related()
    a, b = factorise(x), factorise(y)
    with pytest.raises(ValueError, match="80 and 79"):
        compare_geometry(a, factorise(y[:79]), np.zeros((6, 4)), ALL)
    with pytest.raises(ValueError, match="cross-covariance"):
        compare_geometry(a, b, np.zeros((4, 6)), ALL)
