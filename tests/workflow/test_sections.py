"""A section of the config that is null is not done: no job, no table, no figure, and the rest as before."""

import re

import pytest
from workflow.study import REPORT, jobs

WITHOUT = {
    "attack and maps": ({"attack": None, "maps": None}, {"maps", "transfer"}),
    "geometry and features": ({"geometry": None, "features": None}, {"geometry", "features"}),
}
# What reads what the null sections give.
DUE = {
    "attack and maps": jobs("describe", "compare", "evaluate", "compare_features", *REPORT)
    - {"draw_adversarial_examples"},
    "geometry and features": jobs("compare", "evaluate", *REPORT),
}


@pytest.mark.parametrize("absent", WITHOUT)
def test_what_a_null_section_gave_is_left_out_and_nothing_else_changes(study, absent):
    sections, shown = WITHOUT[absent]
    study.set(**sections)
    done = study.run()
    assert done.jobs == DUE[absent]
    assert study.due() == set()
    page = study.result("report.html").read_text(encoding="utf-8")
    assert not shown & set(re.findall(r'<section id="(\w+)">', page))
    findings = study.result("tables/findings.csv").read_text(encoding="utf-8")
    assert "not asked" in findings
    report = study.call("--report", "report.html")
    assert report.returncode == 0, report.text


def test_a_study_that_asks_for_nothing_trains_and_describes_its_networks(new_study):
    new_study.set(maps=None, geometry=None, attack=None, features=None)
    rules = ("prepare_data", "train", "dump_activations", "describe")
    last = {"summarise", "judge_findings", "draw_figures", "write_report"}
    assert new_study.due() == jobs(*rules) | last
    new_study.set(attack={})
    assert new_study.due() == jobs(*rules, "attack", "evaluate", *REPORT)
