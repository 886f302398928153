"""Arrays are compared as the library compares them, and what it cannot use is refused by name."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from unit.support.synthetic_representations import ALL, answers_to, labels_of, pair_of, related

import repcompare
from repcompare import api
from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import compare_geometry
from repcompare.representations.representation import Representation
from repcompare.vocabulary import GEOMETRY_MEASURES

X, Y = related()


N = len(X)


LABELS = labels_of(N)


PREDICTIONS = answers_to(LABELS)


NUMBERS = ["value", "low", "high", "bias", "error", "null", "class_null"]


def test_its_rows_are_those_of_the_library():
    table = repcompare.compare(X, Y, LABELS, PREDICTIONS)
    rows = compare_geometry(pair_of(X, Y, LABELS, PREDICTIONS), ALL)
    assert table["measure"].tolist() == [row.measure for row in rows]
    for column in (*NUMBERS, "n", "flag", "note"):
        expected = pd.Series([getattr(row, column) for row in rows], name=column)
        pd.testing.assert_series_equal(table[column], expected, check_dtype=False, check_exact=True)


def test_its_columns():
    table = repcompare.compare(X, Y, measures=["pwcca", "cka"])
    assert table.columns.tolist() == list(api.COLUMNS)
    assert table["measure"].tolist() == ["pwcca", "pwcca", "cka"]
    assert table["label"].tolist() == ["PWCCA", "PWCCA", "CKA"]
    assert table["direction"].tolist() == ["X to Y", "Y to X", ""]


def test_values_in_closed_form():
    table = repcompare.compare(
        X, Y, predictions=PREDICTIONS, measures=["cka", "procrustes", "disagreement"]
    )
    a, b = X - X.mean(axis=0), Y - Y.mean(axis=0)
    expected = [
        np.sum((a.T @ b) ** 2) / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b),
        np.linalg.norm(a.T @ b, "nuc") / np.linalg.norm(a) / np.linalg.norm(b),
        np.mean(PREDICTIONS[0] != PREDICTIONS[1]),
    ]
    assert table["value"].tolist() == pytest.approx(expected, rel=1e-10)


def test_a_rotated_and_scaled_copy_is_the_same_to_every_measure_that_does_not_see_rotations():
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((X.shape[1],) * 2))[0]
    names = [
        name
        for name, m in MEASURES.items()
        if "orthogonal" in m.invariances and GEOMETRY_MEASURES[name].similarity
    ]
    table = repcompare.compare(X, 3 * X @ rotation + 1, LABELS, measures=names)
    assert table["value"].tolist() == pytest.approx([1.0] * len(names), abs=1e-6)


@pytest.mark.parametrize("labels", [None, LABELS])
@pytest.mark.parametrize("predictions", [None, PREDICTIONS])
def test_by_default_it_takes_every_measure_that_what_is_given_allows(labels, predictions):
    missing = {"classes"} if labels is None else set()
    missing |= {"predictions"} if predictions is None else set()
    allowed = [name for name, measure in MEASURES.items() if measure.needs not in missing]
    table = repcompare.compare(X, Y, labels, predictions)
    assert list(dict.fromkeys(table["measure"])) == allowed


def test_a_measure_is_asked_for_by_name_once_or_twice():
    one = repcompare.compare(X, Y, measures="cka")
    pd.testing.assert_frame_equal(repcompare.compare(X, Y, measures=["cka", "cka"]), one)
    pd.testing.assert_frame_equal(repcompare.compare(X, Y, measures=iter(["cka"])), one)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.tolist(),
        pd.DataFrame,
        torch.from_numpy,
        lambda x: torch.from_numpy(x).requires_grad_(),
        np.asfortranarray,
    ],
    ids=["lists", "data frame", "tensor", "tensor with gradient", "Fortran order"],
)
def test_array_likes_are_the_same_as_arrays(make):
    expected = repcompare.compare(X, Y, LABELS, PREDICTIONS)
    found = repcompare.compare(make(X), make(Y), LABELS, PREDICTIONS)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


@pytest.mark.parametrize(
    "make", [list, pd.Series, torch.from_numpy, np.float32], ids=lambda make: make.__name__
)
def test_classes_may_be_array_likes_too(make):
    expected = repcompare.compare(X, Y, LABELS, PREDICTIONS)
    found = repcompare.compare(X, Y, make(LABELS), [make(each) for each in PREDICTIONS])
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "float16", bool])
def test_numbers_of_any_type_are_those_of_float64(dtype):
    x, y = (np.abs(4 * each).astype(dtype) for each in (X, Y))
    expected = repcompare.compare(x.astype(float), y.astype(float), LABELS)
    pd.testing.assert_frame_equal(repcompare.compare(x, y, LABELS), expected, rtol=1e-9)


def test_a_tensor_of_bfloat16_is_read():
    x = torch.from_numpy(X).bfloat16()
    expected = repcompare.compare(x.double(), Y, measures="cka")
    pd.testing.assert_frame_equal(repcompare.compare(x, Y, measures="cka"), expected)


def test_classes_may_have_names():
    names = np.array(list("abcdefgh"))
    expected = repcompare.compare(X, Y, LABELS, PREDICTIONS)
    found = repcompare.compare(X, Y, names[LABELS], [names[each] for each in PREDICTIONS])
    pd.testing.assert_frame_equal(found, expected)


def test_two_samples_are_enough_for_a_table_and_say_that_there_is_no_interval():
    table = repcompare.compare(X[:2], Y[:2], LABELS[:2], [each[:2] for each in PREDICTIONS])
    assert set(table["measure"]) == set(MEASURES)
    assert table["low"].isna().all()


@pytest.mark.parametrize("scale", [1e-58, 1e-30, 1e30, 1e58])
def test_the_scale_of_a_representation_is_of_no_matter(scale):
    expected = repcompare.compare(X, Y, LABELS)
    found = repcompare.compare(X * scale, Y, LABELS)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6)


def test_a_representation_that_does_not_vary_has_no_value_and_says_why():
    table = repcompare.compare(np.ones_like(X), Y, measures=["cka", "rsa"])
    assert table["value"].isna().all()
    assert set(table["note"]) == {"constant representation"}


MODELS = {"first": X, "second": Y, "third": np.tanh(X[:, :3])}


ANSWERS = {"first": PREDICTIONS[0], "second": PREDICTIONS[1], "third": LABELS}


def test_all_pairs_are_those_of_two_in_the_order_of_the_names():
    table = repcompare.compare_all(MODELS, LABELS, ANSWERS)
    assert table.columns.tolist() == ["model_a", "model_b", *api.COLUMNS]
    pairs = table[["model_a", "model_b"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["first", "second"], ["first", "third"], ["second", "third"]]
    for a, b in itertools.combinations(MODELS, 2):
        both = table["model_a"].eq(a) & table["model_b"].eq(b)
        found = table[both].drop(columns=["model_a", "model_b", "direction"]).reset_index(drop=True)
        expected = repcompare.compare(MODELS[a], MODELS[b], LABELS, (ANSWERS[a], ANSWERS[b]))
        pd.testing.assert_frame_equal(found, expected.drop(columns="direction"), rtol=1e-9)
        directions = table.loc[both & table["measure"].eq("pwcca"), "direction"]
        assert directions.tolist() == ["a to b", "b to a"]


def test_the_order_of_the_predictions_is_of_no_matter():
    found = repcompare.compare_all(MODELS, LABELS, dict(reversed(ANSWERS.items())))
    pd.testing.assert_frame_equal(found, repcompare.compare_all(MODELS, LABELS, ANSWERS))


def test_each_representation_is_summed_up_once(monkeypatch):
    seen, original = [], Representation.of
    monkeypatch.setattr(
        Representation, "of", lambda rows, *rest: seen.append(rows) or original(rows, *rest)
    )
    repcompare.compare_all(MODELS, measures=["cka", "cca"])
    assert [id(rows) for rows in seen] == [id(rows) for rows in MODELS.values()]


RAGGED = [[1.0, 2.0], [3.0]]


NAN = np.where(np.arange(N)[:, None] == 7, np.nan, X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": X[:, 0]}, r"X: the shape is \(160,\), not \(samples, units\)"),
        ({"Y": Y[:, :, None]}, r"Y: the shape is .* flatten"),
        ({"X": X[:1]}, r"X: at least 2 samples and 1 unit are needed, not \(1, 6\)"),
        ({"X": X[:, :0]}, r"X: at least 2 samples and 1 unit"),
        ({"Y": Y[:9]}, "same samples in the same order are needed: X has 160, Y has 9"),
        ({"X": NAN}, "X: 1 of 160 samples .* not finite; the first is number 7"),
        ({"Y": np.full_like(Y, np.inf)}, "Y: 160 of 160 samples"),
        ({"X": X * 1e100}, "X: values up to .* leave the range of float64"),
        ({"Y": Y * 1e-100}, "Y: values up to .* leave the range of float64"),
        ({"X": RAGGED}, "X: cannot be made an array"),
        ({"X": X.astype(str)}, "X: real numbers are needed, not <U"),
        ({"X": X + 1j}, "X: real numbers are needed, not complex128"),
        ({"X": [["a", None], ["b", None]]}, "X: real numbers are needed"),
        ({"labels": LABELS[:9]}, r"labels: the shape is \(9,\), not one class for each of 160"),
        ({"labels": np.eye(8)[LABELS]}, r"labels: .*argmax"),
        ({"labels": LABELS + 0.5}, "labels: classes are needed, not numbers between"),
        ({"labels": np.where(LABELS == 0, np.nan, LABELS)}, "labels: classes are needed"),
        ({"predictions": LABELS}, "predictions: two are needed, of X and of Y, not 160"),
        ({"predictions": (LABELS, LABELS[:9])}, r"predictions of Y: the shape is \(9,\)"),
        ({"measures": "CKA"}, "measures: 'CKA' is not one of cka, cka_debiased"),
        ({"measures": []}, "measures: none is asked for; allowed: cka, "),
        ({"measures": "cka_centroids"}, "cka_centroids needs labels"),
        (
            {"measures": ["cka", "disagreement", "cka_within_class"]},
            "disagreement needs predictions; cka_within_class needs labels",
        ),
    ],
)
def test_what_two_cannot_be_compared_by_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        repcompare.compare(**{"X": X, "Y": Y, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"representations": {"a": X}}, "representations: at least two are needed, not 1"),
        ({"representations": {"a": X, "b": NAN}}, r"representations\['b'\]: 1 of 160"),
        ({"representations": {"a": X, "b": Y[:9]}}, "a has 160, b has 9"),
        ({"predictions": {"first": LABELS}}, r"predictions: of \['first'\], but"),
        ({"measures": ["disagreement"]}, "disagreement needs predictions"),
    ],
)
def test_what_all_cannot_be_compared_by_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        repcompare.compare_all(**{"representations": MODELS, **arguments})


def test_representations_without_names_are_refused():
    with pytest.raises(TypeError, match="a dict of arrays by name is needed, not list"):
        repcompare.compare_all([X, Y])
