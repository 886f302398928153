"""What a study lacks decides that a finding cannot be judged, and no note does."""

import numpy as np
import pandas as pd
import pytest
from unit.support.synthetic_tables import MANY, NAMES, decided, findings, tables

from repcompare.findings import verdicts

MODELS = [f"{name}/seed{seed}" for name in NAMES for seed in range(3)]


ENDS = {
    "models": ["model"],
    "controls": ["model"],
    "maps": ["source", "target"],
    "transfer": ["source", "target"],
    "geometry": ["model_a", "model_b"],
}


def of(study, name, models):
    """The rows of a table that have one of the models at an end."""
    return study[name][ENDS[name]].isin(models).any(axis=1)


def without(study, *models):
    """The study, had it never had these models."""
    return study | {name: study[name][~of(study, name, models)] for name in ENDS}


def blank(study, *models):
    """The study, had no similarity of these models a value."""
    geometry = study["geometry"].copy()
    geometry.loc[of(study, "geometry", models), ["value", "low", "high"]] = np.nan
    return study | {"geometry": geometry}


def few(architectures, seeds):
    """A study of few images."""
    return tables(architectures, seeds, images=100)


def unlike_seeds():
    return without(few(5, 3), "densenet40/seed2", "resnet20/seed1", "resnet20/seed2")


def without_scores(study, *targets):
    maps = study["maps"].copy()
    maps.loc[maps["target"].isin(targets), "r2_test"] = np.nan
    return study | {"maps": maps}


def blank_within(study):
    geometry = study["geometry"]
    cross = geometry["architecture_a"] != geometry["architecture_b"]
    return study | {"geometry": geometry.assign(value=geometry["value"].where(cross))}


def constant(study):
    return study | {"geometry": study["geometry"].assign(value=0.9)}


@pytest.mark.parametrize(
    ("size", "finding", "lacking"),
    [
        ((1, 1), "linear", "no pair of models"),
        ((1, 3), "linear", "needs 3 architectures, there are 1"),
        ((2, 3), "linear", "needs 3 architectures, there are 2"),
        ((1, 3), "retraining", "needs 3 architectures with 2 seeds, there is 1"),
        ((5, 1), "retraining", "needs 3 architectures with 2 seeds, there are 0"),
        ((2, 4), "retraining", "needs 3 architectures with 2 seeds, there are 2"),
        ((3, 3), "retraining", "needs 4 architectures, there are 3"),
        ((3, 3), "exception", "needs 4 architectures with 2 seeds, there are 3"),
        ((5, 2), "exception", "needs 3 seeds, has 2"),
        ((1, 3), "transfer", "needs 3 architectures, there is 1"),
        ((2, 4), "transfer", "needs 3 architectures, there are 2"),
    ],
)
def test_a_design_that_cannot_answer_says_what_is_missing(size, finding, lacking):
    row = decided(findings(tables(*size))).loc[finding]
    assert row["verdict"] == "inconclusive"
    assert lacking in row["note"]


def test_unlike_numbers_of_seeds_answer_and_leave_fewer_permutations_of_architectures():
    table = findings(unlike_seeds())
    row = decided(table).loc["transfer"]
    assert (row["verdict"], row["lacks"]) == ("supported", "")
    permuted = table[table["version"] == "architectures"]
    assert permuted["note"].str.contains("only 6 distinct permutations of architectures").all()


def judged_with_notes(study, note, monkeypatch):
    """The study's findings where every row that a verdict is given on has this note."""

    def noted(given):
        return [row._replace(note=note) for row in given] if isinstance(given, list) else given

    with monkeypatch.context() as patched:
        for name in ("linear_verdict", "geometry_verdicts", "transfer_verdict"):
            judge = getattr(verdicts, name)
            patched.setattr(
                f"repcompare.findings.table.{name}",
                lambda *given, judge=judge: judge(*map(noted, given)),
            )
        return findings(study, permutations=99)


DESIGNS = {
    "one model": (lambda: few(1, 1), ["value", "value", "value", "value"]),
    "one architecture": (
        lambda: few(1, 3),
        ["architectures", "architectures", "architectures", "architectures"],
    ),
    "two architectures": (
        lambda: few(2, 3),
        ["architectures", "architectures", "architectures", "architectures"],
    ),
    "three architectures": (
        lambda: few(3, 3),
        ["", "architectures", "architectures", ""],
    ),
    "four architectures": (lambda: few(4, 3), ["", "", "", ""]),
    "one seed": (lambda: few(4, 1), ["", "architectures", "seeds", "interval"]),
    "two seeds": (lambda: few(4, 2), ["", "", "seeds", ""]),
    "unlike seeds": (unlike_seeds, ["", "", "", ""]),
    "three seeds of one architecture alone": (
        lambda: without(few(4, 3), *MODELS[2:9:3]),
        ["", "", "", ""],
    ),
    "a model without a similarity": (
        lambda: blank(few(5, 3), "vgg/seed1"),
        ["", "", "", ""],
    ),
    "a model without a similarity, of four architectures": (
        lambda: blank(few(4, 3), "vgg/seed1"),
        ["", "", "", ""],
    ),
    "no pair of one architecture with a similarity": (
        lambda: blank_within(few(4, 3)),
        ["", "architectures", "architectures", ""],
    ),
    "a similarity that is the same for all": (
        lambda: constant(few(4, 3)),
        ["", "interval", "", "value"],
    ),
    "a model without a map": (lambda: without_scores(few(4, 3), "vgg/seed1"), ["", "", "", ""]),
    "maps without a score": (lambda: without_scores(few(4, 3), *MODELS), ["value", "", "", ""]),
    "no maps": (lambda: few(4, 3) | {"maps": few(1, 1)["maps"]}, ["value", "", "", ""]),
}


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_what_a_study_lacks_decides_and_no_note_does(design, monkeypatch):
    made, lacks = DESIGNS[design]
    study = made()
    table = findings(study, permutations=99)
    rows = decided(table)
    assert rows["lacks"].tolist() == lacks
    lacking = rows[rows["lacks"] != ""]
    assert (lacking["verdict"] == "inconclusive").all()
    assert (lacking["note"] != "").all()
    for note in ("", "only 1 distinct permutations"):
        again = judged_with_notes(study, note, monkeypatch)
        pd.testing.assert_frame_equal(table.drop(columns="note"), again.drop(columns="note"))


def test_a_model_without_a_value_is_left_out_by_name():
    table = findings(blank(tables(5, 3), "vgg/seed1"))
    rows = table[(table["finding"] == "transfer") & (table["version"] == "architectures")]
    assert (rows["n_models"] == 14).all()
    assert rows["note"].str.contains("without vgg/seed1: no pair of it has a value").all()
    rows = table[table["finding"] == "retraining"]
    assert rows["note"].str.contains("without vgg/seed1").all()


def test_a_model_without_a_value_does_not_take_the_verdict_from_the_other_nineteen():
    study = tables(5, 4, exception=0.1, images=100)
    row = decided(findings(blank(study, "vgg/seed1"))).loc["exception"]
    assert (row["verdict"], row["architecture"]) == ("supported", "resnext29")
    assert row["p"] < 0.01
    assert row["n_models"] == 19
    assert "without vgg/seed1: no pair of it has a value" in row["note"]
    assert "resnext29 stands out among 5 architectures" in row["note"]


def test_an_architecture_left_with_two_seeds_is_not_judged():
    table = findings(blank(tables(5, 3, exception=0.1), "resnext29/seed1"), **MANY)
    row = table.query(
        "architecture == 'resnext29' and version == 'plain' and measure == 'cka_debiased'"
    )
    assert row["lacks"].item() == "seeds"
    assert "needs 3 seeds, has 2" in row["note"].item()
    assert decided(table).loc["exception", "verdict"] != "supported"
    # It is among the others, all the same.
    assert decided(table).loc["exception", "resamples"] == 5
