"""Nulls of the measures are the means over all orders of the samples, or over those within classes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from unit.support.synthetic_representations import (
    ALL,
    CLASSES,
    answers_to,
    class_means,
    labels_of,
    pair_of,
    related,
    rows_of,
    tied_samples,
    value,
)

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import compare_geometry
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation
from repcompare.vocabulary import GEOMETRY_MEASURES


def values_in_orders(measure: str, x, y, answers, orders) -> np.ndarray:
    """Values with y's samples in each of the orders."""
    return np.array(
        [
            value(measure, pair_of(x, y[order], answers=(answers[0], answers[1][order])))
            for order in map(list, orders)
        ]
    )


@pytest.mark.parametrize("measure", ["cka", "cka_debiased", "rsa", "disagreement"])
def test_the_null_is_the_mean_over_all_orders_of_the_samples(measure):
    x, y = related(6)
    answers = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 2, 0, 3])
    found = values_in_orders(measure, x, y, answers, permutations(range(6)))
    null = MEASURES[measure].null(pair_of(x, y, answers=answers))
    assert null == pytest.approx(found.mean(), abs=1e-6)


def orders_within(labels: np.ndarray, count: int):
    """Random orders in which samples trade places within their classes."""
    rng = np.random.default_rng(9)
    for _ in range(count):
        order = np.arange(len(labels))
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            order[members] = rng.permutation(members)
        yield order


def all_orders_within(labels: np.ndarray):
    """Every order in which samples trade places within their classes."""
    return (each for each in permutations(range(len(labels))) if (labels[[*each]] == labels).all())


def class_nulls(measure: str, x, y, labels, orders) -> np.ndarray:
    """Values with y's samples in each of the orders within classes."""
    one, other = answers_to(labels)
    return np.array(
        [
            value(measure, pair_of(x, y[order], labels, (one, other[order])))
            for order in map(list, orders)
        ]
    )


CLOSED = ["cka", "cka_debiased", "cka_within_class", "cka_centroids", "rsa", "disagreement"]


@pytest.mark.parametrize("measure", CLOSED)
@pytest.mark.parametrize(
    "labels", [[0, 1, 0, 1, 0, 2, 1], [0, 0, 0, 1, 2, 2, 2], [0] * 3 + [1, 2, 3, 4]]
)
def test_the_class_null_is_the_mean_over_all_orders_within_classes(measure, labels):
    x, y = related(7)
    labels = np.array(labels)
    found = class_nulls(measure, x, y, labels, all_orders_within(labels))
    null = MEASURES[measure].class_null(pair_of(x, y, labels, answers_to(labels)))
    assert null == pytest.approx(found.mean(), abs=1e-6 if measure == "rsa" else 1e-9)


@pytest.mark.parametrize("measure", [name for name in ALL if name != "cka_centroids"])
def test_the_class_null_is_the_mean_over_many_orders_within_classes(measure):
    x, y = related(240)
    labels = labels_of(240)
    found = class_nulls(measure, x, y, labels, orders_within(labels, 200))
    row = rows_of(x, y, [measure])[0]
    closed = MEASURES[measure].class_null is not None
    error = found.std() * (1 / np.sqrt(200) if closed else 1)
    assert abs(row.class_null - found.mean()) < 4 * error + 1e-9


def test_within_classes_the_null_is_the_class_null():
    (row,) = rows_of(*related(), ["cka_within_class"])
    assert row.null == row.class_null


@pytest.mark.parametrize("measure", [name for name in ALL if name != "cka_centroids"])
def test_what_networks_share_beyond_the_classes_lies_above_the_class_null(measure):
    """Class means alone are shared at first, then also what is left of them."""
    rng = np.random.default_rng(2)
    labels, n = labels_of(800), 800
    means = 2 * rng.standard_normal((CLASSES, 5))[labels]
    own, other = rng.standard_normal((2, n, 5))
    wrong, mistaken = rng.integers(0, CLASSES, (2, n)), rng.random((2, n)) < 0.3
    answers = np.where(mistaken, wrong, labels)
    alone = rows_of(means + own, means + other, [measure], labels=labels, answers=answers)[0]
    alike = rows_of(
        means + own, means + own + 0.1 * other, [measure],
        labels=labels, answers=(answers[0], answers[0]),
    )[0]  # fmt: skip
    sign = 1 if GEOMETRY_MEASURES[measure].similarity else -1
    assert alone.value == pytest.approx(alone.class_null, abs=0.05)
    assert sign * alike.value > sign * alike.class_null + 0.1


@pytest.mark.parametrize("measure", ["cka", "procrustes", "rsa", "knn_jaccard", "disagreement"])
def test_images_without_labels_have_no_class_null(measure):
    x, y = related(64)
    made = (Representation.of(each, None, answers_to(labels_of(64))[0]) for each in (x, y))
    (row,) = compare_geometry(Pair.of(*made), [measure])
    assert np.isnan(row.class_null)
    assert "no class null: the images have no labels" in row.note


def test_the_null_of_class_means_is_the_mean_over_all_orders_of_the_classes():
    x, y = related(50)
    labels = np.arange(50) % 5
    means = (class_means(each, labels) for each in (x, y))
    found = values_in_orders("cka", *means, np.zeros((2, 5), int), permutations(range(5)))
    null = MEASURES["cka_centroids"].null(pair_of(x, y, labels))
    assert null == pytest.approx(found.mean(), abs=1e-9)


@pytest.mark.parametrize("given", [related, tied_samples], ids=["one size", "unequal sizes"])
def test_the_null_of_neighbours_is_the_mean_over_many_orders_of_the_samples(given):
    x, y = given(48)
    rng = np.random.default_rng(7)
    orders = (rng.permutation(48) for _ in range(600))
    found = values_in_orders("knn_jaccard", x, y, np.zeros((2, 48), int), orders)
    null = MEASURES["knn_jaccard"].null(pair_of(x, y))
    assert abs(found.mean() - null) < 4 * found.std() / np.sqrt(600)


def test_every_null_in_closed_form_is_tested():
    assert {name for name in ALL if MEASURES[name].null} == {
        "cka",
        "cka_debiased",
        "cka_within_class",
        "cka_centroids",
        "rsa",
        "knn_jaccard",
        "disagreement",
    }
    assert {name for name in ALL if MEASURES[name].class_null} == {*CLOSED, "knn_jaccard"}


def test_the_null_of_few_neighbours_is_that_of_a_forced_choice():
    x, y = related(11)
    (row,) = rows_of(x, y, ["knn_jaccard"])
    assert (row.value, row.null) == (1, pytest.approx(1))


@pytest.mark.parametrize("measure", [name for name in ALL if not MEASURES[name].null])
def test_the_null_from_shuffled_samples_is_the_value_of_unrelated_ones(measure):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((1000, 12)), rng.standard_normal((1000, 9))
    for row in rows_of(x, y, [measure]):
        assert row.null == pytest.approx(row.value, rel=0.2)
    for row in rows_of(*related(1000), [measure]):
        assert row.null < row.value / 2
