"""Slopes for architectures in general: what they are, that they cover, and that none is made up."""

import numpy as np
import pytest
from unit.support.simulated_studies import attacked_study, within_monte_carlo_error

from repcompare.statistics.dyadic import dyadic_slopes, slopes_without_each


def kinds(study):
    same = study.architecture[:, None] == study.architecture
    return 2 * same + ((study.family[:, None] == study.family) & ~same)


def slope(study, **settings):
    ((found,),) = dyadic_slopes(
        [study.x], [study.y], [study.error], study.architecture, kinds(study), **settings
    )
    return found


def by_least_squares(study, additive, kept=None):
    """β on dummy variables, the groups, and the products of fitted effects."""
    models = np.arange(len(study.x))
    chosen = np.ones(len(models), bool) if kept is None else kept
    known = np.isfinite(study.x + study.y) & ~np.eye(len(models), dtype=bool)
    rows, columns = np.nonzero(known & np.outer(chosen, chosen))
    groups = kinds(study)[rows, columns]
    nodes = np.hstack([rows[:, None] == models, columns[:, None] == models]).astype(float)
    design = np.hstack([nodes, groups[:, None] == np.unique(groups)])
    x, y = study.x[rows, columns], study.y[rows, columns]
    terms = [x[:, None], design]
    for values in () if additive else (x, y):
        effects = np.linalg.lstsq(design, values, rcond=1e-10)[0]
        source, target = np.split(effects[: 2 * len(models)], 2)
        terms.append((source[rows] * target[columns])[:, None])
    return np.linalg.lstsq(np.hstack(terms), y, rcond=1e-10)[0][0]


@pytest.mark.parametrize("additive", [True, False])
def test_the_slope_and_its_jackknife_are_those_of_least_squares(additive):
    study = attacked_study(np.random.default_rng(0), [3, 2, 3, 2], beta=5.0, family=1.0)
    study.y[1, 7] = study.x[2, 8] = study.x[8, 2] = np.nan
    found = slope(study, additive=additive)
    assert found.plain.effect == pytest.approx(by_least_squares(study, additive), rel=1e-6)
    left = [by_least_squares(study, additive, study.architecture != out) for out in range(4)]
    jackknife = np.sqrt(3 / 4 * np.sum((left - np.mean(left)) ** 2))
    # Less what it counts twice, at most half of the variance.
    assert np.sqrt(0.5) * jackknife * (1 - 1e-6) <= found.plain.error < jackknife
    assert found.plain.architectures == 4
    assert found.pairs == 87


@pytest.mark.slow
def test_the_noise_of_a_pair_of_architectures_is_counted_once():
    """Where pairs are independent, the jackknife's variance alone would be more than twice too large."""
    rng = np.random.default_rng(1)
    study = attacked_study(rng, [2] * 12)
    errors, slopes = [], []
    for _ in range(60):
        noise = study._replace(y=rng.normal(size=study.y.shape))
        found = slope(noise, additive=True)
        errors.append(found.plain.error**2)
        slopes.append(found.plain.effect)
    assert np.var(slopes) < np.mean(errors) < 2 * np.var(slopes)


def test_many_values_at_once_are_as_one_by_one():
    studies = [attacked_study(np.random.default_rng(seed), [2] * 4, beta=5.0) for seed in range(3)]
    studies[2].x[0, 3] = studies[2].x[3, 0] = np.nan
    x, y, error = ([getattr(each, name) for each in studies] for name in ("x", "y", "error"))
    found = dyadic_slopes(x, y[:2], error, studies[0].architecture, kinds(studies[0]))
    for row, one in enumerate(studies):
        for column, other in enumerate(studies[:2]):
            alone = slope(one._replace(y=other.y))
            assert found[row][column].corrected == pytest.approx(alone.corrected)


@pytest.mark.parametrize("blank", [(), (1,), (1, 3)])
def test_without_each_architecture_is_as_if_it_had_never_been_there(blank):
    """Those that have no pair, too, are no architectures over which anything generalises."""
    study = attacked_study(np.random.default_rng(9), [3, 2, 3, 2, 2, 2], beta=5.0, family=1.0)
    hidden = np.isin(study.architecture, blank)
    study.y[hidden] = study.y[:, hidden] = np.nan
    given = study.x, study.y, study.error, study.architecture, kinds(study)
    for out, found in enumerate(slopes_without_each(*given)):
        others = study.architecture != out
        left = [each[np.ix_(others, others)] for each in (study.x, study.y, study.error)]
        expected = slope(
            study._replace(
                architecture=np.unique(study.architecture[others], return_inverse=True)[1],
                family=study.family[others],
                **dict(zip(("x", "y", "error"), left, strict=True)),
            )
        )
        assert tuple(found.corrected) == pytest.approx(tuple(expected.corrected), nan_ok=True)
        assert found.pairs == expected.pairs


def test_error_in_the_similarity_is_taken_into_account():
    """β is pulled to 0 by a quarter where a quarter of what is left of x is error."""
    plain, corrected, reliability = [], [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        study = attacked_study(rng, [3] * 6, beta=10.0, images=2000)
        noise = np.triu(rng.normal(size=study.x.shape), 1)
        noisy = study._replace(x=study.x + 0.008 * (noise + noise.T), error=study.error + 0.004)
        found = slope(noisy)
        plain.append(found.plain.effect)
        corrected.append(found.corrected.effect)
        reliability.append(found.reliability)
        assert found.corrected.p_of(0) == pytest.approx(found.plain.p_of(0))
    assert np.mean(reliability) == pytest.approx(0.7, abs=0.06)
    assert np.mean(plain) == pytest.approx(10 * np.mean(reliability), rel=0.1)
    assert np.mean(corrected) == pytest.approx(10, rel=0.08)


def test_a_similarity_that_is_all_error_has_no_corrected_slope():
    study = attacked_study(np.random.default_rng(2), [2] * 4)
    found = slope(study._replace(error=np.full_like(study.x, 0.1)))
    assert found.reliability < 0
    assert np.isfinite(found.plain.low)
    assert np.isnan(found.corrected.effect)


@pytest.mark.parametrize("name", ["x", "y"])
def test_where_nothing_varies_beside_the_models_there_is_no_slope_or_it_is_0(name):
    study = attacked_study(np.random.default_rng(3), [2] * 4)
    effects = np.random.default_rng(4).normal(size=8)
    found = slope(study._replace(**{name: effects[:, None] + effects}), additive=True)
    assert found.plain.effect == 0 if name == "y" else np.isnan(found.plain.effect)


def test_two_architectures_have_a_slope_without_an_interval():
    found = slope(attacked_study(np.random.default_rng(5), [4, 4], beta=5.0))
    assert np.isfinite(found.plain.effect)
    assert np.isnan(found.plain.low)


@pytest.mark.slow
def test_a_ceiling_of_both_scales_is_not_taken_for_an_effect():
    """Products of what the models bring look like an effect; Tukey's terms take them out."""
    rng, counted = np.random.default_rng(6), {True: [], False: []}
    for _ in range(60):
        quality = 0.4 * rng.normal(size=18)
        latent = quality[:, None] + quality
        noise = np.triu(0.05 * rng.normal(size=latent.shape), 1)
        architecture = np.repeat(np.arange(6), 3)
        x = 1 - np.exp(-latent) + noise + noise.T
        y = 1 - np.exp(-1.2 * latent) + 0.1 * rng.normal(size=latent.shape)
        same = (architecture[:, None] == architecture).astype(int)
        for additive, hits in counted.items():
            none = np.zeros_like(x)
            ((found,),) = dyadic_slopes([x], [y], [none], architecture, same, additive=additive)
            hits.append(found.plain.low > 0)
    assert np.mean(counted[True]) > 0.5
    assert np.mean(counted[False]) < 0.15


WORLDS = {
    "nothing": {},
    "slopes that differ": {"slopes": 5.0},
    "a family": {"family": 1.0},
    "a ceiling": {"ceiling": 1.0},
    "a floor": {"floor": 2.5},
}
DESIGNS = {"5x3": [3] * 5, "6x4": [4] * 6, "10x3": [3] * 10, "uneven": [6, 4, 3, 2, 2, 1]}


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("design", ["5x3", "uneven"])
def test_where_geometry_has_no_effect_one_study_in_twenty_finds_one(design, world):
    rng = np.random.default_rng(7)
    found = [slope(attacked_study(rng, DESIGNS[design], **WORLDS[world])) for _ in range(150)]
    signs = np.array([(each.corrected.low > 0, each.corrected.high < 0) for each in found])
    # Of a rate of 5 % in all, 11 % is beyond three standard errors.
    assert signs.any(axis=1).mean() < 0.11
    assert signs.mean(axis=0).max() < 0.08


@pytest.mark.slow
@pytest.mark.parametrize(("design", "power"), [("5x3", 0.45), ("6x4", 0.75), ("10x3", 0.95)])
def test_an_effect_of_a_fifth_of_a_logit_is_found_and_covered(design, power):
    rng = np.random.default_rng(8)
    studies = (attacked_study(rng, DESIGNS[design], beta=5.0, slopes=2.5) for _ in range(150))
    found = [slope(study).corrected for study in studies]
    assert np.mean([each.low > 0 for each in found]) > power - 0.08
    assert within_monte_carlo_error([each.low <= 5 <= each.high for each in found], 0.96)
