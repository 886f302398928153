"""Wide pairs: the jackknife in single precision and from squares is that of the measures in full."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from unit.support.synthetic_representations import answers_to, labels_of, pair_of, related

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.left_out import GONE, LEFT_OUT, Side, left_out
from repcompare.geometry.similarity import Task, compare_geometry, jackknife_replicates
from repcompare.representations import groups, pair
from repcompare.representations.pair import Pair, shuffled_order
from repcompare.statistics.jackknife import GROUPS, bias, interval, standard_error

NAMES = [name for name, measure in MEASURES.items() if measure.left_out]
TASKS = [
    Task(MEASURES[name], backward)
    for name in NAMES
    for backward in ((False, True) if MEASURES[name].directed else (False,))
]


def rectified(n: int, width: int, other: int, decay: float = 1.0):
    """Like two networks: signals of a decaying spectrum in common and apart, behind a threshold."""
    rng = np.random.default_rng(0)
    common, *own = rng.standard_normal((3, n, max(width, other)))
    scales = np.arange(1, max(width, other) + 1) ** -decay
    found = []
    for each, units in zip(own, (width, other), strict=True):
        mixed = (common + each) * scales @ rng.standard_normal((max(width, other), units))
        found.append(np.maximum(mixed - 0.2 * mixed.std(), 0))
    return tuple(found)


def deficient(n: int = 500):
    """Units that are dead, that stand twice, and one that only samples of one group use."""
    x, y = rectified(n, 110, 40)
    x[:, :9], x[:, 9:20] = 0, x[:, 20:31]
    x[:, 31] = np.where(np.arange(n) % GROUPS == 3, 1 + x[:, 31], 0)
    return x, y


GIVEN = {
    "many samples": lambda: rectified(2400, 100, 90),
    "few samples": lambda: rectified(260, 90, 110),
    "one side narrow": lambda: rectified(600, 20, 100),
    "a steep spectrum": lambda: rectified(900, 90, 90, decay=2.5),
    "ranks that change": deficient,
    "fewer samples than units": lambda: rectified(120, 200, 30),
    "as wide as pairs are": lambda: rectified(3000, 260, 270),
}
SLOW = "as wide as pairs are"


@pytest.fixture
def narrow(monkeypatch):
    """Pairs of 20 units and more are taken for wide."""
    monkeypatch.setattr(pair, "WIDE", 20)


def in_full(given: Pair) -> dict[Task, np.ndarray]:
    """Replicates by the measures themselves, without the same groups."""
    parts = [given.on(np.arange(GROUPS) % LEFT_OUT != first) for first in range(LEFT_OUT)]
    return {task: np.array([task.value(part)[0] for part in parts]) for task in TASKS}


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == SLOW)) for name in GIVEN]
)
def test_bias_and_width_are_those_of_the_measures_in_full_to_a_twentieth_of_the_width(name):
    given = pair_of(*GIVEN[name]())
    assert given.wide
    found, expected = jackknife_replicates(given, TASKS), in_full(given)
    for task in TASKS:
        value = task.value(given)[0]
        low, high = interval(value, expected[task])
        near = pytest.approx((low, high), abs=0.05 * (high - low) / 2 + 1e-6)
        assert interval(value, found[task]) == near
        expected_bias = bias(value, expected[task])
        assert bias(value, found[task]) == pytest.approx(
            expected_bias, abs=0.05 * (high - low) / 2 + 1e-5
        )


@pytest.mark.usefixtures("narrow")
def test_a_direction_that_goes_with_its_group_counts_no_more():
    given = pair_of(*deficient())
    ranks = [part.a.rank for part in left_out(given)]
    full = given.a.components.rank
    assert ranks == [full - (first == 3) for first in range(LEFT_OUT)]


def test_what_is_left_is_whitened_whether_or_not_a_direction_is_gone():
    rng = np.random.default_rng(0)
    whole = pair_of(*rectified(500, 90, 20)).a.whole
    removed = rng.standard_normal((9, 90)) / 40
    for gone in (0.0, 1.0):
        removed[0] = gone * np.eye(90)[4]
        side = Side.of(whole).without(removed.astype(np.float32))
        assert side.rank == 90 - int(gone)
        whitening = side.whiten(np.eye(90, dtype=np.float32)).T
        np.testing.assert_allclose(
            whitening.T @ side.scatter @ whitening, np.eye(side.rank), atol=1e-4
        )
        along = side.along_units(np.eye(side.rank, dtype=np.float32))
        np.testing.assert_allclose(
            along, side.loadings @ side.scatter @ whitening, atol=1e-4 * np.abs(along).max()
        )
    assert 1e-6 < GONE < 1e-2


@pytest.mark.usefixtures("narrow")
def test_only_wide_pairs_leave_two_groups_out_at_a_time():
    for width, parts in ((20, GROUPS), (21, LEFT_OUT)):
        given = pair_of(*related(600, width, 3))
        found = jackknife_replicates(given, [*TASKS, Task(MEASURES["cka"], False)])
        assert {len(found[task]) for task in TASKS} == {parts}
        assert len(found[Task(MEASURES["cka"], False)]) == GROUPS


@pytest.mark.usefixtures("narrow")
def test_student_has_a_degree_of_freedom_less_than_there_are_parts():
    given = pair_of(*related(4000, 30, 3))
    (row,) = compare_geometry(given, ["procrustes"])
    half = scipy.stats.t.ppf(0.975, LEFT_OUT - 1) * row.error
    assert (row.low, row.high) == pytest.approx((row.value - half, row.value + half))


@pytest.mark.usefixtures("narrow")
def test_there_is_no_replicate_where_a_representation_is_constant_without_its_group():
    x = np.zeros((640, 30))
    x[[5, 21, 13]] = np.random.default_rng(0).standard_normal((3, 30))
    found = jackknife_replicates(pair_of(x, related(640)[1]), TASKS)
    for task in TASKS:
        np.testing.assert_array_equal(np.isnan(found[task]), np.arange(LEFT_OUT) == 5)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("within_classes", [False, True])
def test_nulls_of_a_wide_pair_have_five_digits_of_those_in_full(within_classes):
    x, y = rectified(900, 90, 80)
    hasty = pair_of(x, y).shuffled(within_classes=within_classes)
    order = shuffled_order(900, 0, labels_of(900) if within_classes else None)
    full = pair_of(x, y[order])
    for task in TASKS:
        assert task.value(hasty)[0] == pytest.approx(task.value(full)[0], abs=1e-5)


def test_what_is_summed_again_from_the_rows_is_what_is_kept(monkeypatch):
    x, y = related(500, 20, 12)
    answers, names = answers_to(labels_of(500)), ["cka_debiased", "cka_within_class", "cca"]
    kept = compare_geometry(pair_of(x, y, answers=answers), names)
    monkeypatch.setattr(groups, "MOST_BYTES", 0)
    again = pair_of(x, y, answers=answers)
    for one, other in zip(compare_geometry(again, names), kept, strict=True):
        numbers = [(row.value, row.low, row.high, row.bias, row.error) for row in (one, other)]
        assert numbers[0] == pytest.approx(numbers[1], abs=1e-10, nan_ok=True)
    for g in (0, 15):
        part = slice(g, None, GROUPS)
        x_g, y_g = x[part] - x.mean(axis=0), y[part] - y.mean(axis=0)
        np.testing.assert_allclose(again.a.whole.scatters[g], x_g.T @ x_g, atol=1e-9)
        np.testing.assert_allclose(again.statistics.crosses[g], x_g.T @ y_g, atol=1e-9)
        np.testing.assert_allclose(again.reversed.statistics.crosses[g], y_g.T @ x_g, atol=1e-9)


@pytest.mark.usefixtures("narrow")
def test_the_jackknife_of_a_wide_pair_is_as_wide_as_samples_spread():
    """The spread is over samples drawn anew."""
    task = Task(MEASURES["procrustes"], False)
    values, errors = [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        z = rng.standard_normal((400, 24)) * np.linspace(2, 0.2, 24)
        given = pair_of(z + rng.standard_normal(z.shape), z + rng.standard_normal(z.shape))
        values.append(task.value(given)[0])
        if seed < 20:
            errors.append(standard_error(jackknife_replicates(given, [task])[task]))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.2)
