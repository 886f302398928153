"""Effects of several studies are pooled by the published formulas."""

import numpy as np
import pytest
from scipy.special import stdtrit

from repcompare.statistics.meta_analysis import synthesis

# Degrees of freedom with which an error is as good as known.
KNOWN = 1e12

EFFECTS, ERRORS = [0.62, 0.81, 0.70, 0.55], [0.05, 0.08, 0.04, 0.10]


def half(pooled):
    """How far an interval reaches to each side."""
    assert pooled.effect - pooled.low == pytest.approx(pooled.high - pooled.effect)
    return pooled.high - pooled.effect


def test_of_equal_errors_both_effects_are_the_mean_and_the_rest_has_closed_forms():
    y, error, df = np.array([1.0, 2.0, 4.0, 7.0]), 0.5, 4
    found = synthesis(y, [error] * 4, [df] * 4)
    assert found.fixed.effect == pytest.approx(3.5)
    assert found.random.effect == pytest.approx(3.5)
    np.testing.assert_allclose(found.weights, 0.25)
    assert found.q == pytest.approx(21 / error**2)
    assert found.i2 == pytest.approx(1 - 3 * error**2 / 21)
    assert found.tau == pytest.approx(np.sqrt(21 / 3 - error**2))
    # As if the effects were a sample and had no errors: Student's t of their mean.
    assert found.random.df == 3
    assert half(found.random) == pytest.approx(stdtrit(3, 0.975) * y.std(ddof=1) / 2)
    # Four times the degrees of freedom of one; that weights are estimates adds 4 · ¾ / 4.
    assert found.fixed.df == pytest.approx(16)
    assert half(found.fixed) == pytest.approx(stdtrit(16, 0.975) * error / 2 * np.sqrt(1.75))


def test_q_and_what_follows_from_it_are_those_computed_by_hand():
    found = synthesis([0, 3], [1, 2], [KNOWN, KNOWN])
    assert found.fixed.effect == pytest.approx(0.6)
    assert found.q == pytest.approx(0.36 + 5.76 / 4)
    assert found.p == pytest.approx(0.179712, abs=1e-6)
    assert found.i2 == pytest.approx(0.8 / 1.8)
    # 9 / (1 + 4 + 2τ²) = 1.
    assert found.tau == pytest.approx(np.sqrt(2))
    np.testing.assert_allclose(found.weights, [2 / 3, 1 / 3])
    assert half(found.random) == pytest.approx(12.7062 * np.sqrt(2), rel=1e-5)


def test_the_degrees_of_freedom_are_most_of_all_those_of_the_study_with_most_weight():
    found = synthesis([0, 3], [1, 2], [4, 9])
    assert found.fixed.df == pytest.approx(1 / (0.8**2 / 4 + 0.2**2 / 9))
    variance = 0.8 * (1 + 4 * 0.16 * (1 / 4 + 1 / 9))
    assert half(found.fixed) == pytest.approx(stdtrit(found.fixed.df, 0.975) * np.sqrt(variance))


def test_of_one_study_the_fixed_effect_is_its_own_and_nothing_is_said_of_others():
    found = synthesis([0.7], [0.1], [4])
    assert found.fixed == pytest.approx((0.7, 0.7 - 0.277645, 0.7 + 0.277645, 4), abs=1e-6)
    assert found.q == 0
    assert found.random.effect == pytest.approx(0.7)
    assert np.isnan([found.random.low, found.random.high, found.p, found.i2, found.tau]).all()


def test_effects_closer_than_their_errors_explain_do_not_vary():
    found = synthesis([1.0, 1.2, 0.9], [0.3, 0.4, 0.25], [KNOWN] * 3)
    assert found.tau == found.i2 == 0
    assert found.random.effect == found.fixed.effect
    # Hartung & Knapp alone would have 0.078 for 0.173.
    assert half(found.random) == pytest.approx(stdtrit(2, 0.975) * 0.173132957)


def test_studies_that_agree_by_chance_have_no_interval_of_length_0():
    found = synthesis([0.5, 0.5], [0.1, 0.1], [4, 4])
    assert found.q == pytest.approx(0)
    assert found.i2 == found.tau == 0
    assert half(found.random) == pytest.approx(12.7062 * 0.1 / np.sqrt(2), rel=1e-5)


def test_the_numbers_are_those_of_statsmodels():
    """Of `combine_effects(…, method_re="iterated")` in statsmodels 0.15, errors taken as known."""
    found = synthesis(EFFECTS, ERRORS, [KNOWN] * 4)
    assert found.fixed.effect == pytest.approx(0.6767317073)
    assert half(found.fixed) == pytest.approx(1.959963985 * 0.0279372118, rel=1e-6)
    assert found.random.effect == pytest.approx(0.6748175361)
    assert (found.random.low, found.random.high) == pytest.approx((0.51828445, 0.83135062))
    assert found.tau**2 == pytest.approx(0.0055226050)
    assert (found.q, found.p) == pytest.approx((6.0069390244, 0.1112731141))
    assert found.i2 == pytest.approx(0.5005775841)
    np.testing.assert_allclose(
        found.weights, [0.30156068, 0.20291725, 0.33966536, 0.15585671], rtol=1e-6
    )


def test_the_scale_of_the_effects_does_not_matter():
    found, scaled = (
        synthesis(np.multiply(EFFECTS, scale), np.multiply(ERRORS, scale), [4] * 4)
        for scale in (1.0, 1e-6)
    )
    assert scaled.tau == pytest.approx(1e-6 * found.tau)
    assert half(scaled.random) == pytest.approx(1e-6 * half(found.random))


@pytest.mark.parametrize(("studies", "tau"), [(2, 0.0), (3, 0.0), (3, 1.0), (5, 1.0)])
def test_intervals_cover_although_errors_are_estimates_of_five_architectures(studies, tau):
    random, count, df = np.random.default_rng(0), 1000, 4
    fixed = of_mean = 0
    for _ in range(count):
        effects = random.normal(size=studies) * np.sqrt(1 + tau**2)
        errors = np.sqrt(random.chisquare(df, studies) / df)
        found = synthesis(effects, errors, [df] * studies)
        fixed += found.fixed.low <= 0 <= found.fixed.high
        of_mean += found.random.low <= 0 <= found.random.high
    assert of_mean / count >= 0.94
    # Errors that are taken as known would cover in 81 % where the effect is one.
    assert fixed / count >= 0.9 if tau == 0 else fixed < of_mean


@pytest.mark.parametrize(
    ("effects", "errors", "df"),
    [
        ([], [], []),
        ([1, np.nan], [1, 1], [4, 4]),
        ([1, 2], [1, 0], [4, 4]),
        ([1, 2], [1, 1], [4, 0]),
    ],
)
def test_what_has_no_error_is_refused(effects, errors, df):
    with pytest.raises(ValueError, match="an error and degrees of freedom above 0"):
        synthesis(effects, errors, df)
