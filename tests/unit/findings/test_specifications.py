"""Other choices are judged by the same rule, and counted as what they are."""

import numpy as np
import pandas as pd
import pytest
from unit.support.synthetic_tables import DENOMINATORS, EPSILONS, MEASURES, judged, tables

from repcompare.findings.specifications import agreement
from repcompare.tables.files import write_table


@pytest.fixture(scope="module")
def study():
    return tables(5, 3, exception=0.1)


@pytest.fixture(scope="module")
def both(study):
    return judged(study)


def restricted(study, out):
    """The study as if one architecture had never been in it."""
    found = {}
    for name, table in study.items():
        ends = [
            column for column in table.columns if column.startswith(("architecture", "source_a"))
        ]
        ends += [column for column in table.columns if column == "target_architecture"]
        if name == "controls":
            ends = []
        found[name] = table[~table[ends].eq(out).any(axis=1)] if ends else table
    return found


def test_every_choice_has_a_row_and_those_fixed_beforehand_decide(both):
    findings, table = both
    decided = findings[findings["verdict"] != ""].set_index("finding")
    first = table[table["decides"]].set_index("finding")
    assert list(first.index) == list(decided.index)
    for column in ("measure", "verdict", "architecture"):
        assert first[column].tolist() == decided[column].tolist()
    for column in ("effect", "low", "high", "p", "per_sd", "per_sd_error"):
        assert first[column].tolist() == pytest.approx(decided[column].tolist(), nan_ok=True)
    strengths = sum(len(each) for each in EPSILONS.values())
    others = table[(table["left_out"] == "") & ~table["decides"]].groupby("finding").size()
    assert others["linear"] == 2
    assert others["retraining"] == others["exception"] == len(MEASURES) - 1
    assert others["transfer"] == len(MEASURES) * strengths * len(DENOMINATORS) - 1
    without = table[table["left_out"] != ""].groupby("finding").size()
    assert set(without) == {5}


def test_without_an_architecture_is_as_if_it_had_never_been_there(study, both):
    table = both[1].query("left_out == 'vgg'").set_index("finding")
    findings = judged(restricted(study, "vgg"))[0]
    decided = findings[findings["verdict"] != ""].set_index("finding")
    for finding in ("linear", "retraining", "exception"):
        assert table.loc[finding, "verdict"] == decided.loc[finding, "verdict"]
        for column in ("effect", "low", "high"):
            assert table.loc[finding, column] == pytest.approx(decided.loc[finding, column])
    # The strength stays the one that was chosen with all of them.
    assert table.loc["transfer", "effect"] == pytest.approx(
        decided.loc["transfer", "effect"], rel=0.1
    )


def test_an_exception_is_none_without_itself(both):
    rows = both[1].query("finding == 'exception' and left_out != ''").set_index("left_out")
    assert rows.loc["resnext29", "verdict"] != "supported"
    assert (rows.drop(index="resnext29")["architecture"] == "resnext29").all()


def test_verdicts_are_counted_that_are_the_same():
    def row(verdict, *, finding="exception", left_out="", decides=False, architecture="a"):
        return locals()

    table = pd.DataFrame(
        [
            row("supported", decides=True),
            row("supported"),
            row("supported", architecture="b"),
            row("inconclusive"),
            row("supported", left_out="b"),
            row("contradicted", left_out="c"),
            row("inconclusive", finding="transfer", decides=True),
            row("inconclusive", finding="transfer", architecture="b"),
        ]
    )
    found = agreement(table)
    assert tuple(found["exception"]) == (1, 2, 1, 3)
    assert tuple(found["transfer"]) == (0, 0, 1, 1)


def test_verdicts_carry_their_counts_and_no_other_row_does(both):
    findings, table = both
    counts = agreement(table)
    for row in findings.itertuples():
        given = row.left_out_agree, row.left_out_of, row.specifications_agree, row.specifications_of
        assert given == (tuple(counts[row.finding]) if row.verdict else (0, 0, 0, 0))


def test_a_study_of_one_choice_and_one_architecture_has_a_table(tmp_path):
    study = tables(1, 2)
    study["maps"] = study["maps"].query("family == 'ridge'")
    table = judged(study)[1]
    write_table(tmp_path / "specifications.csv", "specifications", table)
    assert (table["verdict"] == "inconclusive").all()
    assert np.isnan(table["low"]).all()
