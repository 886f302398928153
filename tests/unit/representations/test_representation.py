"""Statistics of groups of samples equal those of the samples themselves."""

from __future__ import annotations

import numpy as np
import pytest
from unit.support.synthetic_representations import (
    ALL,
    answers_to,
    centred,
    labels_of,
    pair_of,
    related,
)

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import Task, convergence
from repcompare.representations.pair import Pair, shuffled_order
from repcompare.representations.representation import Representation, evenly_spaced, mean_ranks
from repcompare.statistics.jackknife import GROUPS, by_group

EVERYTHING = np.ones(GROUPS, bool)
KEPT = {
    "all": EVERYTHING,
    "without the first": np.arange(GROUPS) != 0,
    "without the last": np.arange(GROUPS) != 15,
    "the first two": np.arange(GROUPS) < 2,
    "every other": np.arange(GROUPS) % 2 == 1,
    "most": np.arange(GROUPS) % 4 != 1,
}
TASKS = [
    Task(measure, backward)
    for measure in MEASURES.values()
    for backward in ((False, True) if measure.directed else (False,))
]


class Drawn:
    """A pair, with a class that only one group has, and the same from rows of some groups alone."""

    def __init__(self, n: int):
        self.x, self.y = related(n, 6, 5)
        self.x = self.x + 2 * np.sin(np.arange(n) % GROUPS)[:, None]
        self.labels = labels_of(n)
        self.labels[3::GROUPS] = np.where(self.labels[3::GROUPS] < 3, 17, self.labels[3::GROUPS])
        self.answers = answers_to(self.labels)
        self.pair = pair_of(self.x, self.y, self.labels, self.answers)

    def rows(self, kept: np.ndarray) -> np.ndarray:
        return np.flatnonzero(kept[np.arange(len(self.x)) % GROUPS])

    def from_scratch(self, kept: np.ndarray) -> Pair:
        at = self.rows(kept)
        answers = [each[at] for each in self.answers]
        return pair_of(self.x[at], self.y[at], self.labels[at], answers)


@pytest.fixture(scope="module")
def drawn():
    return Drawn(333)


@pytest.fixture(scope="module")
def drawn_in_chunks():
    return Drawn(9001)


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.measure.id + "~" * task.backward)
def test_a_measure_of_some_groups_is_that_of_their_samples(task, kept, drawn):
    part, scratch = drawn.pair.on(kept), drawn.from_scratch(kept)
    assert part.n == scratch.n == len(drawn.rows(kept))
    found, expected = task.value(part), task.value(scratch)
    assert found[0] == pytest.approx(expected[0], rel=1e-9, abs=1e-9)
    assert found[1] == expected[1]
    if task.measure.null:
        null = task.measure.null(scratch)
        assert task.measure.null(part) == pytest.approx(null, rel=1e-9)


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_statistics_of_some_groups_are_those_of_their_samples(kept, drawn):
    view, at = drawn.pair.on(kept).a, drawn.rows(kept)
    x, labels = drawn.x[at], drawn.labels[at]
    near = {"rtol": 1e-9, "atol": 1e-9 * np.ptp(x) ** 2}
    assert view.n == len(at)
    assert view.width == 6
    np.testing.assert_allclose(view.scatter, centred(x).T @ centred(x), **near)
    assert view.norms.trace == pytest.approx(np.sum(centred(x) ** 2), rel=1e-6)
    assert view.norms.scatter == pytest.approx(np.linalg.norm(centred(x).T @ centred(x)), rel=1e-6)
    about = x - drawn.x.mean(axis=0)
    np.testing.assert_allclose(view.shift, about.sum(axis=0), atol=1e-9)
    assert view.squared_length == pytest.approx(np.sum(about**2))
    for label, size, mean in zip(
        np.unique(drawn.labels), view.class_sizes, view.class_means, strict=True
    ):
        members = centred(x)[labels == label]
        assert size == len(members)
        np.testing.assert_allclose(mean, members.mean(axis=0) if size else 0, atol=1e-9)
    present = np.array([x[labels == label].mean(axis=0) for label in np.unique(labels)])
    np.testing.assert_allclose(view.centroids, centred(present), atol=1e-9)
    np.testing.assert_allclose(view.subsample, centred(x), atol=1e-9)
    np.testing.assert_array_equal(view.predictions, drawn.answers[0][at])
    scales = np.linalg.svd(centred(x), compute_uv=False)
    np.testing.assert_allclose(view.components.singular_values, scales, rtol=1e-9)


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_the_cross_covariance_of_some_groups_is_that_of_their_samples(kept, drawn):
    at = drawn.rows(kept)
    part = drawn.pair.on(kept)
    x, y = (centred(each[at]) for each in (drawn.x, drawn.y))
    np.testing.assert_allclose(part.cross, x.T @ y, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(part.reversed.cross, part.cross.T)


def test_all_groups_together_are_the_whole_to_the_last_digit(drawn):
    whole = drawn.pair.on(EVERYTHING)
    np.testing.assert_allclose(whole.cross, drawn.pair.cross, atol=1e-10)
    total = drawn.pair.a.whole.moments.scatter
    np.testing.assert_allclose(whole.a.scatter, total, rtol=1e-14, atol=1e-10)
    np.testing.assert_allclose(total, centred(drawn.x).T @ centred(drawn.x), rtol=1e-12)
    np.testing.assert_allclose(drawn.pair.a.shift, 0, atol=1e-10)


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("measure", [name for name in ALL if MEASURES[name].needs != "subsample"])
def test_groups_run_on_from_chunk_to_chunk(measure, kept, drawn_in_chunks):
    part, scratch = drawn_in_chunks.pair.on(kept), drawn_in_chunks.from_scratch(kept)
    found, expected = (MEASURES[measure].function(each)[0] for each in (part, scratch))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_part_of_the_subsample_is_every_sixteenth_of_its_samples(drawn_in_chunks):
    view = drawn_in_chunks.pair.on(np.arange(GROUPS) == 3).a
    np.testing.assert_allclose(view.subsample, centred(drawn_in_chunks.x[::5][3::GROUPS]))


def test_sample_i_is_in_group_i_mod_sixteen():
    sums = by_group(np.arange(35.0))
    np.testing.assert_array_equal(sums[:4], [0 + 16 + 32, 1 + 17 + 33, 2 + 18 + 34, 3 + 19])
    whole = pair_of(*related(35)).a.whole
    np.testing.assert_array_equal(whole.sizes, [3] * 3 + [2] * 13)
    np.testing.assert_array_equal(whole.class_sizes.sum(axis=1), whole.sizes)


@pytest.mark.parametrize(("n", "groups"), [(10, 10), (16, 16), (35, 16)])
def test_every_group_that_has_samples_is_left_out_once(n, groups):
    parts = list(pair_of(*related(n)).without_each_group())
    assert len(parts) == groups
    assert sum(n - part.n for part in parts) == n


def test_left_out_and_kept_views_are_remembered(drawn):
    whole = drawn.pair.a.whole
    assert whole.view(KEPT["most"]) is whole.view(KEPT["most"].copy())
    assert whole.view(KEPT["most"]) is not whole.view(KEPT["all"])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.measure.id + "~" * task.backward)
def test_a_reversed_pair_is_the_pair_the_other_way_round(task, drawn):
    for kept in (KEPT["all"], KEPT["every other"]):
        part, scratch = drawn.pair.on(kept), drawn.from_scratch(kept)
        _ = part.canonical
        swapped = Pair.of(scratch.b.whole, scratch.a.whole)
        assert task.value(part.reversed)[0] == pytest.approx(
            task.value(swapped)[0], rel=1e-9, abs=1e-9
        )


def test_the_canonical_directions_whiten_both_and_diagonalise_what_is_between(drawn):
    pair, found = drawn.pair, drawn.pair.canonical
    a, b = (
        view.components.basis / view.components.singular_values @ along
        for view, along in ((pair.a, found.left), (pair.b, found.right))
    )
    np.testing.assert_allclose(a.T @ pair.a.scatter @ a, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(b.T @ pair.b.scatter @ b, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(a.T @ pair.cross @ b, np.diag(found.correlations), atol=1e-9)


def test_a_reversed_pair_takes_over_the_canonical_analysis_the_other_way_round(drawn):
    pair = drawn.pair.on(EVERYTHING)
    there, back = pair.canonical, pair.reversed.canonical
    assert back.left is there.right
    assert back.right is there.left


def test_correlations_of_leading_components_are_those_of_their_scores(drawn):
    pair = drawn.pair
    found = pair.correlations(3, 2)
    scores = [
        centred(view.whole.rows[:]) @ view.components.basis[:, :kept]
        for view, kept in ((pair.a, 3), (pair.b, 2))
    ]
    whitened = [np.linalg.qr(each)[0] for each in scores]
    expected = np.linalg.svd(whitened[0].T @ whitened[1], compute_uv=False)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(pair.correlations(6, 5), pair.canonical.correlations, atol=1e-9)
    np.testing.assert_allclose(pair.reversed.correlations(2, 3), found, atol=1e-9)


@pytest.mark.parametrize("n", [333, 9001])
def test_shuffling_puts_the_samples_of_the_second_in_another_order(n):
    x, y = related(n, 3, 2)
    pair = pair_of(x, y)
    one, same, other = pair.shuffled(0), pair.shuffled(0), pair.shuffled(1)
    np.testing.assert_array_equal(one.cross, same.cross)
    assert not np.allclose(one.cross, other.cross)
    assert one.a is pair.a
    assert one.b is pair.b
    rng = np.random.default_rng(0)
    rows = [slice(start, start + 4096) for start in range(0, n, 4096)]
    order = np.concatenate([rng.permutation(np.arange(n)[each]) for each in rows])
    np.testing.assert_allclose(one.cross, centred(x).T @ centred(y)[order], atol=1e-8)
    expected = pair_of(x, y[order]).statistics
    for pairs in ((one.statistics, expected), (one.reversed.statistics, expected.reversed)):
        for name in ("cross", "crosses", "norms", "weighted_a", "weighted_b"):
            found, wanted = (list(getattr(statistics, name)) for statistics in pairs)
            np.testing.assert_allclose(found, wanted, atol=1e-7)


@pytest.mark.parametrize("n", [333, 9001])
def test_shuffling_within_classes_keeps_every_class_and_moves_the_samples(n):
    x, y = related(n, 3, 2)
    codes = labels_of(n)
    order = shuffled_order(n, 0, codes)
    np.testing.assert_array_equal(order, shuffled_order(n, 0, codes))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_array_equal(codes[order], codes)
    np.testing.assert_array_equal(order // 4096, np.arange(n) // 4096)
    assert np.mean(order == np.arange(n)) < 0.05
    assert (order != shuffled_order(n, 1, codes)).any()
    found = pair_of(x, y).shuffled(within_classes=True)
    np.testing.assert_allclose(found.cross, centred(x).T @ centred(y)[order], atol=1e-8)


def test_within_a_class_every_order_is_as_likely_as_another():
    codes = np.array([0, 1, 0, 1, 0])
    drawn = [tuple(shuffled_order(5, seed, codes)) for seed in range(1200)]
    counts = [drawn.count(order) for order in set(drawn)]
    assert len(counts) == 6 * 2
    assert min(counts) > 60


@pytest.mark.parametrize("part", KEPT)
def test_squares_of_a_class_are_those_of_its_rows(part):
    x, _ = related(640)
    x += 50
    labels = labels_of(640)
    kept = KEPT[part]
    view = pair_of(x, x).on(kept).a
    chosen = kept[np.arange(640) % GROUPS]
    rows, labels = centred(x[chosen]), labels[chosen]
    for k in range(8):
        of_class = rows[labels == k]
        assert view.class_squares[k] == pytest.approx(np.sum(of_class**2))
        assert view.class_traces[k] == pytest.approx(np.sum(centred(of_class) ** 2))
    np.testing.assert_array_equal(view.codes, labels)


@pytest.mark.parametrize("width", [30, 400])
def test_parts_have_the_rank_of_their_samples_whatever_the_rounding_of_groups(width):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((640, 12)) @ rng.standard_normal((12, width))
    pair = pair_of(x.astype(np.float32), related(640)[1])
    ranks = {part.a.components.rank for part in pair.without_each_group()}
    assert ranks | {pair.on(KEPT["the first two"]).a.components.rank} == {12}


def test_cca_of_low_rank_with_itself_is_one_on_any_part_of_the_samples():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((640, 12)) @ rng.standard_normal((12, 30))
    for row in convergence(pair_of(x, x @ rng.standard_normal((30, 40))), ["cca", "pwcca"]):
        assert row.value == pytest.approx(1, abs=1e-9)


def test_what_is_constant_within_classes_stays_so_on_any_part_of_the_samples():
    for seed in range(4):
        x = np.random.default_rng(seed).standard_normal((8, 5))[labels_of(320)]
        pair = pair_of(x, related(320)[1])
        assert pair.a.norms.within == 0
        assert {part.a.norms.within_trace for part in pair.without_each_group()} == {0}


def test_a_view_is_constant_if_its_samples_are():
    x = np.full((64, 3), 0.1)
    assert pair_of(x, x).a.constant
    x[5] = 0.3, 0.1, 7
    view = pair_of(x, x).a.whole.view
    assert not view(EVERYTHING).constant
    assert view(np.arange(GROUPS) != 5).constant
    assert view(np.arange(GROUPS) < 2).constant
    assert not view(np.arange(GROUPS) != 4).constant


@pytest.mark.parametrize(("n", "step"), [(5, 1), (2000, 1), (2001, 2), (4000, 2), (4001, 3)])
def test_a_subsample_is_evenly_spaced(n, step):
    found = evenly_spaced(np.arange(n)[:, None], 2000)
    np.testing.assert_array_equal(found[:, 0], np.arange(0, n, step))


def test_equal_values_share_the_mean_of_their_ranks():
    np.testing.assert_array_equal(
        mean_ranks(np.array([5.0, 1, 5, 5, 9, 1])), [4, 1.5, 4, 4, 6, 1.5]
    )


def test_values_closer_than_the_tolerance_are_equal():
    values = np.array([2.0, 1, 1 + 1e-13, 3, 2 - 1e-13])
    np.testing.assert_array_equal(mean_ranks(values, 1e-12), [3.5, 1.5, 1.5, 5, 3.5])
    np.testing.assert_array_equal(mean_ranks(values), [4, 1, 2, 5, 3])


def test_float32_rows_are_summed_in_float64():
    x = related(500)[0].astype(np.float32)
    labels, answers = labels_of(500), answers_to(labels_of(500))
    narrow, wide = (
        Representation.of(each, labels, answers[0]) for each in (x, x.astype(np.float64))
    )
    np.testing.assert_array_equal(narrow.moments.scatter, wide.moments.scatter)
    np.testing.assert_array_equal(narrow.class_sums, wide.class_sums)
    assert narrow.moments.scatter.dtype == np.float64
    assert narrow.scatters[0].dtype == np.float64
