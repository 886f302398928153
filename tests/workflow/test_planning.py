"""A plan lists the jobs that a dry run would, and the disk that they really take."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from repcompare.data.loaders import counted
from repcompare.planning import disk, timing
from repcompare.planning.jobs import read_jobs
from repcompare.planning.workload import study_of
from repcompare.study.config import validate

# Fixed, for a study of several architectures; these are of two.
DRAWN = {"draw_figures", "draw_adversarial_examples", "draw_feature_gallery", "write_report"}


def planning(study, *arguments) -> subprocess.CompletedProcess:
    """A call of the command in the study's folder."""
    return subprocess.run(
        [sys.executable, "-m", "repcompare.planning", *arguments],
        cwd=study.folder,
        env=os.environ | {"PYTHONPATH": str(study.folder / "workflow_scripts")},
        encoding="utf-8",
        capture_output=True,
    )


def plan(study) -> str:
    """What the command prints about the tiny study."""
    done = planning(study, "--configfile", "tiny.yaml")
    assert done.returncode == 0, done.stderr
    return done.stdout


def planned_jobs(study) -> Counter:
    """Jobs by stage, as the plan's table has them."""
    rows = [line.split() for line in plan(study).splitlines()[3:]]
    return Counter({row[0]: int(row[1]) for row in rows[: rows.index([]) - 1]})


def test_a_config_that_is_not_there_is_named(new_study):
    done = planning(new_study, "--configfile", "none.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "none.yaml: no such file"


@pytest.mark.parametrize("mistake", [("--cores", "0"), ("--cores", "many")])
def test_a_mistake_is_named_before_anything_is_timed(new_study, mistake):
    done = planning(new_study, *mistake)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(
        f"python -m repcompare.planning: error: argument {mistake[0]}: "
    )
    assert mistake[1] in done.stderr.splitlines()[-1]


def test_the_jobs_of_a_plan_are_those_of_a_dry_run(new_study):
    assert planned_jobs(new_study) == Counter(job.split()[0] for job in new_study.due())


def test_jobs_that_stand_are_not_planned_and_say_how_long_new_ones_take(study):
    assert plan(study) == "tiny: 0 jobs to run, 36 whose results stand\n"
    study.set(architectures__vgg__seeds=[0, 1, 2])
    text = plan(study)
    assert planned_jobs(study) == Counter(job.split()[0] for job in study.due())
    sources = {line.split()[0]: line for line in text.splitlines()[3:] if line}
    for stage in ("train", "attack", "compare", "evaluate"):
        assert sources[stage].endswith("jobs of this study")
    assert sources["summarise"].endswith("its last run")
    assert "timed now" not in text


def test_the_files_of_each_stage_are_within_a_factor_of_two_of_what_was_foretold(finished):
    text = finished.call("--summary").text
    table = text[text.index("output_file\t") :]
    config = validate(finished.config)
    planned = study_of(config, counted(config["data"]))
    sizes = {name: timing.sizes(planned, name) for name in config["architectures"]}
    foretold, written = Counter(), Counter()
    for job in read_jobs(table)[1]:
        foretold[job.rule] += disk.needed(job, planned, sizes) - disk.RECORDS
    for row in table.splitlines()[1:]:
        path, _, rule, *_ = row.split("\t")
        written[rule] += (finished.folder / path).stat().st_size
    assert foretold.keys() == written.keys()
    ratios = {rule: foretold[rule] / written[rule] for rule in foretold.keys() - DRAWN}
    assert {rule: ratio for rule, ratio in ratios.items() if not 0.5 < ratio < 2} == {}
    total = sum(foretold[rule] for rule in ratios) / sum(written[rule] for rule in ratios)
    assert 0.8 < total < 1.25
