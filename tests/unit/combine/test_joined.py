"""Verdicts of several studies stand side by side, and what is one quantity is pooled."""

import numpy as np
import pandas as pd
import pytest
from unit.support.synthetic_tables import decided, findings, tables

from repcompare.combine.joined import combined, shared_architectures
from repcompare.statistics.meta_analysis import synthesis


@pytest.fixture(scope="module")
def studies():
    """findings.csv of two whole studies, one without attacks, and one of too few architectures."""
    no_attack = {name: table for name, table in tables(4, 3).items() if name != "transfer"}
    return {
        "digits": findings(tables(5, 3, node_effects=2.0, images=100)),
        "mine": findings(tables(6, 3, beta=5.0, images=100, random_state=1)),
        "no attack": findings(no_attack),
        "tiny": findings(tables(2, 2)),
    }


@pytest.fixture(scope="module")
def joined(studies):
    """combined.csv by finding and study, and pooled.csv by finding."""
    rows, pooled = combined(studies)
    return rows.set_index(["finding", "study"]), pooled.set_index("finding")


def with_row(table, finding, **changes):
    """findings.csv with other cells in the row that decides."""
    place = table.index[(table["finding"] == finding) & (table["verdict"] != "")]
    table = table.copy()
    table.loc[place, list(changes)] = list(changes.values())
    return table


def test_every_verdict_is_there_as_its_study_has_it(studies, joined):
    rows, _ = joined
    for study, table in studies.items():
        for finding, row in decided(table).iterrows():
            found = rows.loc[finding, study]
            pd.testing.assert_series_equal(found[row.index], row, check_names=False)


@pytest.mark.parametrize("finding", ["linear", "retraining"])
def test_an_effect_has_the_interval_that_its_study_gives_it(joined, finding):
    rows = joined[0].loc[finding]
    for name in ("low", "high"):
        np.testing.assert_allclose(rows[f"estimate_{name}"], rows[name])
    np.testing.assert_allclose(rows["estimate"], rows["effect"])


def test_transfer_is_pooled_by_standard_deviation_of_the_similarity(joined):
    rows = joined[0].loc["transfer"].loc[["digits", "mine"]]
    scale = rows["per_sd"] / rows["effect"]
    for name in ("low", "high"):
        np.testing.assert_allclose(rows[f"estimate_{name}"], scale * rows[name])
    found = synthesis(rows["per_sd"], rows["per_sd_error"], rows["resamples"] - 1)
    pooled = joined[1].loc["transfer"]
    for name in ("fixed", "random"):
        ends = [name, f"{name}_low", f"{name}_high", f"{name}_df"]
        np.testing.assert_allclose(list(pooled[ends]), getattr(found, name))
    assert list(pooled[["q", "q_p", "i2", "tau"]]) == list(found[3:])
    np.testing.assert_allclose(rows["weight"], found.weights)


def test_no_interval_of_a_pooled_r2_reaches_1(studies):
    near = {
        "half": with_row(studies["digits"], "linear", effect=0.5, low=0.4, high=0.6),
        "near": with_row(studies["mine"], "linear", effect=0.99, low=0.98, high=0.995),
    }
    pooled = combined(near)[1].set_index("finding").loc["linear"]
    assert 0.5 < pooled["random"] < pooled["random_high"] < 1
    assert pooled["random_low"] < 0.5


def test_studies_are_pooled_where_they_have_an_effect_with_an_error(joined):
    rows, pooled = joined
    assert pooled["studies"].to_dict() == {"linear": 3, "retraining": 3, "transfer": 2}
    np.testing.assert_allclose(rows["weight"].groupby("finding").sum()[pooled.index], 1)
    left = rows["not_pooled"]
    assert (left == "").sum() == 8
    assert left["transfer", "no attack"] == "not asked: attack is null in the config"
    assert left["linear", "tiny"] == (
        "no effect with an error: needs 3 architectures, there are 2; no interval or p"
    )
    assert (left["exception"] == "each study's effect is of an architecture of its own").all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"measure": "cka"}, "by CKA, not CKA (debiased)"),
        ({"error": 0.0}, "its error is 0"),
    ],
)
def test_what_is_another_quantity_or_has_no_weight_is_not_pooled(studies, changes, reason):
    changed = with_row(studies["mine"], "retraining", **changes)
    rows, pooled = combined({"digits": studies["digits"], "mine": changed})
    reasons = rows[rows["finding"] == "retraining"].set_index("study")["not_pooled"]
    assert reasons["mine"] == reason
    assert reasons["digits"] == "no other study has such an effect with an error"
    assert "retraining" not in list(pooled["finding"])


def test_architectures_of_one_name_are_named_with_their_studies(studies):
    found = shared_architectures({name: studies[name] for name in ("digits", "mine")})
    assert found == {("digits", "mine"): sorted({*studies["digits"]["architecture"]} - {""})}
