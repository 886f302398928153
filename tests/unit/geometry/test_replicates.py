"""Intervals by the jackknife: what they are made of, and that they cover."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from scipy.spatial.distance import pdist
from unit.support.synthetic_representations import (
    ALL,
    answers_to,
    centred,
    labels_of,
    pair_of,
    related,
    rows_of,
)

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.measures import neighbour_overlaps
from repcompare.geometry.replicates import left_out_constant
from repcompare.geometry.similarity import FRACTIONS, compare_geometry, convergence
from repcompare.statistics.jackknife import GROUPS, bias, interval, standard_error

SHORT = [name for name, measure in MEASURES.items() if measure.replicates]


def test_the_interval_of_a_mean_is_that_of_student_on_the_means_of_groups():
    means = np.random.default_rng(0).standard_normal(GROUPS)
    replicates = (means.sum() - means) / (GROUPS - 1)
    expected = scipy.stats.t.interval(
        0.95, GROUPS - 1, means.mean(), means.std(ddof=1) / np.sqrt(GROUPS)
    )
    assert interval(means.mean(), replicates) == pytest.approx(expected)


def test_the_interval_is_about_the_value_and_as_wide_as_the_replicates_differ():
    low, high = interval(5.0, np.array([1.0, 2.0, 3.0]))
    assert high - 5 == pytest.approx(5 - low)
    narrow = interval(5.0, np.array([1.0, 2.0, 3.0]) / 10)
    assert narrow[1] - narrow[0] == pytest.approx((high - low) / 10)
    assert interval(5.0, np.full(16, 0.3)) == pytest.approx((5, 5))


@pytest.mark.parametrize("replicates", [[], [0.3], [0.3, np.nan, 0.4], [0.3, np.inf, 0.4]])
def test_there_is_no_interval_without_two_finite_replicates(replicates):
    assert np.isnan(interval(0.3, np.array(replicates))).all()


def exact_replicates(measure, pair):
    return np.array([measure.function(left)[0] for left in pair.without_each_group()])


@pytest.mark.parametrize(
    ("name", "n", "seeds", "tolerance", "agreement"),
    [
        ("knn_jaccard", 800, 3, 0.1, 0.9),
        ("rsa", 600, 3, 0.35, 0.65),
    ],
)
def test_short_replicates_spread_like_those_of_leaving_groups_out(
    name, n, seeds, tolerance, agreement
):
    measure, deviations = MEASURES[name], []
    for seed in range(seeds):
        x, y = related(n, 20, 20, seed=seed)
        pair = pair_of(x + 0.3 * x**2, y)
        short, exact = measure.replicates(pair), exact_replicates(measure, pair)
        deviations.append((short - short.mean(), exact - exact.mean()))
        assert short.mean() == pytest.approx(measure.function(pair)[0], abs=0.01)
    short, exact = (np.concatenate(each) for each in zip(*deviations, strict=True))
    assert short.std() == pytest.approx(exact.std(), rel=tolerance)
    assert np.corrcoef(short, exact)[0, 1] > agreement


def mean_cosine(x: np.ndarray, y: np.ndarray) -> float:
    """Mean CCA by the principal angles of SciPy."""
    return np.cos(scipy.linalg.subspace_angles(centred(x), centred(y))).mean()


def procrustes(x: np.ndarray, y: np.ndarray) -> float:
    """By the rotation of SciPy, the narrower one widened by units that never vary."""
    widest = max(x.shape[1], y.shape[1])
    x, y = (np.pad(centred(each), ((0, 0), (0, widest - each.shape[1]))) for each in (x, y))
    return scipy.linalg.orthogonal_procrustes(x, y)[1] / np.linalg.norm(x) / np.linalg.norm(y)


@pytest.mark.parametrize(("name", "peer"), [("cca", mean_cosine), ("procrustes", procrustes)])
@pytest.mark.parametrize("widths", [(6, 4), (20, 20), (40, 12)])
def test_bias_and_error_of_a_sum_of_singular_values_are_those_of_the_rows_without_each_group(
    name, peer, widths
):
    x, y = related(203, *widths)
    x = x + np.sin(np.arange(203) % GROUPS * 2.0)[:, None]
    (row,) = rows_of(x, y, [name])
    groups = np.arange(203) % GROUPS
    left = np.array([peer(x[groups != g], y[groups != g]) for g in range(GROUPS)])
    assert row.error == pytest.approx(np.sqrt(15) * left.std(), rel=1e-6)
    assert row.bias == pytest.approx(15 * (left.mean() - peer(x, y)), rel=1e-6)


@pytest.mark.parametrize("widths", [(60, 20), (6, 4), (70, 40)])
def test_a_unit_that_stands_twice_changes_no_replicate_of_cca(widths):
    x, y = related(96, *widths)
    doubled = np.hstack([x, x[:, :3]])
    plain, wide = (rows_of(each, y, ["cca"])[0] for each in (x, doubled))
    assert (wide.value, wide.bias, wide.error) == pytest.approx(
        (plain.value, plain.bias, plain.error), abs=1e-7
    )


def test_replicates_of_rsa_correlate_the_ranks_of_the_distances_that_are_left():
    x, y = related(70)
    ranks = [scipy.stats.rankdata(pdist(each)) for each in (x, y)]
    groups = np.stack(np.triu_indices(70, 1)) % GROUPS
    expected = [
        np.corrcoef(*(each[(groups != g).all(axis=0)] for each in ranks))[0, 1]
        for g in range(GROUPS)
    ]
    np.testing.assert_allclose(MEASURES["rsa"].replicates(pair_of(x, y)), expected, rtol=1e-4)


def test_the_list_of_short_ways_is_tested_whole():
    assert {*SHORT} == {"knn_jaccard", "rsa"}


def test_neighbours_that_are_not_allowed_are_replaced_by_the_next():
    x, y = related(200)
    pair = pair_of(x, y)
    allowed = np.arange(200) % 16 != 3
    left = MEASURES["knn_jaccard"].function(pair.on(np.arange(GROUPS) != 3))[0]
    sets = [view.nearest_without_each_group[3] for view in (pair.a, pair.b)]
    for each in sets:
        np.testing.assert_array_equal(np.bincount(each[0], minlength=200), 10 * allowed)
        assert allowed[each[1]].all()
    kept = neighbour_overlaps(*sets, 200)
    assert kept[allowed].mean() == pytest.approx(left, abs=5e-3)
    assert not kept[~allowed].any()


@pytest.mark.parametrize("name", [name for name in ALL if name not in SHORT])
def test_the_interval_of_a_row_is_that_of_its_values_without_each_group(name):
    pair = pair_of(*related(4800))
    row, found = compare_geometry(pair, [name])[0], exact_replicates(MEASURES[name], pair)
    assert (row.low, row.high) == interval(row.value, found)
    assert (row.bias, row.error) == (bias(row.value, found), standard_error(found))
    assert row.low < row.value < row.high


@pytest.mark.parametrize("name", ALL)
def test_more_samples_give_a_smaller_error(name):
    errors = [
        np.mean([row.error for row in rows_of(*related(n, seed=2), [name])]) for n in (96, 1536)
    ]
    assert errors[1] < errors[0] / 1.5


def test_the_bias_of_the_variance_that_divides_by_n_is_that_of_theory():
    x = np.random.default_rng(0).standard_normal(160)
    left = [x[np.arange(160) % GROUPS != g].var() for g in range(GROUPS)]
    found = np.mean([bias(x.var(), np.array(left))])
    assert found == pytest.approx(-x.var(ddof=1) / 160, rel=0.1)


def test_the_bias_of_a_mean_is_nothing_and_its_error_that_of_student():
    means = np.random.default_rng(0).standard_normal(GROUPS)
    replicates = (means.sum() - means) / (GROUPS - 1)
    assert bias(means.mean(), replicates) == pytest.approx(0, abs=1e-12)
    assert standard_error(replicates) == pytest.approx(scipy.stats.sem(means))


@pytest.mark.parametrize("name", ["cca", "pwcca", "knn_jaccard"])
def test_there_is_no_interval_where_the_bias_exceeds_it(name):
    """40 units on 160 samples: mean CCA is far above what it would be on many."""
    x, y = related(160, 40, 30)
    for row in rows_of(x, y, [name]):
        half = scipy.stats.t.ppf(0.975, GROUPS - 1) * row.error
        assert abs(row.bias) > half
        assert np.isnan([row.low, row.high]).all()
        assert row.note == "no interval: the bias by the jackknife exceeds it"


@pytest.mark.parametrize("name", ALL)
def test_a_representation_equal_to_the_other_has_neither_bias_nor_error_but_an_interval(name):
    x, _ = related()
    for row in rows_of(x, 2 * x + 1, [name], answers=[labels_of(160)] * 2):
        assert (row.bias, row.error) == pytest.approx((0, 0), abs=1e-6)
        assert (row.low, row.high) == pytest.approx((row.value, row.value), abs=1e-6)


def test_the_bias_of_debiased_cka_is_less_than_that_of_cka():
    rng = np.random.default_rng(0)
    unrelated = rng.standard_normal((160, 40)), rng.standard_normal((160, 30))
    cka, debiased = rows_of(*unrelated, ["cka", "cka_debiased"])
    assert cka.bias == pytest.approx(cka.null, rel=0.2)
    assert abs(debiased.bias) < cka.bias / 20


class Population:
    """x = z A + noise, y = z B + noise, of which the covariances are known."""

    def __init__(self):
        rng = np.random.default_rng(3)
        self.to_x, self.to_y = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
        a, b = (to.T @ to + np.eye(3) for to in (self.to_x, self.to_y))
        cross = self.to_x.T @ self.to_y
        self.values = {
            "cka_debiased": np.sum(cross**2) / (np.linalg.norm(a) * np.linalg.norm(b)),
            "procrustes": np.linalg.norm(cross, "nuc") / np.sqrt(np.trace(a) * np.trace(b)),
        }

    def draw(self, n: int, seed: int):
        rng = np.random.default_rng(seed)
        z = rng.standard_normal((n, 2))
        return tuple(z @ to + rng.standard_normal((n, 3)) for to in (self.to_x, self.to_y))


@pytest.mark.parametrize("name", ["cka_debiased", "procrustes"])
def test_the_interval_covers_the_value_of_the_population(name):
    population = Population()
    truth = population.values[name]
    rows = [rows_of(*population.draw(600, seed), [name])[0] for seed in range(80)]
    covered = np.mean([row.low <= truth <= row.high for row in rows])
    assert 0.85 <= covered <= 1
    spread = np.std([row.value for row in rows])
    half = np.mean([row.high - row.low for row in rows]) / 2
    assert half == pytest.approx(scipy.stats.t.ppf(0.975, GROUPS - 1) * spread, rel=0.3)


def test_groups_without_which_a_representation_is_constant_are_known():
    x = np.zeros((64, 2))
    x[[5, 21]] = 3
    pair = pair_of(x, related(64)[1])
    np.testing.assert_array_equal(left_out_constant(pair), np.arange(GROUPS) == 5)
    np.testing.assert_array_equal(left_out_constant(pair.reversed), np.arange(GROUPS) == 5)


def test_convergence_is_on_growing_parts_up_to_all_samples():
    pair = pair_of(*related(320))
    rows = convergence(pair, ALL)
    assert [row.measure for row in rows] == ALL * len(FRACTIONS)
    assert [row.n for row in rows[:: len(ALL)]] == [40, 80, 160, 320]
    whole = [row for row in compare_geometry(pair, ALL) if not row.backward]
    for last, full in zip(rows[-len(ALL) :], whole, strict=True):
        assert last.value == pytest.approx(full.value, abs=1e-9)
        assert (last.n, last.flag) == (full.n, full.flag)
        assert full.note.startswith(last.note)
    for row in rows:
        assert np.isnan([row.low, row.high, row.bias, row.error, row.null, row.class_null]).all()
        assert not row.backward


def test_convergence_is_to_the_value_of_the_first_groups():
    x, y = related(320)
    first = np.arange(320) % GROUPS < 4
    labels, answers = labels_of(320), answers_to(labels_of(320))
    part = pair_of(x[first], y[first], labels[first], [each[first] for each in answers])
    quarter = convergence(pair_of(x, y), ALL)[len(ALL) : 2 * len(ALL)]
    for row in quarter:
        assert row.value == pytest.approx(MEASURES[row.measure].function(part)[0], rel=1e-5)


def test_there_is_no_convergence_of_few_samples_or_of_a_constant_representation():
    x, y = related(32)
    assert convergence(pair_of(x, y), ["cka"])
    assert convergence(pair_of(x[:31], y[:31]), ["cka"]) == []
    assert convergence(pair_of(x, np.ones((32, 2))), ["cka"]) == []


def test_a_part_that_is_constant_has_no_value_but_the_whole_has():
    x = np.zeros((64, 2))
    x[5] = 64
    for row in convergence(pair_of(x, related(64)[1]), ["cka", "cca", "rsa", "disagreement"]):
        if row.measure == "disagreement" or row.n >= 32:
            assert np.isfinite(row.value)
        else:
            assert np.isnan(row.value)
            assert row.note == "constant representation"
