"""Each finding's verdict is what was built into the study, or says what the study lacks."""

import numpy as np
import pandas as pd
import pytest
from unit.support.simulated_studies import Study, similarity_study, simulated_models
from unit.support.synthetic_tables import FIGURES, MANY, decided, findings, tables

from repcompare.findings import verdicts
from repcompare.findings.retraining import excess_rows, margin
from repcompare.findings.rows import Row
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
    # Similarities without error, but with intervals: what is found is divided by their reliability.
    uncorrected = whole.query("version == 'uncorrected' and measure == 'cka_debiased'")
    assert uncorrected["effect"].item() == pytest.approx(20, rel=0.01)
    assert table.loc["transfer", "effect"] == pytest.approx(22.9, rel=0.01)
    assert table.loc["transfer", "p"] < 0.001
    # The other four are no more similar to themselves than their models are to all.
    assert table.loc["retraining", "verdict"] == "supported"
    assert "without resnext29, which stands out" in table.loc["retraining", "note"]


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
    # Where all are as similar to themselves, none is an exception, though one is a little more so.
    assert table.loc["exception", "verdict"] in ("supported", "inconclusive")


def test_architectures_that_resemble_themselves_less_support_that_retraining_does_not_help():
    study = tables(5, 3)
    geometry = study["geometry"]
    same = geometry["architecture_a"] == geometry["architecture_b"]
    geometry.loc[same, "value"] -= 0.1
    table = decided(findings(study, **MANY))
    assert table.loc["retraining", "verdict"] == "supported"
    assert table.loc["exception", "verdict"] != "contradicted"


def test_a_map_no_better_than_from_the_pixels_is_no_support():
    study = tables(5, 3)
    pixels = study["controls"]["control"] == "pixels"
    study["controls"].loc[pixels, "r2_test"] = 0.9
    row = decided(findings(study)).loc["linear"]
    assert row["verdict"] == "inconclusive"
    largest = "p is the largest of 9 comparisons"
    assert row["note"] == f"interval includes what must be exceeded: r2_above_pixels; {largest}"
    study["controls"].loc[pixels, "r2_test"] = 0.99
    row = decided(findings(study)).loc["linear"]
    assert (row["verdict"], row["note"]) == (
        "inconclusive",
        f"interval includes what must be exceeded: r2_above_pixels; {largest}",
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
    study = tables(4, 3)
    first, again, other = (findings(study, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not np.allclose(first["low"].dropna(), other["low"].dropna())
    assert set(whole["seed"]) == {0}


def test_the_order_of_rows_changes_nothing():
    study = tables(4, 2)
    mixed = {name: table.sample(frac=1, random_state=1) for name, table in study.items()}
    mixed["maps"] = mixed["maps"].sort_values("family", key=lambda names: names.map(len))
    keys = ["finding", "version", "measure", "architecture"]
    one, other = (findings(each).set_index(keys).sort_index() for each in (study, mixed))
    for column in ("effect", "p", "low", "high"):
        assert one[column].to_numpy() == pytest.approx(other[column].to_numpy(), nan_ok=True)


def test_retraining_averages_over_architectures_what_exception_tells_one_by_one(whole):
    mean = whole.query("finding == 'retraining' and version == 'plain' and measure == 'cka'")
    each = whole.query("finding == 'exception' and version == 'plain' and measure == 'cka'")
    assert mean["effect"].item() == pytest.approx(each["effect"].mean())
    assert (each["n_pairs"] == 3).all()
    assert mean["n_pairs"].item() == 105


DESIGNS = {"5x3": [3] * 5, "6x4": [4] * 6, "10x3": [3] * 10, "uneven": [6, 4, 3, 3, 2, 2, 1]}


def verdicts_of(seeds, studies, **world) -> dict[str, np.ndarray]:
    """The verdicts on retraining and on exception of simulated studies, and who is named."""
    rng = np.random.default_rng(0)
    found = {"retraining": [], "exception": [], "named": []}
    for _ in range(studies):
        study = similarity_study(rng, seeds, **world)
        models = simulated_models(study, rng)
        mean, each = excess_rows(models, study.x, "cka_debiased")
        bound = {"cka_debiased": margin(models, study.x)}
        both = verdicts.geometry_verdicts([mean], each, bound)
        for first, *_ in both:
            found[first.finding].append(first.verdict)
        named = both[1][0]
        found["named"].append(named.architecture if named.verdict == "supported" else "")
    return {finding: np.array(given) for finding, given in found.items()}


# The smallest design tells a broken rule in seconds, the others whether it is broken there alone.
every_design = pytest.mark.parametrize(
    "design",
    [pytest.param(name, marks=[pytest.mark.slow] if name != "5x3" else []) for name in DESIGNS],
)

WORLDS = {
    "all alike": {"excess": 0.0},
    "all with the same excess": {"excess": 0.05},
    "noise shared by pairs of architectures": {"excess": 0.0, "blocks": 0.02},
    "a family": {"excess": 0.0, "family": 0.03},
}


@pytest.mark.parametrize("world", WORLDS)
@every_design
def test_where_no_architecture_is_special_one_study_in_twenty_names_one(design, world):
    found = verdicts_of(DESIGNS[design], 150, **WORLDS[world])
    assert np.mean(found["exception"] == "supported") <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


@every_design
def test_an_excess_on_one_side_of_the_margin_is_not_judged_to_be_on_the_other(design):
    seeds = DESIGNS[design]
    # The margin is a tenth of what pairs of different architectures leave to 1, here 0.017.
    above = verdicts_of(seeds, 150, excess=0.02)["retraining"]
    below = verdicts_of(seeds, 150, excess=0.012, blocks=0.01)["retraining"]
    assert np.mean(above == "supported") <= 0.05
    assert np.mean(below == "contradicted") <= 0.05


@pytest.mark.parametrize(
    ("design", "power"),
    [
        ("5x3", 0.8),
        pytest.param("6x4", 0.9, marks=pytest.mark.slow),
        pytest.param("10x3", 0.9, marks=pytest.mark.slow),
    ],
)
def test_what_is_there_is_found(design, power):
    seeds = DESIGNS[design]
    one = np.zeros(len(seeds))
    one[1] = 0.09
    found = verdicts_of(seeds, 150, excess=one)
    assert np.mean(found["named"] == "a1") >= power - 0.07
    assert set(found["named"]) <= {"a1", ""}
    # The exception is not averaged, and the others are as alike to each other as to themselves.
    assert np.mean(found["retraining"] == "contradicted") <= 0.05
    found = verdicts_of(seeds, 150, excess=0.05)
    assert np.mean(found["retraining"] == "contradicted") >= power


def test_an_exception_whose_own_pairs_are_no_more_similar_than_others_is_none():
    """It is unlike all others, and no more consistent than they are."""
    x = np.full((15, 15), 0.85) + 0.004 * np.random.default_rng(0).normal(size=(15, 15))
    x = (x + x.T) / 2
    x[:3, 3:] = x[3:, :3] = 0.6
    x[:3, :3] -= 0.02
    study = Study(np.repeat(np.arange(5), 3), None, x, None)
    models = simulated_models(study, np.random.default_rng(1))
    mean, each = excess_rows(models, x, "cka_debiased")
    _, (decided, *_) = verdicts.geometry_verdicts([mean], each, {"cka_debiased": 0.02})
    assert (decided.architecture, decided.verdict) == ("a0", "inconclusive")
    assert "by the similarity of its own pairs to that of the others' own" in decided.note


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
    assert row["effect"] == pytest.approx(0, abs=0.02)


def test_every_rule_names_its_finding_and_a_figure_of_the_report():
    assert list(RULES) == ["linear", "retraining", "exception", "transfer"]
    assert {rule.figure for rule in RULES.values()} <= set(FIGURES)


def test_without_the_deciding_measure_the_first_decides():
    study = tables(4, 3)
    geometry = study["geometry"][study["geometry"]["measure"] == "procrustes"]
    table = decided(findings(study | {"geometry": geometry}))
    assert table.loc["retraining", "measure"] == "procrustes"
    assert table.loc["transfer", "measure"] == "procrustes"
