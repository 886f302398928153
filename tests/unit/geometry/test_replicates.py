"""Intervals by the jackknife: what they are made of, and that they cover."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from scipy.spatial.distance import pdist
from unit.support.synthetic_representations import (
    ALL,
    answers_to,
    labels_of,
    pair_of,
    related,
    rows_of,
)

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.measures import neighbour_overlaps
from repcompare.geometry.replicates import left_out_constant
from repcompare.geometry.similarity import FRACTIONS, compare_geometry, convergence
from repcompare.statistics.jackknife import GROUPS, interval

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
        ("procrustes", 2000, 6, 0.05, 0.98),
        ("cca", 2000, 6, 0.1, 0.7),
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


@pytest.mark.parametrize("name", ["procrustes", "cca"])
def test_linearised_replicates_follow_groups_whose_means_differ(name):
    x, y = related(800, 3, 3)
    moved = np.sin(np.arange(800) % GROUPS * 2.0)[:, None]
    pair, measure = pair_of(x + 4 * moved, y + moved), MEASURES[name]
    short, exact = measure.replicates(pair), exact_replicates(measure, pair)
    np.testing.assert_allclose(short, exact, atol=0.15 * exact.std())


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
    assert {*SHORT} == {"procrustes", "cca", "knn_jaccard", "rsa"}


def test_neighbours_that_are_not_allowed_are_replaced_by_the_next():
    x, y = related(200)
    pair = pair_of(x, y)
    allowed = np.arange(200) % 16 != 3
    left = pair.on(np.arange(GROUPS) != 3)
    kept = neighbour_overlaps(pair, allowed)[allowed]
    assert kept.mean() == pytest.approx(neighbour_overlaps(left).mean(), abs=5e-3)
    np.testing.assert_array_equal(
        neighbour_overlaps(pair, np.ones(200, bool)), neighbour_overlaps(pair)
    )


@pytest.mark.parametrize("name", [name for name in ALL if name not in SHORT])
def test_the_interval_of_a_row_is_that_of_its_values_without_each_group(name):
    pair, measure = pair_of(*related(200)), MEASURES[name]
    row = compare_geometry(pair, [name])[0]
    assert (row.low, row.high) == interval(row.value, exact_replicates(measure, pair))
    assert row.low < row.value < row.high


@pytest.mark.parametrize("name", ALL)
def test_more_samples_give_a_narrower_interval(name):
    widths = [
        np.mean([row.high - row.low for row in rows_of(*related(n, seed=2), [name])])
        for n in (96, 1536)
    ]
    assert widths[1] < widths[0] / 1.5


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
        assert (last.n, last.flag, last.note) == (full.n, full.flag, full.note)
    for row in rows:
        assert np.isnan([row.low, row.high, row.null]).all()
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
