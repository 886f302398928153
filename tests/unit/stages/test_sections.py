"""A section of the config that is null is not done, and what follows does without it."""

import html
import itertools
import re
from types import SimpleNamespace

import pytest
import yaml
from unit.support.study_configs import config

from repcompare.figures.registry import FIGURES
from repcompare.findings.rules import RULES
from repcompare.stages.judge_findings import judge_findings
from repcompare.stages.summarise import summarise
from repcompare.stages.write_report import write_report
from repcompare.study.config import validate
from repcompare.tables.files import read_table
from repcompare.tables.schema import TABLES, summary_tables

# The sections, and what models and blocks store for them.
STORED = {
    "maps": ("controls", "maps", "class_accuracies"),
    "geometry": ("geometry", "convergence"),
    "attack": ("adversarial", "evaluations"),
    "features": ("features",),
}
# The sections of the page.
SHOWN = {"maps": "maps", "geometry": "geometry", "attack": "transfer", "features": "features"}
COMBINATIONS = [asked for number in range(5) for asked in itertools.combinations(STORED, number)]
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10pt"><g id="a"/></svg>'


@pytest.fixture(scope="module", params=COMBINATIONS, ids=lambda asked: "+".join(asked) or "nothing")
def part(request, files, dataset_path, tmp_path_factory):
    """A study of the small networks that asks for some of the sections, from its tables to its page."""
    asked, folder = set(request.param), tmp_path_factory.mktemp("part")
    given = {"records": files["record"], "maps": files["scores"]}
    given = {kind: [] for kinds in STORED.values() for kind in kinds} | {
        kind: given.get(kind, files.get(kind, [])) for section in asked for kind in STORED[section]
    }
    for kind in ("records", "activations", "layers"):
        given[kind] = files["record" if kind == "records" else kind]
    tables = {name: folder / f"{name}.csv" for name in summary_tables(asked.__contains__)}
    summarise(tables, files=given)
    judged = ("models", "controls", "maps", "geometry", "transfer")
    judge_findings(
        folder / "findings.csv",
        folder / "specifications.csv",
        tables={name: tables[name] for name in judged if name in tables},
        settings={"statistics": {"permutations": 99, "seed": 0}, "network_families": {}},
    )
    whole = tables | {name: folder / f"{name}.csv" for name in ("findings", "specifications")}
    drawn = [name for name, row in FIGURES.items() if row.needs <= whole.keys()]
    for name in drawn:
        (folder / f"{name}.svg").write_text(SVG, encoding="utf-8")
    changes = yaml.safe_dump(dict.fromkeys(STORED.keys() - asked))
    write_report(
        folder / "report.html",
        tables=whole,
        figures=[folder / f"{name}.svg" for name in drawn],
        dataset=dataset_path,
        settings={"config": validate(config(changes)), "benchmarks": folder},
    )
    page = (folder / "report.html").read_text(encoding="utf-8")
    read = {name: read_table(path) for name, path in whole.items()}
    return SimpleNamespace(asked=asked, tables=read, drawn=drawn, page=page)


def test_what_is_not_asked_for_has_no_table_no_figure_and_no_section(part):
    for name, table in part.tables.items():
        sections = TABLES[name].sections
        assert not sections or part.asked.intersection(sections)
        # Where no finding is asked for there is nothing to judge by other choices.
        assert len(table) or (name == "specifications" and not {"maps", "geometry"} & part.asked)
    sections = set(re.findall(r'<section id="(\w+)">', part.page))
    assert sections & {*SHOWN.values()} == {SHOWN[name] for name in part.asked}
    links = set(re.findall(r'href="#(\w+)"', part.page))
    assert links <= sections
    assert re.findall(r'<figure id="figure-(\w+)">', part.page) != []
    assert set(re.findall(r'<figure id="figure-(\w+)">', part.page)) == set(part.drawn)


def test_a_finding_that_needs_it_is_not_asked_and_says_of_what(part):
    decided = part.tables["findings"].query("verdict != ''").set_index("finding")
    assert list(decided.index) == list(RULES)
    text = html.unescape(part.page)
    for finding, rule in RULES.items():
        missing = [section for section in sorted(rule.needs) if section not in part.asked]
        row = decided.loc[finding]
        assert (row["verdict"] == "not asked") == bool(missing)
        assert (f'id="finding-{finding}"' in text) != bool(missing)
        if missing:
            assert (
                row["note"]
                == f"{' and '.join(missing)} {'are' if missing[1:] else 'is'} null in the config"
            )
            assert row["lacks"] == "section"
            assert f"Note: {row['note']}." in text


def test_pairs_have_a_row_for_each_ordered_pair_and_columns_of_what_is_asked_for(part):
    if not part.asked:
        assert "pairs" not in part.tables
        return
    pairs = part.tables["pairs"]
    assert len(pairs) == 6
    of = {"maps": "r2_test_ridge", "geometry": "cka", "attack": "transfer_l2_1"}
    of["features"] = "unit_matching"
    assert {section for section, name in of.items() if name in pairs} == part.asked
