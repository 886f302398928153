"""geometry.csv read for a purpose: what is kept, averaged and turned round, on rows made by hand."""

import numpy as np
import pandas as pd
import pytest

from repcompare.tables.directions import mirrored, ordered, undirected
from repcompare.tables.geometry import at_representation, similarities

COLUMNS = ["model_a", "model_b", "layer_a", "layer_b", "measure", "value"]


def table(*rows) -> pd.DataFrame:
    """Rows of geometry.csv: models, layers, measure and value; the rest follows from these."""
    made = pd.DataFrame(rows, columns=COLUMNS)
    for side in ("a", "b"):
        made.insert(2, f"architecture_{side}", made[f"model_{side}"].str.split("/").str[0])
    numbers = {"low": -1.0, "high": 1.0, "null": 0.0}
    return made.assign(
        **{name: made["value"] + shift for name, shift in numbers.items()}, n=100, flag="", note=""
    )


TOP = ("penultimate", "penultimate")
GEOMETRY = table(
    ("b/seed0", "a/seed1", *TOP, "cka", 0.9),
    ("b/seed0", "a/seed1", *TOP, "pwcca", 0.7),
    ("a/seed1", "b/seed0", *TOP, "pwcca", 0.5),
    ("b/seed0", "a/seed1", *TOP, "disagreement", 0.1),
    ("a/seed0", "a/seed1", *TOP, "cka", 0.8),
    ("a/seed0", "a/seed1", *TOP, "pwcca", 0.3),
    ("a/seed1", "a/seed0", *TOP, "pwcca", 0.4),
    ("a/seed0", "a/seed1", "stem", "stem", "cka", 0.2),
    ("a/seed0", "a/seed1", "stem", "penultimate", "cka_debiased", 0.25),
)


def values(found: pd.DataFrame, *keys: str) -> dict:
    return found.set_index(list(keys))["value"].to_dict()


def test_only_rows_of_the_representation_on_both_sides_are_of_the_representation():
    assert len(at_representation(GEOMETRY)) == 7
    assert set(at_representation(GEOMETRY)["measure"]) == {"cka", "pwcca", "disagreement"}


def test_similarities_leave_out_other_layers_and_disagreement_and_average_directions():
    found = similarities(GEOMETRY)
    assert values(found, "model_a", "model_b", "measure") == pytest.approx(
        {
            ("a/seed1", "b/seed0", "cka"): 0.9,
            ("a/seed1", "b/seed0", "pwcca"): 0.6,
            ("a/seed0", "a/seed1", "cka"): 0.8,
            ("a/seed0", "a/seed1", "pwcca"): 0.35,
        }
    )
    assert list(found.columns) == list(GEOMETRY.columns)
    assert list(found["measure"].unique()) == ["cka", "pwcca"]


def test_every_number_of_a_directed_measure_is_averaged():
    found = undirected(GEOMETRY.assign(retraining_reference=GEOMETRY["value"] * 2))
    row = found[(found["measure"] == "pwcca") & (found["model_b"] == "b/seed0")].squeeze()
    numbers = row[["value", "low", "high", "null", "retraining_reference"]].to_list()
    assert numbers == pytest.approx([0.6, -0.4, 1.6, 0.6, 1.2])
    assert (row["architecture_a"], row["architecture_b"]) == ("a", "b")
    assert (row["n"], row["note"]) == (100, "")


def test_directions_between_different_layers_meet_under_their_own_layers():
    directions = table(
        ("b/seed0", "a/seed0", "stem", "stage1", "pwcca", 0.2),
        ("a/seed0", "b/seed0", "stage1", "stem", "pwcca", 0.4),
        ("a/seed0", "b/seed0", "stem", "stage1", "pwcca", 0.9),
    )
    found = undirected(directions)
    assert values(found, "model_a", "layer_a", "layer_b") == pytest.approx(
        {("a/seed0", "stage1", "stem"): 0.3, ("a/seed0", "stem", "stage1"): 0.9}
    )


def test_one_direction_that_is_undefined_leaves_the_other():
    found = undirected(
        table(
            ("a/seed0", "b/seed0", *TOP, "pwcca", np.nan),
            ("b/seed0", "a/seed0", *TOP, "pwcca", 0.4),
        )
    )
    assert found["value"].to_list() == [0.4]


def test_a_pair_stands_both_ways_and_a_directed_measure_as_it_is():
    found = ordered(at_representation(GEOMETRY))
    assert values(found, "source", "target", "measure") == {
        ("b/seed0", "a/seed1", "cka"): 0.9,
        ("a/seed1", "b/seed0", "cka"): 0.9,
        ("b/seed0", "a/seed1", "pwcca"): 0.7,
        ("a/seed1", "b/seed0", "pwcca"): 0.5,
        ("b/seed0", "a/seed1", "disagreement"): 0.1,
        ("a/seed1", "b/seed0", "disagreement"): 0.1,
        ("a/seed0", "a/seed1", "cka"): 0.8,
        ("a/seed1", "a/seed0", "cka"): 0.8,
        ("a/seed0", "a/seed1", "pwcca"): 0.3,
        ("a/seed1", "a/seed0", "pwcca"): 0.4,
    }
    for side in ("source", "target"):
        assert (found[f"{side}_architecture"] == found[side].str.split("/").str[0]).all()


def test_layers_turn_round_with_their_models():
    found = ordered(GEOMETRY)
    crossed = found[found["measure"] == "cka_debiased"]
    assert set(crossed[["source", "layer_a", "target", "layer_b"]].itertuples(index=False)) == {
        ("a/seed0", "stem", "a/seed1", "penultimate"),
        ("a/seed1", "penultimate", "a/seed0", "stem"),
    }


def test_a_table_of_unordered_pairs_is_mirrored_whatever_the_measure():
    found = mirrored(similarities(GEOMETRY))
    assert len(found) == 2 * len(similarities(GEOMETRY))
    both = values(found, "source", "target", "measure")
    for (source, target, measure), value in both.items():
        assert both[target, source, measure] == value
