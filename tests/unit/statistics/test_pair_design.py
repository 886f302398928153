"""What the design leaves of values of pairs is what least squares on dummy variables leaves."""

import numpy as np
import pytest

from repcompare.statistics.pair_design import PairDesign


def dummies(design, groups, terms):
    """Every effect of the design as a column (n, k)."""
    places = np.arange(design.models)
    parts = [design.rows[:, None] == places, design.columns[:, None] == places]
    parts += [(groups == label)[design.rows, design.columns, None] for label in np.unique(groups)]
    return np.hstack([*parts, terms[:, design.rows, design.columns].T]).astype(float)


def draw(seed, models=9, missing=0.0):
    rng = np.random.default_rng(seed)
    observed = rng.random((models, models)) >= missing
    groups = rng.integers(3, size=(models, models))
    # Of a term that is another's multiple there is nothing to take out.
    term = rng.normal(size=(models, models))
    return observed, groups, np.stack([term, 3 * term, rng.normal(size=term.shape)]), rng


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_residuals_and_degrees_of_freedom_are_those_of_least_squares(missing):
    observed, groups, terms, rng = draw(0, missing=missing)
    design = PairDesign.of(observed, groups, terms)
    columns, values = dummies(design, groups, terms), 1e3 + rng.normal(size=(len(design.rows), 2))
    fitted, _, rank, _ = np.linalg.lstsq(columns, values, rcond=1e-10)
    assert design.left_of(values) == pytest.approx(values - columns @ fitted, abs=1e-9)
    assert design.free == len(values) - rank
    taken = (values**2).sum(axis=0) - ((values - columns @ fitted) ** 2).sum(axis=0)
    assert design.taken_out(values) == pytest.approx(taken, rel=1e-9)


def test_an_effect_of_every_pair_of_architectures_is_a_group():
    architecture = np.repeat(np.arange(4), 3)
    groups = 4 * architecture[:, None] + architecture
    design = PairDesign.of(np.ones((12, 12), bool), groups)
    columns = dummies(design, groups, np.empty((0, 12, 12)))
    assert design.free == len(columns) - np.linalg.matrix_rank(columns)
    block = (groups == 7).astype(float)
    assert not design.residual(block).any()


def test_what_sources_targets_and_groups_explain_leaves_exact_zeros():
    rng = np.random.default_rng(1)
    matrix = 1e6 * rng.normal(size=8)[:, None] + rng.normal(size=8)
    assert not PairDesign.of(np.ones((8, 8), bool)).residual(matrix).any()


def test_effects_of_sources_and_targets_are_those_that_were_put_in():
    rng = np.random.default_rng(2)
    source, target = (each - each.mean() for each in rng.normal(size=(2, 8)))
    design = PairDesign.of(np.ones((8, 8), bool))
    values = (5 + source[:, None] + target)[design.rows, design.columns]
    assert design.effects(values)[0] == pytest.approx(source)
    assert design.effects(values)[1] == pytest.approx(target)


def test_without_effects_of_models_the_mean_alone_is_taken_out():
    observed, _, _, rng = draw(3, missing=0.2)
    design = PairDesign.of(observed, nodes=False)
    values = rng.normal(size=len(design.rows))
    assert design.left_of(values) == pytest.approx(values - values.mean())
    assert design.free == len(values) - 1
