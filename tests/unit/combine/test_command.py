"""`python -m repcompare.combine` writes one page and two tables, or says in a line what it lacks."""

import re
from pathlib import Path

import pytest
from markupsafe import escape
from unit.support.synthetic_tables import findings, tables

from repcompare.combine.__main__ import main
from repcompare.report.html import policy
from repcompare.tables.files import read_table, write_table

# As the first versions wrote it.
OLD = """finding,version,measure,architecture,verdict,effect,low,high,p,n_pairs,n_models,resamples,seed,note
linear,r2,least_squares,,supported,0.918,0.877,0.960,0.0002,480,24,1000,0,
"""
FILES = {"combined.html", "combined.csv", "pooled.csv"}


@pytest.fixture(scope="module")
def found():
    """findings.csv of two studies."""
    no_maps = {name: table for name, table in tables(4, 2).items() if name != "maps"}
    return {"digits": findings(tables(5, 3)), "<mine>": findings(no_maps)}


@pytest.fixture
def combine(found, tmp_path, monkeypatch, capsys):
    """What the command prints, or ends with, in a folder with two finished studies."""
    monkeypatch.chdir(tmp_path)
    for name, table in found.items():
        write_table(Path("results", name, "tables", "findings.csv"), "findings", table)

    def called(*arguments) -> str:
        try:
            main(arguments)
        except SystemExit as end:
            return str(end) if isinstance(end.code, str) else capsys.readouterr().err
        return capsys.readouterr().out

    return called


def test_a_study_may_be_given_by_name_by_folder_or_by_its_table(combine):
    pages = []
    for given in ("<mine>", "results/<mine>", "results/<mine>/tables/findings.csv"):
        assert combine("digits", given) == "results/combined/combined.html\n"
        assert {path.name for path in Path("results/combined").iterdir()} == FILES
        pages.append(Path("results/combined/combined.html").read_bytes())
    assert pages[0] == pages[1] == pages[2]


def test_the_tables_are_what_the_schema_says(combine):
    assert combine("digits", "<mine>", "--to", "elsewhere") == "elsewhere/combined.html\n"
    rows, pooled = (read_table(f"elsewhere/{name}.csv") for name in ("combined", "pooled"))
    assert list(rows["study"].unique()) == ["digits", "<mine>"]
    assert len(rows) == 8
    assert list(pooled["finding"]) == ["retraining", "transfer"]


def test_the_page_needs_nothing_beside_itself_and_says_what_was_found(combine):
    combine("digits", "<mine>")
    page = Path("results/combined/combined.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"|@import', page)
    assert len(re.findall(r"<svg ", page)) == 2
    assert "&lt;mine&gt; is not pooled: not asked: maps is null in the config." in page
    assert "<mine>" not in page
    style = re.search("<style>(.*?)</style>", page, flags=re.DOTALL)[1]
    assert "#figure-transfer svg { --natural: " in style
    assert f'content="{escape(policy(style))}"' in page
    assert "<script" not in page
    assert "it is wide" in page
    assert "densenet40, resnet20, resnext29, vgg (in digits, &lt;mine&gt;)" in page
    assert "nan" not in re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", page, flags=re.DOTALL)


def test_studies_whose_folders_are_called_alike_are_called_as_they_are_given(combine, found):
    write_table("other/digits/tables/findings.csv", "findings", found["<mine>"])
    combine("results/digits", "other/digits")
    rows = read_table("results/combined/combined.csv")
    assert list(rows["study"].unique()) == ["results/digits", "other/digits"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["digits"], "one study alone, digits: name two or more"),
        (
            ["digits", "there/is/none"],
            "there/is/none: there is neither there/is/none/tables/findings.csv nor "
            "results/there/is/none/tables/findings.csv; name the folder of a finished study",
        ),
        (["digits", "results/digits"], "digits and results/digits have the same findings"),
        (["digits", "digits"], "one study alone, digits"),
        (["digits", "old.csv"], "old.csv: no column 'error'; not a findings.csv of this version"),
        (
            ["digits", "empty.csv"],
            "empty.csv: damaged: not a table (No columns to parse from file)",
        ),
        (["digits", "part.csv"], "part.csv: verdicts on retraining, exception, transfer; needs"),
        (["digits", "<mine>", "--to", "empty.csv"], "empty.csv is no folder: name another"),
        ([], "the following arguments are required: STUDY"),
    ],
)
def test_what_is_lacking_is_said_and_nothing_is_written(combine, found, given, said):
    Path("empty.csv").touch()
    Path("old.csv").write_text(OLD, encoding="utf-8")
    part = found["digits"][found["digits"]["finding"] != "linear"]
    write_table("part.csv", "findings", part)
    assert said in combine(*given)
    assert not Path("results/combined").exists()
