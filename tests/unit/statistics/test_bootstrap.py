"""Resampled architectures and images give intervals that cover, wide rather than narrow."""

import numpy as np
import pytest
from unit.support.simulated_studies import transfer_study

from repcompare.statistics.bootstrap import (
    image_weights,
    interval,
    model_weights,
    weighted_slopes,
)
from repcompare.statistics.mrqap import mrqap
from repcompare.statistics.permutations import of_architectures

RESAMPLES = 200


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def slopes(study, weights):
    used = ~np.eye(len(study.x), dtype=bool)
    x, y = (np.broadcast_to(each, (len(weights), *each.shape)) for each in (study.x, study.y))
    return weighted_slopes(x, y, used, study.same.astype(float), weights)


def test_architectures_are_drawn_whole_and_images_one_by_one(rng):
    architecture = np.array([0, 0, 1, 2, 2, 2])
    weights = model_weights(architecture, 5000, rng)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(6), abs=0.05)
    images = image_weights(50, 200, rng)
    assert (images.sum(axis=1) == 50).all()
    assert images.std() == pytest.approx(1, abs=0.05)


def test_a_weighted_slope_is_least_squares_on_the_copies(rng):
    study = transfer_study(rng, 3, 2, beta=0.5)
    weights = np.array([np.ones(6), [2, 2, 1, 1, 0, 0], [1, 1, 3, 3, 2, 2]], float)
    found = slopes(study, weights)
    plain = mrqap(study.x, study.y, np.arange(6)[None], terms=study.same[None].astype(float))
    assert found[0] == pytest.approx(plain.slope, rel=1e-6)
    for row in (1, 2):
        places = np.repeat(np.arange(6), weights[row].astype(int))
        rows, columns = np.nonzero(places[:, None] != places)
        one, other = places[rows], places[columns]
        copies = np.arange(len(places))
        design = [study.x[one, other][:, None], rows[:, None] == copies]
        design += [columns[:, None] == copies, study.same[one, other][:, None]]
        expected = np.linalg.lstsq(np.hstack(design).astype(float), study.y[one, other])[0][0]
        assert found[row] == pytest.approx(expected, rel=1e-6)


def test_a_resampled_study_without_variation_has_no_slope(rng):
    study = transfer_study(rng, 3, 1)
    assert np.isnan(slopes(study, np.array([[3.0, 0, 0], [1.0, 1, 1]]))).all()


@pytest.mark.slow
@pytest.mark.parametrize("varying", [0.0, 0.3])
def test_the_slopes_interval_covers_even_where_the_slope_differs_by_architecture(rng, varying):
    covered, of_permutations = [], []
    for _ in range(200):
        study = transfer_study(rng, 8, 2, beta=0.5, slopes=varying)
        permutations, _ = of_architectures(study.architecture, 199, rng)
        fit = mrqap(study.x, study.y, permutations, terms=study.same[None].astype(float))
        weights = model_weights(study.architecture, RESAMPLES, rng)
        found = interval(fit.slope, slopes(study, weights), 8)
        covered.append(found.low <= 0.5 <= found.high)
        of_permutations.append(fit.low <= 0.5 <= fit.high)
    assert np.mean(covered) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200)
    # What the permutations' interval takes as given is one slope.
    assert (np.mean(of_permutations) < 0.85) == (varying > 0)


def test_too_few_architectures_or_replicates_have_no_interval(rng):
    replicates = rng.normal(size=100)
    assert np.isnan(interval(0.0, replicates, 2)).all()
    replicates[:15] = np.nan
    assert np.isfinite(interval(0.0, replicates, 3)).all()
    replicates[:25] = np.nan
    assert np.isnan(interval(0.0, replicates, 3)).all()
