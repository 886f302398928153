"""Permutations keep what the design says they keep, and every one of them comes up."""

import numpy as np
import pytest

from repcompare.statistics.permutations import (
    groupings,
    of_architectures,
    of_models,
    of_seeds,
    p_value,
)

BALANCED = np.repeat(np.arange(4), 3)
UNEVEN = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("count", [9999, 10])
@pytest.mark.parametrize("draw", [of_architectures, of_seeds])
@pytest.mark.parametrize("architecture", [BALANCED, UNEVEN])
def test_pairs_of_one_architecture_stay_pairs_of_one(draw, architecture, count, rng):
    same = architecture[:, None] == architecture
    permutations, _ = draw(architecture, count, rng)
    assert len(permutations)
    for row in permutations:
        assert sorted(row) == list(range(len(architecture)))
        assert np.array_equal(same[np.ix_(row, row)], same)


@pytest.mark.parametrize(
    ("draw", "architecture", "distinct"),
    [
        (of_architectures, BALANCED, 24),
        (of_architectures, UNEVEN, 2 * 2),
        (of_seeds, BALANCED, 6**4),
        (of_seeds, UNEVEN, 2 * 6 * 2 * 6),
        (of_seeds, np.arange(5), 1),
    ],
)
def test_a_small_group_is_listed_whole_without_the_identity(draw, architecture, distinct, rng):
    permutations, number = draw(architecture, 9999, rng)
    assert number == distinct
    assert len({tuple(row) for row in permutations}) == len(permutations) == distinct - 1
    assert not (permutations == np.arange(len(architecture))).all(axis=1).any()


def test_a_large_group_is_drawn_from_at_random_and_evenly(rng):
    permutations, number = of_architectures(np.arange(8), 20_000, rng)
    assert (len(permutations), number) == (20_000, 40_320)
    shares = np.bincount(permutations[:, 0], minlength=8) / 20_000
    assert np.allclose(shares, 1 / 8, atol=0.01)


def test_architectures_are_exchanged_whole_seed_by_seed(rng):
    permutations, _ = of_architectures(BALANCED, 9999, rng)
    places = permutations.reshape(-1, 4, 3)
    assert (places % 3 == np.arange(3)).all()
    assert (places // 3 == (places // 3)[:, :, :1]).all()


def test_models_are_permuted_across_architectures(rng):
    permutations = of_models(6, 500, rng)
    assert {tuple(sorted(row)) for row in permutations} == {tuple(range(6))}
    assert len(np.unique(permutations, axis=0)) > 300


@pytest.mark.parametrize(
    ("sizes", "ways"), [([2, 2, 2], 15), ([3, 3], 10), ([1, 2], 3), ([2, 3, 3], 280)]
)
def test_groupings_are_counted_without_the_names_of_the_groups(sizes, ways):
    assert groupings(np.repeat(np.arange(len(sizes)), sizes)) == ways


def test_p_counts_the_observed_arrangement_and_ties():
    assert p_value(np.array([1.0, 2.0, 3.0]), 2.5) == 2 / 4
    assert p_value(np.array([1.0, 2.0, 3.0]), 2.0 + 1e-12) == 3 / 4
    assert p_value(np.zeros(99), 1.0) == 0.01
    assert np.isnan(p_value(np.zeros(99), np.nan))
