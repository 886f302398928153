"""What an architecture's own pairs have beyond their models, and whether one stands out."""

import numpy as np
import pytest
from scipy import stats

from repcompare.statistics.excess import contrasts, excess, mean_excess, own_pairs


def additive(seeds, delta, seed=0, noise=0.0):
    """x_ij = q_i + q_j + δ_a [i, j both of a] + noise, and the architectures."""
    rng = np.random.default_rng(seed)
    architecture = np.repeat(np.arange(len(seeds)), seeds)
    q = rng.normal(size=len(architecture))
    same = architecture[:, None] == architecture
    e = noise * np.triu(rng.normal(size=same.shape), 1)
    return q[:, None] + q + same * np.asarray(delta)[architecture] + e + e.T, architecture


@pytest.mark.parametrize("seeds", [[3, 3, 3], [4, 2, 3, 2], [6, 4, 3, 2, 2, 1]])
def test_it_is_what_is_left_once_each_models_own_effect_is_known(seeds):
    delta = np.linspace(-1, 2, len(seeds))
    x, architecture = additive(seeds, delta)
    expected = np.where(np.array(seeds) > 1, delta, np.nan)
    np.testing.assert_allclose(excess(x, architecture), expected, atol=1e-9)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("seeds", [[3, 3, 3, 3], [6, 2, 2, 2]])
def test_it_is_that_of_least_squares_on_dummy_variables(seeds, missing):
    x, architecture = additive(seeds, [1, 0, 0, 0], noise=0.5)
    if missing:
        x[0, 5] = x[5, 0] = x[1, 2] = x[2, 1] = np.nan
    i, j = np.nonzero(np.triu(np.isfinite(x), 1))
    design = np.zeros((len(i), 16))
    design[np.arange(len(i)), i] += 1
    design[np.arange(len(i)), j] += 1
    same = architecture[i] == architecture[j]
    design[np.flatnonzero(same), 12 + architecture[i][same]] = 1
    solved = np.linalg.lstsq(design, x[i, j], rcond=None)[0][12:]
    np.testing.assert_allclose(excess(x, architecture), solved, atol=1e-9)


def test_what_cannot_be_told_apart_has_no_value():
    x, architecture = additive([3, 3], [1, 0])
    assert np.isnan(excess(x, architecture)).all()
    x, architecture = additive([3, 1, 3, 3], [1, 0, 0, 0])
    assert np.isnan(excess(x, architecture)).tolist() == [False, True, False, False]
    assert np.isnan(excess(np.full((3, 3), np.nan), np.array([0, 0, 1]))).all()


def test_one_stands_out_by_students_t_of_a_further_value_of_the_others():
    delta = np.array([0.9, 0.1, -0.2, 0.0, 0.2, np.nan])
    found = contrasts(delta)
    others = delta[1:5]
    low, high = stats.t.interval(
        1 - 2 * 0.05 / 5, 3, others.mean(), others.std(ddof=1) * np.sqrt(1.25)
    )
    assert found.effect[0] == pytest.approx(0.9 - others.mean())
    assert found.low[0] == pytest.approx(0.9 - high)
    assert found.high[0] == pytest.approx(0.9 - low)
    assert np.isnan(found.effect[5])
    # Bound and p are of one test.
    assert ((found.low > 0) == (found.p < 0.05))[:5].all()


def test_scale_and_shift_of_the_excess_change_no_p_and_fewer_than_four_have_none():
    delta = np.random.default_rng(1).normal(size=7)
    np.testing.assert_allclose(contrasts(3 * delta + 2).p, contrasts(delta).p)
    assert np.isnan(contrasts(delta[:3]).p).all()


def test_the_mean_is_left_without_each_architecture_in_turn():
    x, architecture = additive([3, 3, 3, 3], [1, 0.5, 0, 2], noise=0.3)
    used = np.array([True, True, True, False])
    found = mean_excess(x, architecture, used)
    assert found.effect == pytest.approx(excess(x, architecture)[:3].mean())
    left = []
    for out in range(3):
        kept = architecture != out
        part = excess(
            x[np.ix_(kept, kept)],
            np.searchsorted(np.unique(architecture[kept]), architecture[kept]),
        )
        left.append(part[:2].mean())
    error = np.sqrt(2 / 3 * np.sum((left - np.mean(left)) ** 2))
    assert found.error == pytest.approx(error)
    assert found.high - found.effect == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert found.p_of(found.high) == pytest.approx(0.05)
    assert np.isnan(mean_excess(x, architecture, np.array([True, True, False, False])).low)


def test_own_pairs_are_held_against_the_mean_of_the_others_own():
    x = np.zeros((6, 6))
    for place, value in enumerate((0.9, 0.6, 0.3)):
        x[2 * place : 2 * place + 2, 2 * place : 2 * place + 2] = value
    architecture = np.repeat(np.arange(3), 2)
    np.testing.assert_allclose(own_pairs(x, architecture), [0.45, 0.0, -0.45], atol=1e-12)
