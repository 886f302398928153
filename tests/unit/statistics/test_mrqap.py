"""The regression on pairs finds the slope that is there, and claims none that is not."""

import numpy as np
import pytest
from scipy.stats import t as student
from unit.support.simulated_studies import transfer_study, within_monte_carlo_error

from repcompare.findings.transfer import ranks
from repcompare.statistics.mrqap import mantel, mrqap, permuted_products
from repcompare.statistics.pair_design import PairDesign
from repcompare.statistics.permutations import of_architectures, of_models, of_seeds

STUDIES = 600


def by_architecture(study, count=199, seed=0):
    return of_architectures(study.architecture, count, np.random.default_rng(seed))[0]


def by_seed(study, count=199, seed=0):
    return of_seeds(study.architecture, count, np.random.default_rng(seed))[0]


def same_group(study):
    return study.same.astype(int)


def blocks(study):
    count = study.architecture.max() + 1
    return study.architecture[:, None] * count + study.architecture


def dummies(study, rows, columns):
    models = np.arange(len(study.x))
    same = study.same[rows, columns][:, None]
    return np.hstack([rows[:, None] == models, columns[:, None] == models, same]).astype(float)


def naive_p(x, y, free):
    """p of a slope as if pairs were independent."""
    r = x @ y / np.sqrt((x @ x) * (y @ y))
    return 2 * student.sf(abs(r) * np.sqrt(free - 1) / np.sqrt(1 - r**2), free - 1)


@pytest.fixture(scope="module")
def null_studies():
    rng = np.random.default_rng(11)
    return [transfer_study(rng) for _ in range(STUDIES)]


@pytest.fixture(scope="module")
def architecture_fits(null_studies):
    return [mrqap(s.x, s.y, by_architecture(s), groups=same_group(s)) for s in null_studies]


def test_the_slope_is_that_of_least_squares_on_dummy_variables():
    study = transfer_study(np.random.default_rng(0), 4, 3, beta=0.7)
    study.y[2, 7] = study.x[5, 1] = np.nan
    fit = mrqap(study.x, study.y, by_architecture(study), groups=same_group(study))
    known = np.isfinite(study.x + study.y) & ~np.eye(12, dtype=bool)
    rows, columns = np.nonzero(known)
    design = np.hstack([study.x[known][:, None], dummies(study, rows, columns)])
    expected, _, rank, _ = np.linalg.lstsq(design, study.y[known], rcond=None)
    assert fit.slope == pytest.approx(expected[0], rel=1e-9)
    assert fit.n_pairs == len(rows) == 130
    assert fit.free == 130 - (rank - 1)
    assert fit.note == "2 of 132 ordered pairs have no value"


def test_the_test_is_that_of_freedman_and_lane_term_by_term():
    study = transfer_study(np.random.default_rng(1), 4, 2, beta=0.3)
    permutations = by_architecture(study)
    rows, columns = np.nonzero(~np.eye(8, dtype=bool))
    design = dummies(study, rows, columns)
    x, y = study.x[rows, columns], study.y[rows, columns]

    def t_of(values):
        full = np.hstack([x[:, None], design])
        effects, _, rank, _ = np.linalg.lstsq(full, values, rcond=None)
        error = np.sum((values - full @ effects) ** 2) / (len(values) - rank)
        return effects[0] / np.sqrt(error * np.linalg.pinv(full.T @ full)[0, 0])

    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    residual = np.zeros((8, 8))
    residual[rows, columns] = y - fitted
    permuted = [t_of(fitted + residual[row][:, row][rows, columns]) for row in permutations]
    reached = np.abs(permuted) >= abs(t_of(y)) * (1 - 1e-9)
    fit = mrqap(study.x, study.y, permutations, groups=same_group(study))
    assert fit.p == (1 + reached.sum()) / (1 + len(permutations))


def test_a_term_that_permutations_move_is_taken_out_again_where_the_predictor_has_come_to_lie():
    study = transfer_study(np.random.default_rng(3), 4, 2, beta=0.3)
    term = np.abs(np.subtract.outer(*[np.random.default_rng(4).normal(size=8)] * 2))
    permutations = by_architecture(study)
    rows, columns = np.nonzero(~np.eye(8, dtype=bool))
    design = np.hstack([dummies(study, rows, columns), term[rows, columns][:, None]])

    def residual(values):
        return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]

    def correlation(values):
        one, other = residual(values), residual(study.y[rows, columns])
        return abs(one @ other) / np.sqrt((one @ one) * (other @ other))

    x = residual(study.x[rows, columns])
    matrix = np.zeros((8, 8))
    matrix[rows, columns] = x
    permuted = [correlation(matrix[row][:, row][rows, columns]) for row in permutations]
    reached = np.array(permuted) >= correlation(x) * (1 - 1e-9)
    fit = mrqap(study.x, study.y, permutations, groups=same_group(study), terms=term[None])
    assert fit.p == (1 + reached.sum()) / 24
    design = np.hstack([study.x[rows, columns][:, None], design])
    expected = np.linalg.lstsq(design, study.y[rows, columns], rcond=None)[0][0]
    assert fit.slope == pytest.approx(expected)


def test_a_permuted_predictor_is_measured_by_what_the_terms_leave_of_it():
    rng = np.random.default_rng(5)
    observed = rng.random((7, 7)) < 0.8
    groups, term = rng.integers(3, size=(7, 7)), rng.normal(size=(1, 7, 7))
    design = PairDesign.of(observed, groups, term)
    x, *against = (design.residual(rng.normal(size=(7, 7))) for _ in range(3))
    permutations = of_models(7, 20, rng)
    matrix = np.zeros((7, 7))
    matrix[design.rows, design.columns] = x
    left = np.array([design.residual(matrix[row][:, row]) for row in permutations])
    expected = left @ np.stack(against, axis=1) / np.linalg.norm(left, axis=1)[:, None]
    found = permuted_products(design, x, np.stack(against, axis=1), permutations, kept=False)
    assert pytest.approx(expected) == found.T


UNEQUAL = np.array([0, 1, 2, 3, 0, 1, 2, 3, 4, 2, 3, 5])


@pytest.mark.parametrize(
    ("architecture", "of_same", "whole"),
    [
        pytest.param(UNEQUAL, False, UNEQUAL, id="whole architectures of unequal seeds"),
        pytest.param(np.arange(30) % 10, True, None, id="few pairs"),
    ],
)
def test_products_are_those_of_a_matrix_that_is_moved(architecture, of_same, whole):
    rng = np.random.default_rng(0)
    same = architecture[:, None] == architecture
    design = PairDesign.of(same if of_same else np.ones_like(same), same.astype(int))
    x = design.residual(rng.normal(size=same.shape))
    against = rng.normal(size=(len(x), 2))
    permutations = of_architectures(architecture, 50, rng)[0]
    found = permuted_products(design, x, against, permutations, kept=True, whole=whole)
    matrix = np.zeros(same.shape)
    matrix[design.rows, design.columns] = x / np.linalg.norm(x)
    moved = [matrix[row][:, row][design.rows, design.columns] for row in permutations]
    np.testing.assert_allclose(found, against.T @ np.stack(moved, axis=1), atol=1e-12)


@pytest.mark.parametrize(
    ("draw", "groups", "size"), [(by_architecture, same_group, 24), (by_seed, blocks, 6**4)]
)
def test_over_all_arrangements_of_a_design_p_takes_every_value_once(draw, groups, size):
    study = transfer_study(np.random.default_rng(2), 4, 3)
    permutations = draw(study, 9999)
    rng = np.random.default_rng(0)
    # All of a small group, a sample of arrangements of a large one.
    arranged = [np.arange(12), *permutations]
    if size > 100:
        arranged = [arranged[place] for place in rng.choice(size, 100, replace=False)]
    p = [
        mrqap(study.x[row][:, row], study.y, permutations, groups=groups(study)).p
        for row in arranged
    ]
    if size < 100:
        assert np.sort(p) == pytest.approx(np.arange(1, size + 1) / size)
    else:
        assert len(np.unique(p)) == 100
        assert abs(np.mean(p) - 0.5) < 3 / np.sqrt(12 * 100)


def test_without_an_effect_one_study_in_twenty_is_significant(null_studies, architecture_fits):
    seeds = [mrqap(s.x, s.y, by_seed(s), groups=blocks(s)).p for s in null_studies]
    assert within_monte_carlo_error([fit.p <= 0.05 for fit in architecture_fits], 0.05)
    assert within_monte_carlo_error([p <= 0.05 for p in seeds], 0.05)


def test_plain_mantel_and_ordinary_least_squares_take_what_models_share_for_an_effect(
    null_studies,
):
    rng = np.random.default_rng(3)
    off = ~np.eye(15, dtype=bool)
    plain, with_effects, correlated = [], [], []
    for study in null_studies[:200]:
        x, y = (matrix[off] - matrix[off].mean() for matrix in (study.x, study.y))
        plain.append(naive_p(x, y, len(x) - 1))
        design = PairDesign.of(off, same_group(study))
        with_effects.append(
            naive_p(design.residual(study.x), design.residual(study.y), design.free)
        )
        correlated.append(mantel(study.x, study.y, of_models(15, 199, rng))[1])
    assert np.mean(np.array(plain) <= 0.05) > 0.5
    # Even with source and target effects, for pairs of the same two architectures share noise.
    assert np.mean(np.array(with_effects) <= 0.05) > 0.3
    assert np.mean(np.array(correlated) <= 0.05) > 0.5


def test_power_rises_with_the_effect():
    power = []
    for beta in (0.0, 0.2, 0.4, 0.8):
        rng = np.random.default_rng(4)
        studies = [transfer_study(rng, beta=beta) for _ in range(150)]
        fits = [mrqap(s.x, s.y, by_architecture(s), groups=same_group(s)) for s in studies]
        power.append(np.mean([fit.p <= 0.05 and fit.slope > 0 for fit in fits]))
    assert np.all(np.diff(power) > 0)
    assert power[-1] > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("beta", [0.0, -0.6])
def test_the_interval_covers_the_slope_in_nineteen_studies_of_twenty(beta):
    rng = np.random.default_rng(5)
    covered = {"architectures": [], "seeds": []}
    for _ in range(STUDIES):
        study = transfer_study(rng, beta=beta)
        for name, draw, groups in (
            ("architectures", by_architecture, same_group),
            ("seeds", by_seed, blocks),
        ):
            fit = mrqap(study.x, study.y, draw(study), groups=groups(study))
            covered[name].append(fit.low <= beta <= fit.high)
    assert within_monte_carlo_error(covered["architectures"], 0.95)
    assert within_monte_carlo_error(covered["seeds"], 0.95)


def test_the_interval_excludes_a_slope_just_where_the_test_refuses_it(null_studies):
    for study in null_studies[:40]:
        fit = mrqap(study.x, study.y, by_architecture(study), groups=same_group(study))
        assert (fit.low > 0 or fit.high < 0) == (fit.p <= 0.05)
        for slope, refused in ((fit.high + 1e-6, True), (fit.high - 1e-6, False)):
            moved = study.y - slope * study.x
            p = mrqap(study.x, moved, by_architecture(study), groups=same_group(study)).p
            assert (p <= 0.05) == refused


def test_effects_of_sources_and_targets_change_nothing():
    study = transfer_study(np.random.default_rng(6), beta=0.3)
    rng = np.random.default_rng(7)
    shifted = study.y + 100 * rng.normal(size=15)[:, None] + 100 * rng.normal(size=15)
    one, other = (
        mrqap(study.x, y, by_architecture(study), groups=same_group(study))
        for y in (study.y, shifted)
    )
    assert one[:5] == pytest.approx(other[:5], rel=1e-9)


def test_missing_pairs_leave_the_size_of_the_test_as_it_is():
    rng = np.random.default_rng(8)
    hits = []
    for _ in range(400):
        study = transfer_study(rng)
        study.y[rng.random(study.y.shape) < 0.1] = np.nan
        gone = np.triu(rng.random(study.x.shape) < 0.1, 1)
        study.x[gone | gone.T] = np.nan
        fit = mrqap(study.x, study.y, by_architecture(study), groups=same_group(study))
        hits.append(fit.p <= 0.05)
        assert 0 < fit.n_pairs < 210
    assert within_monte_carlo_error(hits, 0.05)


def test_pairs_outside_the_mask_do_not_count():
    study = transfer_study(np.random.default_rng(9), beta=0.5)
    changed = np.where(study.same, 1e3 * np.random.default_rng(1).normal(size=(15, 15)), study.y)
    one, other = (
        mrqap(study.x, y, by_architecture(study), within=~study.same) for y in (study.y, changed)
    )
    assert one == other
    assert one.n_pairs == 180


def test_a_direction_of_the_pairs_is_kept():
    study = transfer_study(np.random.default_rng(10))
    x = study.x + np.random.default_rng(11).normal(size=(15, 15))
    fit, transposed, mixed = (
        mrqap(a, b, by_architecture(study), groups=same_group(study))
        for a, b in ((x, study.y), (x.T, study.y.T), (x.T, study.y))
    )
    assert fit.slope == pytest.approx(transposed.slope)
    assert fit.p == transposed.p
    assert fit.slope != pytest.approx(mixed.slope)


@pytest.mark.parametrize(
    ("size", "change", "reason"),
    [
        ((1, 3), lambda s: None, "6 ordered pairs leave 1 degrees of freedom, 3 are needed"),
        ((3, 1), lambda s: None, "leave 1 degrees of freedom"),
        ((5, 2), lambda s: s.x.fill(0.9), "the similarity does not vary once"),
        ((5, 2), lambda s: s.y.fill(0.0), "transfer does not vary once"),
        ((5, 2), lambda s: s.y.fill(np.nan), "0 ordered pairs leave 0"),
    ],
)
def test_what_has_no_slope_says_why(size, change, reason):
    study = transfer_study(np.random.default_rng(12), *size)
    change(study)
    fit = mrqap(study.x, study.y, by_architecture(study), groups=same_group(study))
    assert np.isnan(fit[:5]).all()
    assert reason in fit.note


def test_three_architectures_give_no_bounded_interval():
    study = transfer_study(np.random.default_rng(13), 3, 3, beta=5.0)
    fit = mrqap(study.x, study.y, by_architecture(study), groups=same_group(study))
    assert (fit.p, fit.low, fit.high) == (1 / 6, -np.inf, np.inf)


def test_mantel_is_the_correlation_of_the_pairs_and_spearman_that_of_their_ranks():
    study = transfer_study(np.random.default_rng(14), 4, 2)
    off = ~np.eye(8, dtype=bool)
    permutations = of_models(8, 99, np.random.default_rng(0))
    r, p, count = mantel(study.x, study.y, permutations)
    assert r == pytest.approx(np.corrcoef(study.x[off], study.y[off])[0, 1])
    expected = [
        abs(np.corrcoef(study.x[row][:, row][off], study.y[off])[0, 1]) for row in permutations
    ]
    assert p == (1 + np.sum(np.array(expected) >= abs(r))) / 100
    assert count == 56
    hidden = np.where(off, 0.0, np.nan)
    grown = np.exp(study.x)
    assert mantel(ranks(grown + hidden), ranks(study.y + hidden), permutations) == mantel(
        ranks(study.x + hidden), ranks(study.y + hidden), permutations
    )
    assert np.isnan(mantel(np.ones((8, 8)), study.y, permutations)[0])
