"""Each finding's verdict is what was built into the study, or says what the study lacks."""

import numpy as np
import pandas as pd
import pytest
from unit.support.simulated_studies import geometry_study
from unit.support.synthetic_tables import FIGURES, MANY, decided, findings, tables

from repcompare.findings import verdicts
from repcompare.findings.model_matrices import Models
from repcompare.findings.retraining import (
    geometry_rows,
    spread_of_pairs,
)
from repcompare.findings.rows import Resampling, Row
from repcompare.findings.rules import RULES
from repcompare.tables.files import read_table, write_table


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
        for first, *_ in verdicts.geometry_verdicts(*rows, deviations):
            found[first.finding].append(first.verdict)
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
    assert "resnext29 is not shown to be more similar to itself " in row["note"]
    assert "given the accuracies" in row["note"]


def test_every_rule_names_its_finding_and_a_figure_of_the_report():
    assert list(RULES) == ["linear", "retraining", "exception", "transfer"]
    assert {rule.figure for rule in RULES.values()} <= set(FIGURES)


def test_without_the_deciding_measure_the_first_decides():
    study = tables(4, 3)
    geometry = study["geometry"][study["geometry"]["measure"] == "procrustes"]
    table = decided(findings(study | {"geometry": geometry}))
    assert table.loc["retraining", "measure"] == "procrustes"
    assert table.loc["transfer", "measure"] == "procrustes"
