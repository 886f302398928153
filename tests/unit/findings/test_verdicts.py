"""Each finding's verdict is what was built into the study, or says what the study lacks."""

import numpy as np
import pandas as pd
import pytest
from unit.support.simulated_studies import geometry_study
from unit.support.synthetic_tables import FIGURES, NAMES, findings, tables

from repcompare.findings import verdicts
from repcompare.findings.model_matrices import Models, alone, by_measure
from repcompare.findings.retraining import (
    accuracy_adjusted,
    geometry_rows,
    matched_widths,
    spread_of_pairs,
)
from repcompare.findings.rows import Resampling, Row
from repcompare.findings.rules import RULES
from repcompare.tables.files import read_table, write_table

MANY = {"permutations": 999, "bootstraps": 200}
MODELS = [f"{name}/seed{seed}" for name in NAMES for seed in range(3)]


ENDS = {
    "models": ["model"],
    "controls": ["model"],
    "maps": ["source", "target"],
    "transfer": ["source", "target"],
    "geometry": ["model_a", "model_b"],
}


def decided(table):
    return table[table["verdict"] != ""].set_index("finding")


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


@pytest.fixture(scope="module")
def whole():
    return findings(tables(5, 3, exception=0.1), **MANY)


def test_every_finding_has_one_verdict_and_it_comes_first(whole):
    assert list(whole["finding"].unique()) == ["linear", "retraining", "exception", "transfer"]
    for _, rows in whole.groupby("finding"):
        assert (rows["verdict"] != "").tolist() == [True] + [False] * (len(rows) - 1)


def test_what_was_built_into_a_study_is_found(whole):
    table = decided(whole)
    assert table.loc["linear", "verdict"] == "supported"
    assert table.loc["exception", ["verdict", "architecture"]].tolist() == [
        "supported",
        "resnext29",
    ]
    assert table.loc["exception", "effect"] == pytest.approx(0.1, abs=0.02)
    assert table.loc["transfer", "verdict"] == "supported"
    assert table.loc["transfer", "effect"] == pytest.approx(20, rel=0.01)
    assert table.loc["transfer", "low"] < 20 < table.loc["transfer", "high"]
    permuted = whole.query("version == 'architectures' and measure == 'cka_debiased'")
    assert table.loc["transfer", "p"] == permuted["p"].item() == 1 / 120
    # One of five stands out, and three seeds do not show that four do not.
    assert table.loc["retraining", "verdict"] == "inconclusive"
    assert "1 of 5 architectures are more similar to" in table.loc["retraining", "note"]


def test_opposites_contradict():
    study = tables(5, 3, beta=-20.0)
    geometry = study["geometry"]
    same = geometry["architecture_a"] == geometry["architecture_b"]
    geometry.loc[same, "value"] += 0.1
    study["maps"][["r2_test", "r2_test_low", "r2_test_high"]] -= 0.6
    table = decided(findings(study, **MANY))
    assert table.loc["linear", "verdict"] == "contradicted"
    assert table.loc["retraining", "verdict"] == "contradicted"
    assert table.loc["transfer", "verdict"] == "contradicted"
    assert table.loc["exception", "verdict"] == "supported"
    assert "no exception" in table.loc["exception", "note"]


def test_architectures_that_resemble_themselves_less_support_that_retraining_does_not_help():
    study = tables(5, 3)
    geometry = study["geometry"]
    same = geometry["architecture_a"] == geometry["architecture_b"]
    geometry.loc[same, "value"] -= 0.1
    table = decided(findings(study, **MANY))
    assert table.loc["retraining", "verdict"] == "supported"
    assert table.loc["exception", "verdict"] == "contradicted"


def test_a_map_no_better_than_from_the_pixels_is_no_support():
    study = tables(5, 3)
    pixels = study["controls"]["control"] == "pixels"
    study["controls"].loc[pixels, "r2_test"] = 0.9
    row = decided(findings(study)).loc["linear"]
    assert row["verdict"] == "inconclusive"
    assert row["note"] == "interval includes what must be exceeded: r2_above_pixels"
    study["controls"].loc[pixels, "r2_test"] = 0.99
    row = decided(findings(study)).loc["linear"]
    assert (row["verdict"], row["note"]) == (
        "contradicted",
        "below what it must exceed: r2_above_pixels",
    )


def test_without_an_effect_of_geometry_transfer_is_inconclusive():
    rng = np.random.default_rng(0)
    study = tables(5, 3, beta=0.0)
    noise = (
        study["transfer"]
        .groupby(["source", "target"])["fooled"]
        .transform(lambda fooled: rng.normal())
    )
    study["transfer"]["fooled"] = (study["transfer"]["fooled"] + 0.05 * noise).clip(0, 1).round(3)
    row = decided(findings(study)).loc["transfer"]
    assert row["verdict"] == "inconclusive"
    assert row["p"] > 0.05
    assert row["low"] < 0 < row["high"]


@pytest.mark.parametrize(
    ("size", "finding", "lacking"),
    [
        ((1, 1), "linear", "no pair of models"),
        ((1, 3), "linear", "needs 3 architectures, there are 1"),
        ((2, 3), "linear", "needs 3 architectures, there are 2"),
        ((1, 3), "retraining", "needs 2 architectures, there is 1"),
        ((5, 1), "retraining", "needs 3 seeds, no architecture has more than 1"),
        ((5, 2), "retraining", "needs 3 seeds, no architecture has more than 2"),
        ((2, 3), "exception", "only 10 ways to label the models, 21 are needed"),
        ((5, 2), "exception", "needs 3 seeds, no architecture has more than 2"),
        ((1, 3), "transfer", "only 1 distinct permutations of architectures"),
        ((3, 3), "transfer", "only 6 distinct permutations of architectures, 21 are needed"),
    ],
)
def test_a_design_that_cannot_answer_says_what_is_missing(size, finding, lacking):
    row = decided(findings(tables(*size))).loc[finding]
    assert row["verdict"] == "inconclusive"
    assert lacking in row["note"]


def test_unlike_numbers_of_seeds_leave_fewer_permutations_of_architectures():
    row = decided(findings(unlike_seeds())).loc["transfer"]
    assert row["verdict"] == "inconclusive"
    assert "only 6 distinct permutations of architectures" in row["note"]


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
        return findings(study, permutations=99, bootstraps=40)


DESIGNS = {
    "one model": (lambda: few(1, 1), ["value", "value", "value", "value"]),
    "one architecture": (
        lambda: few(1, 3),
        ["architectures", "architectures", "architectures", "permutations"],
    ),
    "two architectures": (
        lambda: few(2, 3),
        ["architectures", "permutations", "permutations", "permutations"],
    ),
    "three architectures": (lambda: few(3, 3), ["", "", "", "permutations"]),
    "four architectures": (lambda: few(4, 3), ["", "", "", ""]),
    "one seed": (lambda: few(4, 1), ["", "seeds", "seeds", "interval"]),
    "two seeds": (lambda: few(4, 2), ["", "seeds", "seeds", ""]),
    "unlike seeds": (unlike_seeds, ["", "", "", "permutations"]),
    "three seeds of one architecture alone": (
        lambda: without(few(4, 3), *MODELS[2:9:3]),
        ["", "seeds", "seeds", "permutations"],
    ),
    "a model without a similarity": (
        lambda: blank(few(5, 3), "vgg/seed1"),
        ["", "", "", ""],
    ),
    "a model without a similarity, of four architectures": (
        lambda: blank(few(4, 3), "vgg/seed1"),
        ["", "", "", "permutations"],
    ),
    "no pair of one architecture with a similarity": (
        lambda: blank_within(few(4, 3)),
        ["", "value", "value", ""],
    ),
    "a similarity that is the same for all": (
        lambda: constant(few(4, 3)),
        ["", "", "", "value"],
    ),
    "a model without a map": (lambda: without_scores(few(4, 3), "vgg/seed1"), ["", "", "", ""]),
    "maps without a score": (lambda: without_scores(few(4, 3), *MODELS), ["value", "", "", ""]),
    "no maps": (lambda: few(4, 3) | {"maps": few(1, 1)["maps"]}, ["value", "", "", ""]),
}


@pytest.mark.parametrize("design", DESIGNS)
def test_what_a_study_lacks_decides_and_no_note_does(design, monkeypatch):
    made, lacks = DESIGNS[design]
    study = made()
    table = findings(study, permutations=99, bootstraps=40)
    rows = decided(table)
    assert rows["lacks"].tolist() == lacks
    lacking = rows[rows["lacks"] != ""]
    assert (lacking["verdict"] == "inconclusive").all()
    assert (lacking["note"] != "").all()
    for note in ("", "only 1 distinct permutations"):
        again = judged_with_notes(study, note, monkeypatch)
        pd.testing.assert_frame_equal(table.drop(columns="note"), again.drop(columns="note"))


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (5, 3)])
def test_a_table_of_any_study_can_be_written_and_gives_a_reason_for_every_gap(size, tmp_path):
    table = findings(tables(*size))
    write_table(tmp_path / "findings.csv", "findings", table)
    read = read_table(tmp_path / "findings.csv")
    gaps = table[["effect", "low", "high", "p"]].isna().any(axis=1)
    assert (read.loc[gaps, "note"] != "").all()
    assert read["lacks"].tolist() == table["lacks"].tolist()
    assert len(read) == len(table)
    with pytest.raises(ValueError, match="without a note"):
        write_table(tmp_path / "bare.csv", "findings", [Row("linear", "r2", "ridge")._asdict()])


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
    assert (row["p"], row["n_models"]) == (1 / 200, 19)
    assert "without vgg/seed1: no pair of it has a value" in row["note"]
    assert "1 of 5 architectures qualify" in row["note"]


def test_an_architecture_left_with_two_seeds_is_not_judged():
    table = findings(blank(tables(5, 3, exception=0.1), "resnext29/seed1"), **MANY)
    row = table.query(
        "architecture == 'resnext29' and version == 'plain' and measure == 'cka_debiased'"
    )
    assert row["lacks"].item() == "seeds"
    assert "needs 3 seeds, has 2" in row["note"].item()
    assert decided(table).loc["exception", "verdict"] != "supported"
    assert "of 4 architectures" in decided(table).loc["retraining", "note"]


def test_the_same_seed_gives_the_same_table_and_another_other_draws(whole):
    study = tables(3, 2)
    first, again, other = (findings(study, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not np.allclose(first["low"].dropna(), other["low"].dropna())
    assert set(whole["seed"]) == {0}
    assert set(whole.query("version == 'bootstrap'")["resamples"]) == {200}


def test_the_order_of_rows_changes_nothing():
    study = tables(4, 2)
    mixed = {name: table.sample(frac=1, random_state=1) for name, table in study.items()}
    mixed["maps"] = mixed["maps"].sort_values("family", key=lambda names: names.map(len))
    keys = ["finding", "version", "measure", "architecture"]
    one, other = (findings(each).set_index(keys).sort_index() for each in (study, mixed))
    for column in ("effect", "p", "low", "high"):
        given = one.index.get_level_values("version") != "bootstrap"
        assert one.loc[given, column].to_numpy() == pytest.approx(
            other.loc[given, column].to_numpy(), nan_ok=True
        )


def test_retraining_averages_over_architectures_what_exception_tells_one_by_one(whole):
    mean = whole.query("finding == 'retraining' and version == 'plain' and measure == 'cka'")
    each = whole.query("finding == 'exception' and version == 'plain' and measure == 'cka'")
    assert mean["effect"].item() == pytest.approx(each["effect"].mean())
    assert (each["n_pairs"] == 3).all()
    assert mean["n_pairs"].item() == 105


def geometry_verdicts_of(extra, seeds, studies=60):
    """The share of simulated studies with each verdict on retraining and on exception."""
    rng = np.random.default_rng(0)
    found = {"retraining": [], "exception": []}
    for number in range(studies):
        study = geometry_study(rng, extra, seeds)
        places = range(len(study.x))
        names = [f"a{study.architecture[model]}/seed{model % seeds}" for model in places]
        models = pd.DataFrame({"model": names, "seed": [model % seeds for model in places]})
        models["architecture"] = [name.split("/")[0] for name in names]
        models["test_accuracy"] = 0.9 + 0.01 * rng.random(len(names))
        models = Models.of(models.assign(representation_width=64))
        first, second = np.triu_indices(len(names), 1)
        ends = {"model_a": np.array(names)[first], "model_b": np.array(names)[second]}
        geometry = pd.DataFrame(ends | {"measure": "cka_debiased", "value": study.x[first, second]})
        rows = geometry_rows(models, geometry, Resampling(399, 100, number))
        deviations = {"cka_debiased": spread_of_pairs(models, study.x)}
        for decided, *_ in verdicts.geometry_verdicts(*rows, deviations):
            found[decided.finding].append(decided.verdict)
    return {
        finding: {verdict: given.count(verdict) / studies for verdict in set(given)}
        for finding, given in found.items()
    }


def test_where_retraining_makes_no_difference_five_seeds_say_so_and_name_no_exception():
    shares = geometry_verdicts_of(np.zeros(5), 5)
    assert shares["retraining"]["supported"] > 0.9
    assert shares["exception"].get("supported", 0) <= 0.05


def test_where_every_architecture_resembles_itself_retraining_is_contradicted():
    shares = geometry_verdicts_of(np.full(5, 4.0), 3)
    assert shares["retraining"] == {"contradicted": 1.0}


def test_a_moderate_difference_that_is_not_found_is_not_taken_for_none():
    shares = geometry_verdicts_of(np.full(5, 1.0), 3)
    assert shares["retraining"].get("supported", 0) <= 0.05
    assert shares["retraining"]["inconclusive"] > 0.5


def test_one_exception_is_named_and_leaves_the_rest_as_they_are():
    shares = geometry_verdicts_of(np.array([6.0, 0, 0, 0, 0]), 5)
    assert shares["exception"] == {"supported": 1.0}
    assert shares["retraining"]["supported"] > 0.9


def models_of(accuracy, width):
    names = [f"a{place}/seed0" for place in range(len(accuracy))]
    architectures = [name.split("/")[0] for name in names]
    places = np.arange(len(names))
    return Models(names, architectures, places, np.array(accuracy), np.array(width))


def test_adjusting_for_accuracy_removes_what_accuracies_explain():
    models = models_of([0.9, 0.92, 0.95, 0.97, 0.91], [64] * 5)
    accuracy = models.accuracy
    x = 3 * (accuracy[:, None] + accuracy) - 2 * models.differences(accuracy)
    adjusted = accuracy_adjusted(models, x)
    off = ~np.eye(5, dtype=bool)
    assert adjusted[off] == pytest.approx(np.full(20, x[off].mean()))


def test_widths_match_up_to_a_factor_of_one_and_a_half():
    matched = matched_widths(models_of([0.9] * 4, [64, 96, 97, 512]))
    assert matched.tolist() == [
        [True, True, False, False],
        [True, True, True, False],
        [False, True, True, False],
        [False, False, False, True],
    ]


def test_an_architecture_without_a_match_in_width_says_so_and_is_not_asked_for_it():
    study = tables(5, 3, exception=0.1)
    wide = study["models"]["architecture"] == "resnext29"
    study["models"].loc[wide, "representation_width"] = 512
    table = findings(study, **MANY)
    row = table.query(
        "version == 'width_matched' and architecture == 'resnext29' and measure == 'cka_debiased'"
    )
    assert row["note"].item() == "no other architecture within a factor 1.5 of its width"
    assert decided(table).loc["exception", "verdict"] == "supported"


def test_an_architecture_whose_excess_its_accuracy_explains_is_no_exception():
    study = tables(5, 3, exception=0.0)
    models, geometry = study["models"], study["geometry"]
    lift = models["architecture"].map({"resnext29": 0.1}).fillna(0.0)
    models["test_accuracy"] = 0.85 + lift + 0.0001 * np.arange(len(models))
    sums = sum(
        geometry[end].map(models.set_index("model")["test_accuracy"])
        for end in ("model_a", "model_b")
    )
    geometry["value"] += 2 * sums
    row = decided(findings(study, **MANY)).loc["exception"]
    assert row["verdict"] == "inconclusive"
    assert "resnext29 is not more similar to itself " in row["note"]
    assert "given the accuracies" in row["note"]


def test_matrices_follow_the_models_and_not_the_table():
    study = tables(3, 2)
    models = Models.of(study["models"].sample(frac=1, random_state=0))
    assert models.names == sorted(models.names)
    x = by_measure(models, study["geometry"])["cka"]
    row = study["geometry"].iloc[0]
    a, b = models.names.index(row["model_a"]), models.names.index(row["model_b"])
    assert x[a, b] == x[b, a] == row["value"]
    assert np.isnan(np.diag(x)).all()
    x[0, :] = x[:, 0] = np.nan
    assert alone([x]).tolist() == [True] + [False] * 5
    kept = models.without(alone([x]))
    assert kept.names == models.names[1:]
    assert kept.seeds.tolist() == [1, 2, 2]


def test_every_rule_names_its_finding_and_a_figure_of_the_report():
    assert list(RULES) == ["linear", "retraining", "exception", "transfer"]
    assert {rule.figure for rule in RULES.values()} <= set(FIGURES)


def test_without_the_deciding_measure_the_first_decides():
    study = tables(4, 3)
    geometry = study["geometry"][study["geometry"]["measure"] == "procrustes"]
    table = decided(findings(study | {"geometry": geometry}))
    assert table.loc["retraining", "measure"] == "procrustes"
    assert table.loc["transfer", "measure"] == "procrustes"
