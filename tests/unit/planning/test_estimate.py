"""A plan counts the work that the stages do, and takes its times from where it says."""

import numpy as np
import pytest
import torch
from unit.support.study_configs import config

from repcompare.architectures import build
from repcompare.attacks import pgd
from repcompare.attacks.craft import Computation, Images, search
from repcompare.attacks.suite import planned
from repcompare.data.catalogue import DATA_SETS
from repcompare.planning import workload
from repcompare.planning.estimate import (
    HERE,
    LAST,
    PROBE,
    UNKNOWN,
    Estimate,
    Timed,
    by_stage,
    estimate,
    needs_timing,
    table,
)
from repcompare.planning.jobs import Job, read_jobs, read_seconds
from repcompare.planning.workload import Numbers, Passes, study_of
from repcompare.study.blocks import ordered_pairs, unordered_pairs
from repcompare.study.config import blocks, seeds, validate

SUMMARY = """output_file\tdate\trule\tlog-file(s)\tstatus\tplan
results/s/models/18/seed2/weights.safetensors\t-\ttrain\t-\tmissing\tupdate pending
results/s/models/18/seed2/record.json\t-\ttrain\t-\tmissing\tupdate pending
results/s/models/vgg/seed0/record.json\t-\ttrain\t-\tok\tno update
results/s/blocks/18--vgg/maps.csv\t-\tcompare\t-\tok\tno update
results/s/nonrobust/18.h5\t-\tmake_nonrobust\t-\tmissing\tupdate pending
results/s/nonrobust/18--vgg.json\t-\ttrain_nonrobust\t-\tmissing\tupdate pending
results/s/tables/pairs.csv\t-\tsummarise\t-\tok\tupdate pending
results/s/tables/maps.csv\t-\tsummarise\t-\tok\tupdate pending
"""
ATTACK = """
attack:
  samples: 6
  steps: 3
  restarts: 2
  epsilons: {linf: ["8/255", "16/255"], l2: [1]}
  variants: {fgsm: {steps: 1, restarts: 1, epsilons: {linf: ["8/255", "32/255"]}}}
"""
TIMED = Timed(
    {"vgg": Passes(0.1, 0.01, 0.001), "resnext": Passes(0.2, 0.02, 0.002)},
    {"vgg": Numbers(1.0, 3.0, 0.5), "resnext": Numbers(3.0, 4.0, 1.5)},
    start_network=10.0,
    start_numbers=5.0,
)
TRAIN = [Job("train", ("vgg",), seed) for seed in range(3)]
COMPARE = {
    names: Job("compare", names)
    for names in (("resnext", "resnext"), ("resnext", "vgg"), ("vgg", "vgg"))
}


def digits(sections):
    return study_of(validate(config(sections)), DATA_SETS["digits"])


@pytest.fixture
def study():
    return digits(ATTACK)


def test_a_job_is_due_or_stands_whatever_its_architecture_is_called():
    due, standing = read_jobs(SUMMARY)
    assert due == [
        Job("train", ("18",), 2),
        Job("make_nonrobust", ("18",)),
        Job("train_nonrobust", ("18", "vgg")),
        Job("summarise"),
    ]
    assert standing == [Job("train", ("vgg",), 0), Job("compare", ("18", "vgg"))]


def test_the_benchmark_of_a_job_is_its_own(tmp_path):
    due, standing = read_jobs(SUMMARY)
    files = {
        "train/18/seed2.tsv": due[0],
        "make_nonrobust/18.tsv": due[1],
        "train_nonrobust/18--vgg.tsv": due[2],
        "summarise/tables.tsv": due[3],
        "compare/18--vgg.tsv": standing[1],
    }
    for seconds, name in enumerate(files):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\n{seconds}\t0\n", encoding="utf-8")
    found = read_seconds([*due, *standing], tmp_path)
    assert found == {job: seconds for seconds, job in enumerate(files.values())}


def test_pairs_and_conditions_are_counted_as_the_stages_make_them(study):
    settings = study.config
    for a, b in blocks(settings):
        names = [name for name in dict.fromkeys((a, b)) for _ in seeds(settings, name)]
        assert workload.pairs(settings, a, b) == len(unordered_pairs(names))
        assert 2 * workload.pairs(settings, a, b) == len(ordered_pairs(names))
    attacks = planned(settings["attack"])
    assert workload.conditions(settings) == sum(len(attack.balls) for attack in attacks)


def test_gradients_of_attacks_are_counted_as_the_search_takes_them(study, monkeypatch):
    seen = []
    original = pgd.Objective.at

    def at(self, perturbation, step):
        seen.append(len(self.images))
        return original(self, perturbation, step)

    monkeypatch.setattr(pgd.Objective, "at", at)
    network = build("vgg", {"width": 4, "stages": 2}, 1, 10, seed=0).eval().requires_grad_(False)
    n = study.config["attack"]["samples"]
    pixels = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    images = Images(pixels, np.arange(n), torch.zeros(n, dtype=torch.int64))
    for attack in planned(study.config["attack"]):
        if attack.search:
            computation = Computation(4, "float32", 0)
            search(network, images, attack.search, attack.balls, computation)
    assert workload.attacks(study).gradients == sum(seen) == 6 * (3 * 2 * 3 + 2)


def test_passes_of_adaptive_searches_are_counted_as_they_take_them(monkeypatch):
    """Where the last step of each ends is looked at once more."""
    searched = (
        "attack: {samples: 6, steps: 3, epsilons: {linf: [8/255, 16/255], l2: [1]}, variants: "
    )
    searched += (
        "{apgd: {schedule: adaptive, restarts: 2, steps: 5, epsilons: {linf: [8/255, 16/255]}}}}"
    )
    study, seen = digits(searched), {True: 0, False: 0}
    network = build("vgg", {"width": 4, "stages": 2}, 1, 10, seed=0).eval().requires_grad_(False)
    original = network.forward

    def forward(images):
        seen[images.requires_grad] += len(images)
        return original(images)

    monkeypatch.setattr(network, "forward", forward)
    pixels = torch.zeros(6, 1, 8, 8, dtype=torch.uint8)
    images = Images(pixels, np.arange(6), torch.zeros(6, dtype=torch.int64))
    _, adaptive, _ = planned(study.config["attack"])
    search(network, images, adaptive.search, adaptive.balls, Computation(4, "float32", 0))
    plain = digits(searched.replace("adaptive", "constant"))
    passes, before = workload.attacks(study), workload.attacks(plain)
    assert seen[True] == 6 * 2 * 2 * 5 == passes.gradients - 6 * 3 * 3
    assert before.gradients == passes.gradients
    # Of each search, the image that is stored of it besides.
    assert seen[False] == 2 * (passes.answers - before.answers) == 2 * 6 * 2 * 2


def test_training_is_counted_by_whole_batches_and_adversarial_examples_by_their_steps():
    plain = workload.training(digits("training: {epochs: 2, batch_size: 500}"), "vgg")
    assert plain == Passes(2 * 1000, 0, 1200 + 597)
    section = "training: {epochs: 2, batch_size: 500, adversarial: {epsilon: 8/255, steps: 5}}"
    robust = workload.training(digits(section), "vgg")
    assert robust == plain._replace(gradients=5 * plain.steps)


def test_jobs_like_it_that_stand_say_how_long_a_job_takes(study):
    measured = {TRAIN[0]: 30.0, TRAIN[1]: 50.0, COMPARE["vgg", "vgg"]: 9.0}
    found = estimate(TRAIN[2], study, measured, {TRAIN[2]: 999.0}, TIMED)
    assert found == Estimate(40.0, HERE)
    # Three pairs took nine seconds, and this block has six.
    assert estimate(COMPARE["resnext", "vgg"], study, measured, {}, TIMED) == Estimate(18.0, HERE)
    other = Job("train", ("resnext",), 0)
    assert needs_timing([TRAIN[2], other, Job("summarise")], measured) == [other]


def test_what_nothing_is_like_is_timed_or_not_known(study):
    images = study.config["training"]["epochs"] * (1200 // 64) * 64
    trained = estimate(TRAIN[0], study, {}, {TRAIN[0]: 999.0}, TIMED)
    assert trained == Estimate(pytest.approx(10 + images * 0.1 + 1797 * 0.001), PROBE)
    compared = estimate(COMPARE["resnext", "vgg"], study, {}, {}, TIMED)
    assert compared == Estimate(5 + 6 * 2.0, PROBE)
    evaluation = Job("evaluate", ("resnext", "vgg"))
    attacked, inverted = (study.config[name]["samples"] for name in ("attack", "features"))
    shown = attacked * (1 + workload.conditions(study.config)) + 2 * inverted
    expected = Estimate(pytest.approx(10 + 6 * shown * (0.001 + 0.002)), PROBE)
    assert estimate(evaluation, study, {}, {}, TIMED) == expected
    assert estimate(TRAIN[0], study, {}, {}, None) == Estimate(None, UNKNOWN)


def test_a_single_job_takes_what_it_took_last(study):
    job = Job("summarise")
    assert estimate(job, study, {}, {job: 7.0}, TIMED) == Estimate(7.0, LAST)
    assert estimate(job, study, {}, {}, TIMED) == Estimate(None, UNKNOWN)


def test_the_table_adds_up_and_says_what_is_missing():
    jobs = [*TRAIN, COMPARE["vgg", "vgg"], Job("summarise")]
    times = [Estimate(3600.0, PROBE)] * 3 + [Estimate(90.0, HERE), Estimate(None, UNKNOWN)]
    memory = [10**9, 2 * 10**9, 10**9, 3 * 10**8, 10**8]
    stages = by_stage(jobs, times, [10**9, 10**9, 10**9, 10**6, 5000], memory)
    assert [(stage.rule, stage.jobs, stage.seconds) for stage in stages] == [
        ("train", 3, 10800.0),
        ("compare", 1, 90.0),
        ("summarise", 1, None),
    ]
    lines = [" ".join(line.split()) for line in table(stages, gpu=True).splitlines()]
    assert lines[1] == "train 3 3.0 h 3.0 h 2.0 GB 3.0 GB timed now"
    assert lines[2] == "compare 1 90 s 300.0 MB 1.0 MB jobs of this study"
    assert lines[3] == "summarise 1 ? 100.0 MB 5 kB not measured"
    assert lines[4] == "total 5 3.0 h 3.0 h 3.0 GB without what is not measured"
