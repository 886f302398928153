"""A plan counts what is asked for: jobs of a section that is null are not there, and cost nothing."""

import itertools

import pytest
import yaml
from unit.support.study_configs import config

from repcompare.data.catalogue import DATA_SETS
from repcompare.planning import disk, memory
from repcompare.planning.estimate import Timed, from_timing
from repcompare.planning.jobs import Job
from repcompare.planning.resources import asked, assumed_study
from repcompare.planning.workload import Numbers, Passes, Sizes, conditions, study_of
from repcompare.study.config import blocks, models, validate

SECTIONS = ("maps", "geometry", "attack", "features")
COMBINATIONS = [null for number in range(5) for null in itertools.combinations(SECTIONS, number)]
SIZES = Sizes(1_000_000, {"stage1": 16, "penultimate": 64}, 10, Passes(1e6, 1e6, 1e5))
TIMED = Passes(1e-3, 1e-3, 1e-4), Numbers(compare=1, describe=1, compare_features=1)


def jobs(study) -> list[Job]:
    """Those of models and blocks of a validated config, and of the study."""
    of_models = {"train": (), "dump_activations": (), "describe": (), "attack": ("attack",)}
    of_models |= {"extract_features": ("features",)}
    of_blocks = {"compare": ("maps", "geometry"), "evaluate": ("attack", "features")}
    of_blocks |= {"compare_features": ("features",)}
    found = [Job(name) for name in ("summarise", "judge_findings", "draw_figures", "write_report")]
    for rule, sections in of_models.items():
        found += [Job(rule, (name,), seed) for name, seed in models(study, *sections)]
    for rule, sections in of_blocks.items():
        found += [Job(rule, pair) for pair in blocks(study, *sections)]
    return found


def cost(null) -> tuple[int, int, float]:
    """Jobs, bytes on disk and seconds of a study without some sections."""
    validated = validate(config(yaml.safe_dump(dict.fromkeys(null))))
    study = study_of(validated, DATA_SETS["digits"])
    names = validated["architectures"]
    sizes = dict.fromkeys(names, SIZES)
    timed = Timed(*(dict.fromkeys(names, each) for each in TIMED), 1.0, 0.1)
    planned = jobs(validated)
    assert all(memory.needed(job, study, sizes) > 0 for job in planned)
    assert all(asked(job, assumed_study(validated), {}).memory > 0 for job in planned)
    seconds = sum(from_timing(job, study, timed) for job in planned if job.architectures)
    return len(planned), sum(disk.needed(job, study, sizes) for job in planned), seconds


@pytest.mark.parametrize("null", COMBINATIONS, ids=lambda null: "+".join(null) or "none")
def test_what_is_null_makes_a_study_cheaper_and_nothing_else_dearer(null):
    whole, part = cost(()), cost(null)
    assert all(less <= more for less, more in zip(part, whole, strict=True))
    if null:
        assert part[1] < whole[1]
    if {"attack", "features"} & set(null):
        assert part[2] < whole[2]


def test_images_that_are_not_rounded_take_four_times_the_disk_and_more_memory():
    sizes = dict.fromkeys(validate(config(""))["architectures"], SIZES)
    stored, held = [], []
    for quantise in (True, False):
        text = f"attack: {{quantise: {str(quantise).lower()}}}"
        study = study_of(validate(config(text)), DATA_SETS["digits"])
        job = next(job for job in jobs(study.config) if job.rule == "attack")
        stored.append(disk.needed(job, study, sizes))
        held.append(memory.needed(job, study, sizes))
    images = study.config["attack"]["samples"] * conditions(study.config)
    assert stored[1] - stored[0] == 3 * 64 * images
    assert held[1] > held[0]
