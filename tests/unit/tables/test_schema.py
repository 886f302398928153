"""Every table is in the schema, and is written and read as the schema says."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repcompare.findings.rows import Row
from repcompare.geometry.catalogue import MEASURES
from repcompare.tables.columns import FOLDERS, Column
from repcompare.tables.files import read_table, write_parts, write_table
from repcompare.tables.schema import TABLES, summary_tables

RULES = Path(__file__).parents[3] / "rules"
COLUMNS = [column for table in TABLES.values() for column in table.columns]


def convergence(**changes) -> pd.DataFrame:
    """Rows of convergence.csv, with some columns changed."""
    row = {"model_a": "a/seed0", "model_b": "b/seed0", "measure": "cka"}
    rows = pd.DataFrame(
        [{**row, "n": n, "value": n / 90, "flag": "", "note": ""} for n in range(9)]
    )
    return rows.assign(**changes)


def test_every_table_that_the_rules_write_is_in_the_schema_and_of_others_only_those_of_commands():
    text = "".join(path.read_text(encoding="utf-8") for path in RULES.glob("*.smk"))
    folders = {"BLOCK": "blocks/", "MODEL": "models/", "RESULTS": ""}
    stored = re.findall(r'f"{(BLOCK|MODEL|RESULTS)}/(?:tables/)?(\w+)\.csv"', text)
    written = {folders[folder] + name for folder, name in stored}
    commands = {name for name in TABLES if name.startswith(("export/", "combined/"))}
    assert written | set(summary_tables(lambda section: True)) == set(TABLES) - commands
    # Where they lie is what the rules say.
    for name, folder in (("BLOCK", "blocks"), ("MODEL", "models")):
        assert f'{name} = f"{{RESULTS}}/{FOLDERS[folder]}"' in text.replace("{{", "{").replace(
            "}}", "}"
        )


def test_keys_tell_the_rows_of_every_table_apart(files):
    names = {"layers": "models/layers", "controls": "models/controls", "scores": "blocks/maps"}
    names |= {n: f"blocks/{n}" for n in ("class_accuracies", "geometry", "convergence", "features")}
    for kind, name in names.items():
        for path in files[kind]:
            table = read_table(path)
            assert not table.duplicated(list(TABLES[name].keys)).any()
            TABLES[name].described(list(table))


def test_a_column_is_of_one_kind_wherever_it_stands():
    kinds = {}
    for column in COLUMNS:
        assert kinds.setdefault(column.name, column.kind) == column.kind


def test_what_may_be_empty_has_a_note_to_say_why():
    for table in TABLES.values():
        gaps = [c.name for c in table.columns if c.empty and c.kind != "text"]
        assert not gaps or "note" in table.names


def test_every_column_says_what_it_means():
    for column in COLUMNS:
        assert re.fullmatch(r"[A-ZΑ-Ω].*\.", column.meaning), column.name


def test_the_range_of_every_measure_is_within_that_of_the_table():
    (value,) = (column for column in TABLES["geometry"].columns if column.name == "value")
    for measure in MEASURES.values():
        assert value.low <= measure.range[0] <= measure.range[1] <= value.high


def test_the_rows_of_findings_are_those_of_the_schema():
    assert list(Row._fields) == TABLES["findings"].names


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("r2_test_{family}", "r2_test_ridge", True),
        ("r2_test_{family}", "r2_test_low", False),
        ("{measure}", "cka_debiased", True),
        ("{measure}", "cka_debiased_2", False),
        ("transfer_{ball}", "transfer_linf_8_255", True),
        ("transfer_{ball}", "transfer_far", False),
        ("r2_test", "r2_test", True),
    ],
)
def test_a_pattern_names_the_columns_of_a_study(pattern, name, expected):
    assert Column(pattern, "float", "").is_named(name) == expected


def test_a_study_may_have_any_number_of_columns_of_a_pattern_but_only_in_their_place():
    pairs = TABLES["pairs"]
    fixed = [column.name for column in pairs.columns if not column.repeated]
    assert [column.name for column in pairs.described(fixed)] == fixed
    more = [*fixed[:5], "r2_test_ridge", "r2_test_orthogonal", "cka", *fixed[5:]]
    found = [column.name for column in pairs.described(more)]
    assert found[5:8] == ["r2_test_{family}", "r2_test_{family}", "{measure}"]
    with pytest.raises(ValueError, match="column 'cka' where the schema has 'source'"):
        pairs.described(["cka", *fixed])
    with pytest.raises(ValueError, match="does not have"):
        pairs.described([*fixed, "cka"])


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (convergence().drop(columns="value"), "no column 'value'"),
        (convergence(extra=1), r"columns \['extra'\] that the schema does not have"),
        (convergence()[["model_b", "model_a", *convergence().columns[2:]]], "'model_b' where"),
        (convergence(value=1.01), r"value is not -1 to 1: 1.01 in the row of model_a a/seed0"),
        (convergence(value=-1.01), "value is not -1 to 1"),
        (convergence(n=-1), "n is not ≥ 0: -1"),
        (convergence(n=1.5), "n is not ≥ 0: 1.5"),
        (convergence(n=np.nan, note="why"), "n is empty"),
        (convergence(measure="cosine"), "measure is not cka, .*: 'cosine'"),
        (convergence(model_a=""), "model_a is empty"),
        (convergence(model_a=None), "model_a is empty"),
        (convergence(value=np.nan), "value is not finite without a note"),
        (convergence(value=np.inf), "value is not finite without a note"),
        (convergence(value=[np.nan] * 9, note=["why"] * 8 + [""]), "n 8"),
        (convergence(value="much"), "could not convert"),
        (convergence().iloc[:0], "at least one row"),
        ([{"model_a": "a/seed0"}, {"model_b": "b/seed0"}], "among rows of"),
        ([], "at least one row"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("form", [pd.DataFrame, list])
def test_a_table_that_is_not_as_the_schema_says_is_not_written(tmp_path, form, rows, error):
    if form is list and isinstance(rows, pd.DataFrame):
        rows = rows.to_dict("records")
    with pytest.raises(ValueError, match=error):
        write_table(tmp_path / "convergence.csv", "convergence", rows)
    assert list(tmp_path.iterdir()) == []


def test_the_error_names_the_file(tmp_path):
    with pytest.raises(ValueError, match=r"t\.csv: no column 'model_a'"):
        write_table(tmp_path / "t.csv", "convergence", [{"model_b": "b/seed0"}])


def test_a_part_with_other_columns_is_refused(tmp_path):
    pairs = pd.DataFrame({name: ["a"] for name in TABLES["pairs"].keys})
    pairs = pairs.assign(source_architecture="a", target_architecture="a", same_architecture=True)
    first = pairs.assign(cka=0.5, gradient_alignment=0.5, unit_matching=0.5, note="")
    with pytest.raises(ValueError, match=r"rows of .*'cca', .* in a table of .*'cka'"):
        write_parts(tmp_path / "t.csv", "pairs", [first, first.rename(columns={"cka": "cca"})])
    assert list(tmp_path.iterdir()) == []


def test_rounding_may_lead_out_of_a_range(tmp_path):
    write_table(tmp_path / "t.csv", "convergence", convergence(value=1 + 1e-10))
    with pytest.raises(ValueError, match="value is not"):
        write_table(tmp_path / "t.csv", "convergence", convergence(value=1 + 1e-8))


def test_a_table_written_in_parts_or_from_rows_is_the_table_written_whole(tmp_path):
    whole = convergence(value=[np.inf, *np.arange(8) / 30], note=["no samples", *[""] * 8])
    write_table(tmp_path / "whole.csv", "convergence", whole)
    parts = (whole[start : start + 3] for start in (0, 3, 6))
    write_parts(tmp_path / "parts.csv", "convergence", parts)
    write_table(tmp_path / "rows.csv", "convergence", whole.to_dict("records"))
    text = (tmp_path / "whole.csv").read_text(encoding="utf-8")
    assert {path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {text}
    assert text.splitlines()[1:3] == [
        "a/seed0,b/seed0,cka,0,,,no samples",
        "a/seed0,b/seed0,cka,1,0.0,,",
    ]


@pytest.mark.parametrize("name", ["1", "01", "1.10", "1e1", "inf", "nan", "True", "NA", "null"])
def test_what_looks_like_a_number_or_a_gap_stays_text(tmp_path, name):
    row = {
        "model": f"{name}/seed0",
        "architecture": name,
        "attack": "null",
        "norm": "linf",
        "epsilon": 1.0,
    }
    row |= {"epsilon_label": "1", "steps": 3, "target": "none", "n": 5, "success_rate": 0.5}
    row |= {"mean_loss": 1, "max_linf": 1, "max_l2": 1, "note": ""}
    write_table(tmp_path / "t.csv", "attacks", [row, row])
    read = read_table(tmp_path / "t.csv")
    names = ["model", "architecture", "attack", "epsilon_label", "note"]
    assert read[names].iloc[0].tolist() == [f"{name}/seed0", name, "null", "1", ""]
    assert read["epsilon"].tolist() == [1.0, 1.0]


def test_a_text_that_is_empty_is_read_as_such(tmp_path):
    rows = [Row("linear", "", "", verdict="inconclusive", note="no maps")._asdict()]
    write_table(tmp_path / "t.csv", "findings", rows)
    assert read_table(tmp_path / "t.csv")["architecture"].tolist() == [""]
