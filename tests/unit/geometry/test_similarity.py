"""The table of measures keeps its promises, and rows say what the numbers mean."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest
from scipy.stats import ortho_group
from unit.support.synthetic_representations import (
    ALL,
    CLASSES,
    answers_to,
    labels_of,
    orthonormal,
    pair_of,
    related,
    rows_of,
    values,
)

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import UNKNOWN, compare_geometry
from repcompare.representations.moments import ROWS_PER_CHUNK
from repcompare.representations.pair import Pair, shuffled_order
from repcompare.vocabulary import GEOMETRY_MEASURES

TRANSFORMS = {
    "translation": lambda x: x + np.linspace(-20, 30, x.shape[1]),
    "permutation": lambda x: x[:, np.random.default_rng(2).permutation(x.shape[1])],
    "orthogonal": lambda x: x @ ortho_group.rvs(x.shape[1], random_state=3),
    "isotropic_scaling": lambda x: x * -3.7,
    "invertible_linear": lambda x: x @ (np.diag(np.geomspace(1, 30, x.shape[1]))[::-1] + 0.5),
}


@pytest.fixture(scope="module")
def unchanged():
    return values(*related())


@pytest.fixture(scope="module")
def transformed():
    """Values with each transform of the first and of the second representation."""
    x, y = related()
    return {
        name: (values(transform(x), y), values(x, transform(y)))
        for name, transform in TRANSFORMS.items()
    }


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("measure", ALL)
def test_a_measure_is_invariant_to_what_its_row_says_and_to_nothing_else(
    measure, transform, transformed, unchanged
):
    row = MEASURES[measure]
    promises = row.invariances, row.target_invariances or row.invariances
    for promised, found in zip(promises, transformed[transform], strict=True):
        change = abs(found[measure] - unchanged[measure])
        if transform in promised:
            assert change < 1e-9
        else:
            assert change > 1e-3


def test_every_declared_invariance_is_one_that_is_tested():
    for measure in MEASURES.values():
        assert measure.invariances | (measure.target_invariances or set()) <= set(TRANSFORMS)


def test_every_row_of_the_table_is_complete():
    assert all(key == measure.id for key, measure in MEASURES.items())
    assert all(measure.reference for measure in MEASURES.values())


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.id)
def test_a_measure_without_a_null_in_closed_form_works_or_is_refused_at_once(measure, monkeypatch):
    if measure.needs != "moments":
        with pytest.raises(
            ValueError, match=f"{measure.id}: .* must have both nulls in closed form"
        ):
            dataclasses.replace(measure, null=None)
        return
    monkeypatch.setitem(MEASURES, measure.id, dataclasses.replace(measure, null=None))
    x, y = related(1000)
    expected = MEASURES[measure.id].function(pair_of(x, y[shuffled_order(1000, 0)]))[0]
    (row, *_) = compare_geometry(pair_of(x, y), [measure.id])
    assert row.null == pytest.approx(expected)


def test_a_measure_says_what_it_needs_in_words_that_are_known():
    with pytest.raises(ValueError, match="cka: needs 'moment', allowed: moments, classes"):
        dataclasses.replace(MEASURES["cka"], needs="moment")


@pytest.mark.parametrize("measure", ALL)
def test_a_measure_notices_shuffled_samples_and_noise(measure, unchanged):
    x, y = related()
    rng = np.random.default_rng(5)
    order = rng.permutation(len(y))
    one, other = answers_to(labels_of(160))
    sign = 1 if GEOMETRY_MEASURES[measure].similarity else -1
    shuffled = values(x, y[order], answers=(one, other[order]))[measure]
    noisy = values(
        x,
        y + 12 * rng.standard_normal(y.shape),
        answers=(one, np.where(rng.random(160) < 0.5, rng.integers(0, CLASSES, 160), other)),
    )[measure]
    assert sign * shuffled < sign * unchanged[measure] - 0.1
    assert sign * noisy < sign * unchanged[measure] - 0.1


@pytest.mark.parametrize("measure", [name for name in ALL if not MEASURES[name].directed])
def test_a_measure_is_symmetric_unless_it_is_directed(measure, unchanged):
    x, y = related()
    swapped = values(y, x, answers=answers_to(labels_of(160))[::-1])
    assert swapped[measure] == pytest.approx(unchanged[measure], abs=1e-12)
    assert [row.backward for row in rows_of(x, y, [measure])] == [False]


@pytest.mark.parametrize("measure", [name for name in ALL if MEASURES[name].directed])
def test_a_directed_measure_has_a_row_each_way(measure):
    x, y = related()
    there, back = rows_of(x, y, [measure])
    assert (there.backward, back.backward) == (False, True)
    assert there.value != pytest.approx(back.value, abs=1e-3)
    swapped_there, swapped_back = rows_of(y, x, [measure])
    for row, swapped in ((there, swapped_back), (back, swapped_there)):
        assert row.value == pytest.approx(swapped.value, abs=1e-12)
        assert (row.low, row.high) == pytest.approx((swapped.low, swapped.high), abs=1e-6)


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize("n", [12, 40, 300])
def test_values_and_nulls_are_within_the_declared_range(measure, n):
    rng = np.random.default_rng(0)
    unrelated = rng.standard_normal((n, 20)), rng.standard_normal((n, 7))
    low, high = MEASURES[measure].range
    for x, y in (related(n), unrelated, (unrelated[0], unrelated[0])):
        for row in rows_of(x, y, [measure]):
            assert low - 1e-6 <= row.value <= high + 1e-6
            assert low - 1e-6 <= row.null <= high + 1e-6
            assert low - 1e-6 <= row.class_null <= high + 1e-6


@pytest.mark.parametrize("scale", [1e-5, 1e5])
def test_scale_does_not_matter(scale):
    x, y = related()
    plain, scaled = rows_of(x, y), rows_of(x * scale, y / scale)
    for one, other in zip(plain, scaled, strict=True):
        assert other.value == pytest.approx(one.value, abs=1e-9)
        numbers = [
            (row.low, row.high, row.bias, row.error, row.null, row.class_null)
            for row in (one, other)
        ]
        assert numbers[1] == pytest.approx(numbers[0], abs=1e-6, nan_ok=True)


def test_a_large_mean_costs_no_digits():
    x, y = related()
    plain, moved = rows_of(x, y), rows_of(x + 1e4, y - 1e4)
    for one, other in zip(plain, moved, strict=True):
        assert other.value == pytest.approx(one.value, abs=1e-9)
        numbers = [
            (row.low, row.high, row.bias, row.error, row.null, row.class_null)
            for row in (one, other)
        ]
        assert numbers[1] == pytest.approx(numbers[0], abs=1e-6, nan_ok=True)


def test_dead_units_change_nothing(unchanged):
    x, y = related()
    padded = np.hstack([x, np.full((160, 3), 0.1)])
    assert values(padded, y) == pytest.approx(unchanged, abs=1e-10)


def test_cca_does_not_count_a_duplicated_unit_twice(unchanged):
    x, y = related()
    duplicated = values(np.hstack([x, x[:, :2]]), y)
    assert duplicated["cca"] == pytest.approx(unchanged["cca"], abs=1e-9)
    assert duplicated["cka"] != pytest.approx(unchanged["cka"], abs=1e-3)


@pytest.mark.parametrize("relabel", [lambda c: c * 7 + 3, lambda c: np.array([*"abcdefgh"])[c]])
def test_classes_may_have_any_names(relabel, unchanged):
    x, y = related()
    answers = answers_to(labels_of(160))
    assert values(x, y, relabel(labels_of(160)), answers) == pytest.approx(unchanged, abs=1e-12)


@pytest.mark.parametrize("order", [1, -1])
def test_a_constant_representation_has_no_geometry_but_it_has_predictions(order):
    x, _ = related()
    rows = rows_of(*[x, np.full((160, 3), 0.1)][::order])
    assert [row.measure for row in rows if not row.backward] == ALL
    for row in rows:
        if row.measure == "disagreement":
            assert row.low < row.value < row.high
            assert row.note == ""
        else:
            numbers = dataclasses.asdict(row)
            assert all(np.isnan(numbers[name]) for name in ("value", *UNKNOWN))
            assert row.note == "constant representation"


def test_a_representation_constant_but_for_one_sample_has_values_without_intervals():
    _, y = related(64)
    x = np.zeros((64, 2))
    x[5] = 64
    for row in rows_of(x, y):
        if row.measure == "disagreement":
            assert row.low < row.value < row.high
        elif row.measure == "cka_debiased":
            assert np.isnan(row.value)
        else:
            assert np.isfinite(row.value)
            assert np.isnan([row.low, row.high]).all()
            assert row.note == "no interval: undefined without some group of samples"


def test_representations_constant_within_classes_have_only_class_means():
    _, y = related()
    x = np.random.default_rng(0).standard_normal((CLASSES, 5))[labels_of(160)]
    rows = {row.measure: row for row in rows_of(x, y)}
    assert np.isnan(rows["cka_within_class"].value)
    assert np.isnan(rows["cka_within_class"].null)
    assert rows["cka_within_class"].note == "constant within every class"
    assert np.isfinite(rows["cka_centroids"].value)
    assert np.isfinite(rows["cka"].low)


@pytest.mark.parametrize("classes", [1, 2])
def test_class_means_need_three_classes(classes):
    (row,) = rows_of(*related(), ["cka_centroids"], labels=np.arange(160) % classes)
    assert np.isnan([row.value, row.null, row.low]).all()
    assert row.note == "needs 3 classes or more"


def test_class_means_that_are_all_the_same_have_no_similarity():
    x, y = related()
    x = np.vstack([x[:80], x[:80]])
    row = rows_of(x, y, ["cka_centroids"], labels=np.repeat([0, 1], 80))[0]
    assert np.isnan(row.value)
    labels = np.arange(160) // 40
    x = np.tile(np.repeat([[-1.0], [1.0]], 20, axis=0), (4, 2))
    row = rows_of(x, y, ["cka_centroids"], labels=labels)[0]
    assert np.isnan([row.value, row.null]).all()
    assert row.note == "all class means are the same"


@pytest.mark.parametrize(("n", "noted"), [(31, True), (32, False)])
def test_fewer_than_32_samples_give_a_value_without_an_interval(n, noted):
    for row in rows_of(*related(n)):
        assert np.isfinite(row.value)
        assert np.isnan([row.bias, row.error]).all() == noted
        assert ("no interval below 32 samples" in row.note) == noted


def test_debiased_cka_needs_four_samples():
    (row,) = rows_of(*related(3), ["cka_debiased"])
    assert np.isnan(row.value)
    assert row.note.startswith("needs more than 3 samples")


@pytest.mark.parametrize("n", [5, 8, 21, 50])
def test_equidistant_samples_have_neither_debiased_cka_nor_distances(n):
    _, y = related(n)
    debiased, rsa = rows_of(np.eye(n), y, ["cka_debiased", "rsa"])
    assert np.isnan([debiased.value, rsa.value]).all()
    assert debiased.note.startswith("unbiased self-similarity is not positive")
    assert rsa.note.startswith("all samples are equally far apart")


@pytest.mark.parametrize(
    ("n", "note"),
    [
        (6, "trivially 1: n - 1 <= rank"),
        (8, "3 of 4 correlations are trivially 1: n is too small"),
        (11, ""),
    ],
)
@pytest.mark.parametrize("measure", ["cca", "pwcca"])
def test_cca_says_what_too_few_samples_force_to_be_one(measure, n, note):
    rng = np.random.default_rng(0)
    for row in rows_of(rng.standard_normal((n, 6)), rng.standard_normal((n, 4)), [measure]):
        assert row.note.replace("no interval below 32 samples", "").removesuffix("; ") == note
        if "n - 1" in note:
            assert row.value == pytest.approx(1)


@pytest.mark.parametrize("measures", [["cca"], ["pwcca"], ["svcca"]])
@pytest.mark.parametrize("width", [64, 3])
def test_what_too_few_samples_force_to_be_one_is_not_computed(measures, width, monkeypatch):
    def refused(*arguments, **named):
        raise AssertionError("a decomposition for nothing")

    monkeypatch.setattr(np.linalg, "svd", refused)
    for row in rows_of(orthonormal(63, n=64), related(64, 1, width)[1], measures):
        assert (row.value, row.low, row.high, row.null) == (1, 1, 1, 1)
        assert row.note == "trivially 1: n - 1 <= rank"


def test_svcca_counts_what_is_forced_among_the_components_that_it_keeps():
    axes = orthonormal(10, n=12)
    x = axes[:, :8] * ([1] * 6 + [1e-3] * 2)
    y = axes[:, 2:] * ([1] * 6 + [1e-3] * 2)
    (row,) = rows_of(x, y, ["svcca"])
    assert row.note.startswith("1 of 6 correlations are trivially 1")
    (row,) = rows_of(x, y, ["cca"])
    assert row.note.startswith("5 of 8 correlations are trivially 1")


@pytest.mark.parametrize("measure", ALL)
def test_a_row_is_flagged_if_samples_are_few_for_the_wider_representation(measure):
    needed = MEASURES[measure].samples_per_unit
    flags = {n: rows_of(*related(n, 2, 5), [measure])[0].flag for n in (49, 50)}
    assert flags == {49: "n/d is 9.8, below 10" if needed else "", 50: ""}


def test_measures_of_pairs_of_samples_say_how_many_they_see():
    x, y = related(5000, 2, 2)
    rows = rows_of(x, y, ["cka", "rsa", "knn_jaccard", "disagreement"])
    assert [row.n for row in rows] == [5000, 1667, 1667, 5000]
    labels, answers = labels_of(5000), answers_to(labels_of(5000))
    seen = values(x[::3], y[::3], labels[::3], [each[::3] for each in answers])
    assert rows[1].value == pytest.approx(seen["rsa"], abs=1e-6)
    assert rows[2].value == pytest.approx(seen["knn_jaccard"], abs=1e-9)


def test_rows_come_in_the_order_asked_for():
    x, y = related(40)
    assert [row.measure for row in rows_of(x, y, ["cca", "cka"])] == ["cca", "cka"]


def test_an_hdf5_data_set_gives_what_the_array_gives(tmp_path):
    x, y = (each.astype(np.float32) for each in related(200))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = file.create_dataset("x", data=x), file.create_dataset("y", data=y)
        streamed = rows_of(*stored)
    for one, other in zip(streamed, rows_of(x, y), strict=True):
        np.testing.assert_equal(dataclasses.asdict(one), dataclasses.asdict(other))


class CountedRows:
    """Rows that remember the most that were asked for at once."""

    def __init__(self, rows: np.ndarray):
        self.rows, self.shape, self.most = rows, rows.shape, 0

    def __getitem__(self, rows: slice) -> np.ndarray:
        self.most = max(self.most, len(range(*rows.indices(self.shape[0]))))
        return self.rows[rows]


def test_rows_are_read_a_chunk_at_a_time():
    x, y = (CountedRows(each) for each in related(9000, 2, 2))
    compare_geometry(pair_of(x, y), ["cka", "procrustes", "knn_jaccard"])
    assert x.most == y.most == ROWS_PER_CHUNK


def test_two_dimensional_rows_of_the_same_samples_are_needed():
    x, y = related(40)
    with pytest.raises(ValueError, match="40 and 39"):
        Pair.of(pair_of(x, x).a.whole, pair_of(y[:39], y[:39]).a.whole)
    with pytest.raises(ValueError, match=r"\(40, 39, 40\) samples"):
        pair_of(x, y, labels=labels_of(39), answers=answers_to(labels_of(40)))
    with pytest.raises(ValueError, match="at least 2 samples"):
        pair_of(x[:1], y[:1])
