"""Architectures that resemble themselves are found; those that do not are not, in all together."""

import numpy as np
import pytest
from unit.support.simulated_studies import geometry_study, within_monte_carlo_error

from repcompare.statistics.permutations import of_models
from repcompare.statistics.self_similarity import architecture_differences, interaction_differences

STUDIES = 400


def permuted(study, rng, count=399):
    return of_models(len(study.x), count, rng)


def simulated(extra, *, quality=0.0, test=architecture_differences, studies=STUDIES, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(studies):
        study = geometry_study(rng, extra, quality=quality)
        found.append(test(study.x, study.architecture, permuted(study, rng)))
    return found


def covers(found, extra):
    return [bool(np.all((one.low <= extra) & (extra <= one.high))) for one in found]


@pytest.fixture(scope="module")
def nulls():
    return simulated(np.zeros(5))


def test_differences_are_means_over_own_pairs_less_means_over_others():
    study = geometry_study(np.random.default_rng(1), [0, 1, 0], seeds=3)
    rng = np.random.default_rng(0)
    found = architecture_differences(study.x, study.architecture, permuted(study, rng))
    for a in range(3):
        own = study.architecture == a
        inner = study.x[np.ix_(own, own)][np.triu_indices(3, 1)].mean()
        assert found.difference[a] == pytest.approx(inner - study.x[np.ix_(own, ~own)].mean())
    assert found.mean == pytest.approx(found.difference.mean())


@pytest.mark.slow
def test_without_an_exception_one_study_in_twenty_names_one(nulls):
    assert within_monte_carlo_error([(one.p <= 0.05).any() for one in nulls], 0.05)
    assert within_monte_carlo_error([one.p_mean <= 0.05 for one in nulls], 0.05)


@pytest.mark.slow
def test_what_models_bring_to_every_pair_is_no_exception_once_it_is_removed():
    architectures = simulated(np.zeros(5), quality=1.0)
    removed = simulated(np.zeros(5), quality=1.0, test=interaction_differences)
    assert np.mean([(one.p <= 0.05).any() for one in architectures]) > 0.15
    assert within_monte_carlo_error([(one.p <= 0.05).any() for one in removed], 0.05)
    assert within_monte_carlo_error(covers(removed, 0.0), 0.95)


@pytest.mark.parametrize("test", [architecture_differences, interaction_differences])
def test_an_exception_is_found_the_surer_the_larger_it_is_and_no_other_is_named(test):
    power, others = [], []
    for extra in (0.0, 1.5, 3.0, 6.0):
        found = simulated([extra, 0, 0, 0, 0], test=test, studies=150)
        power.append(np.mean([one.p[0] <= 0.05 for one in found]))
        others += [(one.p[1:] <= 0.05).any() for one in found]
    assert np.all(np.diff(power) > 0)
    assert power[0] <= 0.05
    assert power[-1] > 0.95
    assert np.mean(others) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(others))


def test_one_large_exception_does_not_hide_another():
    found = simulated([20, 4, 0, 0, 0], studies=100)
    assert np.mean([(one.p[:2] <= 0.05).all() for one in found]) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("test", [architecture_differences, interaction_differences])
@pytest.mark.parametrize("extra", [np.zeros(5), np.array([5.0, 0, 0, 0, 0]), np.full(5, 5.0)])
def test_intervals_cover_all_architectures_at_once_in_93_to_97_studies_of_100(extra, test):
    share = np.mean(covers(simulated(extra, test=test), extra))
    error = 3 * np.sqrt(0.95 * 0.05 / STUDIES)
    assert 0.93 - error <= share <= 0.97 + error


@pytest.mark.slow
def test_the_interval_of_the_mean_covers_it_at_least_as_often(nulls):
    assert within_monte_carlo_error([one.mean_low <= 0 <= one.mean_high for one in nulls], 0.95)
    found = simulated(np.array([5.0, 0, 0, 0, 0]), studies=200)
    assert np.mean([one.mean_low <= 1 <= one.mean_high for one in found]) >= 0.93


def test_an_architecture_is_compared_with_those_of_its_kind_alone():
    study = geometry_study(np.random.default_rng(2), [0, 0, 0, 0], seeds=3)
    study.x[:3, 3:6] += 50
    study.x[3:6, :3] += 50
    rng = np.random.default_rng(0)
    matched = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1]], bool)
    permutations = permuted(study, rng)
    found = architecture_differences(study.x, study.architecture, permutations, matched)
    assert found.difference[0] == pytest.approx(
        study.x[:3, :3][np.triu_indices(3, 1)].mean() - study.x[:3, 6:9].mean()
    )
    assert np.isnan([found.difference[3], found.p[3], found.low[3]]).all()
    assert np.isfinite(found.p[:3]).all()


def test_missing_pairs_are_left_out_of_the_means_and_move_with_their_models():
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(300):
        study = geometry_study(rng, np.zeros(4))
        gone = np.triu(rng.random(study.x.shape) < 0.1, 1)
        study.x[gone | gone.T] = np.nan
        found = architecture_differences(study.x, study.architecture, permuted(study, rng, 199))
        own = study.x[:3, :3][np.triu_indices(3, 1)]
        if np.isfinite(own).any():
            expected = np.nanmean(own) - np.nanmean(study.x[:3, 3:])
            assert found.difference[0] == pytest.approx(expected)
        hits.append((found.p <= 0.05).any())
    assert within_monte_carlo_error(hits, 0.05)


def test_what_cannot_be_told_apart_has_no_value():
    study = geometry_study(np.random.default_rng(4), [0, 0], seeds=3)
    permutations = permuted(study, np.random.default_rng(0))
    found = interaction_differences(study.x, study.architecture, permutations)
    assert np.isnan(found.difference).all()
    assert np.isnan(found.mean)
    single = geometry_study(np.random.default_rng(4), [0, 0, 0], seeds=1)
    permutations = permuted(single, np.random.default_rng(0))
    found = architecture_differences(single.x, single.architecture, permutations)
    assert np.isnan(found.p).all()


def test_another_seed_of_the_permutations_moves_p_by_monte_carlo_error_alone():
    """Labels that trade places tie; standard deviations of their own broke the ties at random."""
    study = geometry_study(np.random.default_rng(5), [4, 0, 0, 0, 0])
    found = [
        architecture_differences(
            study.x, study.architecture, permuted(study, np.random.default_rng(seed), 4999)
        ).p[0]
        for seed in range(8)
    ]
    error = np.sqrt(np.mean(found) / 4999)
    assert np.ptp(found) < 6 * error
