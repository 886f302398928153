"""Measures of similarity against closed forms and other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm, compare_spearman
from rsatoolbox.rdm.compare import compare_bures_similarity
from scipy.spatial.distance import pdist, squareform
from scipy.stats import ortho_group, spearmanr
from sklearn.cross_decomposition import CCA
from sklearn.neighbors import NearestNeighbors
from unit.support.synthetic_representations import (
    ALL,
    CLASSES,
    answers_to,
    centred,
    class_means,
    labels_of,
    orthonormal,
    pair_of,
    related,
    tied_samples,
    value,
    values,
)

from repcompare.geometry.catalogue import MEASURES
from repcompare.vocabulary import GEOMETRY_MEASURES


@pytest.mark.parametrize("measure", ALL)
def test_a_representation_equals_itself(measure):
    x, _ = related()
    same = pair_of(x, x, answers=(labels_of(160), labels_of(160)))
    expected = 1 if GEOMETRY_MEASURES[measure].similarity else 0
    assert value(measure, same) == pytest.approx(expected, abs=1e-6 if measure == "rsa" else 1e-10)


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
    for measure in ("cka", "procrustes", "cca", "svcca", "pwcca"):
        assert found[measure] == pytest.approx(0, abs=1e-10)
    assert found["cka_debiased"] < 0


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.9])
def test_signal_of_correlation_rho_in_every_unit(rho):
    axes = orthonormal(8)
    found = values(axes[:, :4], rho * axes[:, :4] + np.sqrt(1 - rho**2) * axes[:, 4:])
    assert found["cka"] == pytest.approx(rho**2)
    for measure in ("procrustes", "cca", "svcca", "pwcca"):
        assert found[measure] == pytest.approx(rho)


def test_one_unit_each_gives_their_correlation():
    x, y = related(width_a=1, width_b=1)
    correlation = np.corrcoef(x[:, 0], y[:, 0])[0, 1]
    found = values(x, y)
    assert found["cka"] == pytest.approx(correlation**2)
    for measure in ("procrustes", "cca", "svcca", "pwcca"):
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Distance covariance is not guaranteed")
@pytest.mark.parametrize(("n", "width_a", "width_b"), [(80, 6, 4), (30, 100, 40), (200, 1, 3)])
def test_cka_is_the_squared_distance_correlation_with_squared_distances(n, width_a, width_b):
    x, y = related(n, width_a, width_b)
    found = values(x, y)
    # Compiles when it is imported, which two test processes must not do at one time.
    import dcor

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
    assert value("cka_debiased", pair_of(x, y)) == pytest.approx(expected, abs=1e-9)


def test_only_debiased_cka_of_unrelated_representations_is_near_zero_when_samples_are_few():
    rng = np.random.default_rng(0)
    pair = pair_of(rng.standard_normal((40, 200)), rng.standard_normal((40, 200)))
    assert value("cka", pair) > 0.8
    assert abs(value("cka_debiased", pair)) < 0.05


def test_debiased_cka_is_not_clamped_at_zero():
    rng = np.random.default_rng(0)
    draws = [
        value("cka_debiased", pair_of(rng.standard_normal((20, 5)), rng.standard_normal((20, 5))))
        for _ in range(40)
    ]
    assert min(draws) < -0.01
    assert abs(np.mean(draws)) < 0.03


def test_procrustes_is_the_normalised_bures_similarity_of_rsatoolbox():
    x, y = related()
    found = compare_bures_similarity(*(calc_rdm(Dataset(each)) for each in (x, y)))
    assert value("procrustes", pair_of(x, y)) == pytest.approx(found.item(), abs=1e-6)


def test_procrustes_is_what_the_best_rotation_attains():
    x, y = (centred(each) for each in related(width_a=5, width_b=5))
    x, y = (each / np.linalg.norm(each) for each in (x, y))
    rotation, attained = scipy.linalg.orthogonal_procrustes(x, y)
    pair = pair_of(x, y)
    found = value("procrustes", pair)
    assert found == pytest.approx(attained)
    assert np.linalg.norm(x @ rotation - y) ** 2 == pytest.approx(2 - 2 * found)


@pytest.mark.parametrize("widths", [(6, 4), (3, 9)])
def test_cca_is_the_mean_cosine_of_the_principal_angles(widths):
    x, y = related(80, *widths)
    cosines = np.cos(scipy.linalg.subspace_angles(centred(x), centred(y)))
    pair = pair_of(x, y)
    assert value("cca", pair) == pytest.approx(cosines.mean(), abs=1e-9)
    np.testing.assert_allclose(pair.canonical.correlations, np.sort(cosines)[::-1], atol=1e-9)


def test_the_first_canonical_correlations_are_those_of_scikit_learn():
    x, y = related(400)
    one, other = CCA(2, max_iter=5000, tol=1e-12).fit(x, y).transform(x, y)
    expected = [np.corrcoef(one[:, k], other[:, k])[0, 1] for k in range(2)]
    np.testing.assert_allclose(pair_of(x, y).canonical.correlations[:2], expected, atol=1e-6)


def projection_weighted(x: np.ndarray, y: np.ndarray) -> float:
    """Morcos et al. (2018): variates h_k of x, and correlations weighted by Σ_j |⟨h_k, x_j⟩|."""
    x, y = centred(x), centred(y)
    frame, other = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    left, correlations, _ = np.linalg.svd(frame.T @ other, full_matrices=False)
    weights = np.abs((frame @ left).T @ x).sum(axis=1)
    return weights @ correlations / weights.sum()


@pytest.mark.parametrize("widths", [(6, 4), (3, 9)])
def test_pwcca_is_the_formula_of_the_paper_on_the_rows(widths):
    x, y = related(90, *widths)
    pair = pair_of(x, y)
    assert value("pwcca", pair) == pytest.approx(projection_weighted(x, y), abs=1e-9)
    assert value("pwcca", pair.reversed) == pytest.approx(projection_weighted(y, x), abs=1e-9)


def shared_and_own(n: int = 120, common: int = 4, own: int = 3):
    """Representations with `common` directions in common and others that are correlated."""
    rng = np.random.default_rng(5)
    z, left, right = (rng.standard_normal((n, k)) for k in (common, own, own))
    x = np.hstack([z, left]) @ rng.standard_normal((common + own, 9))
    return x, np.hstack([z, left + right]) @ rng.standard_normal((common + own, 8))


@pytest.mark.parametrize("seed", range(5))
def test_pwcca_does_not_depend_on_the_basis_of_tied_directions(seed):
    """Which basis comes out depends on rounding, and so on the order of the samples and the frame."""
    x, y = shared_and_own()
    expected = value("pwcca", pair_of(x, y))
    order = np.random.default_rng(seed).permutation(120)
    assert value("pwcca", pair_of(x[order], y[order])) == pytest.approx(expected, abs=1e-9)
    rotation = ortho_group.rvs(8, random_state=seed)
    assert value("pwcca", pair_of(x, y @ rotation)) == pytest.approx(expected, abs=1e-9)


def test_pwcca_of_tied_directions_is_the_mean_over_all_of_their_bases():
    x, y = shared_and_own()
    found = pair_of(x, y).canonical
    assert (found.correlations > 1 - 1e-9).sum() == 4
    basis, scales = pair_of(x, y).a.components
    along = (basis * scales) @ found.left
    weights = []
    for seed in range(4000):
        turned = along.copy()
        turned[:, :4] = along[:, :4] @ ortho_group.rvs(4, random_state=seed)
        weights.append(np.abs(turned).sum(axis=0))
    weights = np.mean(weights, axis=0)
    expected = weights @ found.correlations / weights.sum()
    plain = np.abs(along).sum(axis=0)
    assert abs(plain @ found.correlations / plain.sum() - expected) > 1e-3
    assert value("pwcca", pair_of(x, y)) == pytest.approx(expected, abs=2e-4)


def test_forced_correlations_are_tied():
    x, y = related(76, 60, 40)
    pair = pair_of(x, y)
    forced = 60 + 40 - 75
    assert (pair.canonical.correlations[:forced] > 1 - 1e-9).all()
    expected = value("pwcca", pair)
    rotation = ortho_group.rvs(40, random_state=0)
    assert value("pwcca", pair_of(x, y @ rotation)) == pytest.approx(expected, abs=1e-9)


def test_rsa_is_the_rank_correlation_of_the_distances():
    x, y = related()
    found = value("rsa", pair_of(x, y))
    assert found == pytest.approx(spearmanr(pdist(x), pdist(y)).statistic, abs=1e-6)
    toolbox = compare_spearman(*(calc_rdm(Dataset(each), method="euclidean") for each in (x, y)))
    assert found == pytest.approx(toolbox.item(), abs=1e-6)


def test_rsa_gives_tied_distances_their_mean_rank():
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 3, (60, 2)) * 1.0, rng.integers(0, 3, (60, 2)) * 1.0
    y[:30] = x[:30]
    expected = spearmanr(pdist(x, "sqeuclidean"), pdist(y, "sqeuclidean")).statistic
    assert value("rsa", pair_of(x, y)) == pytest.approx(expected, abs=1e-6)
    # Turned, equal distances differ by rounding.
    turned = x @ ortho_group.rvs(2, random_state=0)
    assert value("rsa", pair_of(turned, y)) == pytest.approx(expected, abs=1e-6)


def test_neighbours_are_those_of_scikit_learn():
    x, y = related(130)
    found = []
    for each in (x, y):
        search = NearestNeighbors(n_neighbors=10, metric="cosine").fit(centred(each))
        found.append(search.kneighbors(return_distance=False))
    overlaps = [len({*i} & {*j}) / len({*i} | {*j}) for i, j in zip(*found, strict=True)]
    assert value("knn_jaccard", pair_of(x, y)) == pytest.approx(np.mean(overlaps), abs=1e-12)


def test_samples_at_the_same_place_are_neighbours_and_none_is_its_own():
    x, _ = related(66)
    twice = np.repeat(x[:33], 2, axis=0)
    of, places, _ = pair_of(twice, x).a.neighbours
    first = np.searchsorted(of, np.arange(66))
    np.testing.assert_array_equal(places[first], np.arange(66) ^ 1)
    assert (of != places).all()


def test_a_sample_at_the_mean_is_at_right_angles_to_all_others():
    half = np.random.default_rng(0).integers(-9, 10, (20, 5)) + 0.5
    x = np.vstack([half, np.zeros((1, 5)), -half])
    with np.errstate(all="raise"):
        sets = neighbour_sets(pair_of(x, x).a.nearest, 41)
    assert sets[20] == set(range(41)) - {20}
    for i in range(20):
        cosines = x @ x[i]
        assert (20 in sets[i]) == (np.sum(cosines > 0) - 1 < 10)


def neighbour_sets(nearest, m) -> list[set[int]]:
    found = [set() for _ in range(m)]
    for sample, place in zip(*nearest, strict=True):
        found[sample].add(int(place))
    return found


def sets_by_distance(x: np.ndarray) -> list[set[int]]:
    """All that are no farther, in angle, than the tenth nearest."""
    angles = squareform(pdist(centred(x), "cosine"))
    np.fill_diagonal(angles, np.inf)
    return [{*np.flatnonzero(row <= np.sort(row)[9] + 1e-9)} for row in angles]


def test_all_that_are_as_near_as_the_tenth_neighbour_belong():
    x, y = tied_samples()
    one, other = sets_by_distance(x), sets_by_distance(y)
    assert max(map(len, one)) > 12
    assert neighbour_sets(pair_of(x, y).a.nearest, 90) == one
    expected = np.mean([len(i & j) / len(i | j) for i, j in zip(one, other, strict=True)])
    assert value("knn_jaccard", pair_of(x, y)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize("given", [related(90), tied_samples()])
def test_no_value_depends_on_the_order_of_the_samples(measure, given):
    x, y = given
    labels, answers = labels_of(90), answers_to(labels_of(90))
    order = np.random.default_rng(1).permutation(90)
    moved = pair_of(x[order], y[order], labels[order], [each[order] for each in answers])
    expected = value(measure, pair_of(x, y, labels, answers))
    assert value(measure, moved) == pytest.approx(expected, abs=1e-6 if measure == "rsa" else 1e-9)


def test_cka_within_classes_is_the_cka_of_what_class_means_leave():
    x, y = related()
    labels = labels_of(160)
    left = (each - class_means(each, labels)[labels] for each in (x, y))
    assert value("cka_within_class", pair_of(x, y)) == pytest.approx(value("cka", pair_of(*left)))


def test_cka_of_class_means_is_the_cka_of_one_row_a_class():
    x, y = related(70)
    labels = np.random.default_rng(0).choice(CLASSES, 70, p=np.arange(1, 9) / 36)
    expected = value("cka", pair_of(class_means(x, labels), class_means(y, labels)))
    assert value("cka_centroids", pair_of(x, y, labels)) == pytest.approx(expected)


def test_disagreement_is_the_share_of_samples_answered_differently():
    x, y = related(10)
    answers = np.zeros(10, int), np.array([0, 1] * 3 + [0] * 4)
    assert value("disagreement", pair_of(x, y, answers=answers)) == pytest.approx(0.3)


def test_one_sample_more_than_classes_leaves_nothing_to_compare_within_them():
    x, y = np.random.default_rng(0).standard_normal((2, 6, 4))
    within = MEASURES["cka_within_class"].function
    found, note = within(pair_of(x, y, labels=np.array([0, 1, 2, 3, 4, 4])))
    assert (round(found, 12), note) == (1, "trivially 1: n - classes is 1")
    found, note = within(pair_of(x, y, labels=np.array([0, 1, 2, 3, 3, 3])))
    assert found < 1
    assert note == ""
