"""Means over pairs hold for architectures in general, and say how surely."""

import numpy as np
import pytest

from repcompare.findings.linear import of_unexplained
from repcompare.statistics.over_architectures import jackknifed, pair_means

STUDIES = 500
MONTE_CARLO = 3 * np.sqrt(0.95 * 0.05 / STUDIES)

architectures = pytest.mark.parametrize("count", [3, 5, 10])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def scores(rng, count, seeds=3, scale=1.0):
    """Scores about 0 that source and target share by architecture and by model."""
    architecture = np.repeat(np.arange(count), seeds)
    size = len(architecture)

    def effects():
        return rng.normal(size=count)[architecture] + 0.5 * rng.normal(size=size)

    values = effects()[:, None] + effects() + rng.normal(size=(size, size))
    return scale * values, architecture[:, None] != architecture, architecture


def test_each_architecture_is_left_out_with_all_its_models(rng):
    values, used, architecture = scores(rng, 4, seeds=2)
    used[2, :] = used[0, 7] = False
    mean, left = pair_means(np.where(used, values, np.nan), used, architecture)
    assert mean == pytest.approx(values[used].mean())
    for out in range(4):
        pairs = [
            values[i, j]
            for i, j in zip(*np.nonzero(used), strict=True)
            if out not in (architecture[i], architecture[j])
        ]
        assert left[out] == pytest.approx(np.mean(pairs))


def test_an_architecture_without_a_pair_is_not_among_them(rng):
    values, used, architecture = scores(rng, 4)
    used[9:], used[:, 9:] = False, False
    assert len(pair_means(values, used, architecture)[1]) == 3


@architectures
def test_intervals_cover_at_their_rate_and_p_says_the_same(rng, count):
    covered = []
    for _ in range(STUDIES):
        found = jackknifed(*pair_means(*scores(rng, count)))
        covered.append(found.low <= 0 <= found.high)
        assert (found.p_of(0.0) <= 0.05) == (not covered[-1])
    assert 0.93 - MONTE_CARLO <= np.mean(covered) <= 0.97 + MONTE_CARLO


@architectures
@pytest.mark.parametrize("typical", [0.8, 0.97])
def test_intervals_of_r2_cover_near_1_and_end_below_it(rng, count, typical):
    covered = []
    # 1 − R² is log-normal: its mean is known.
    scale = 0.3
    truth = 1 - (1 - typical) * np.exp(scale**2 * (2 * 1.25 + 1) / 2)
    for _ in range(STUDIES):
        logs, used, architecture = scores(rng, count, scale=scale)
        mean, left = pair_means(1 - (1 - typical) * np.exp(logs), used, architecture)
        low, high, p = of_unexplained(mean, left, 0.0, truth)
        assert low < mean < high < 1
        covered.append(low <= truth <= high)
        assert (p <= 0.05) == (not covered[-1])
    assert 0.93 - MONTE_CARLO <= np.mean(covered) <= 0.97 + MONTE_CARLO


def test_the_error_over_the_images_is_added_on_either_scale():
    left = np.full(5, 0.9)
    plain = jackknifed(0.9, left, 0.01)
    assert plain.error == pytest.approx(0.01)
    low, high, _ = of_unexplained(0.9, left, 0.001, 0.5)
    assert (high - low) / (plain.high - plain.low) == pytest.approx(0.1, rel=1e-3)


def test_too_few_architectures_and_an_r2_of_1_have_no_interval():
    assert np.isnan(jackknifed(0.5, np.array([0.4, 0.6])).low)
    assert np.isnan(jackknifed(0.5, np.array([0.4, 0.6, np.nan])).low)
    assert np.isnan(of_unexplained(1.0, np.ones(5), 0.0, 0.5)).all()
    assert np.isnan(of_unexplained(0.9, np.array([1.0, 0.9, 0.8]), 0.0, 0.5)).all()
