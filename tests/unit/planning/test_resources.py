"""What jobs ask of a cluster: what small studies need, and more for more images, pixels and units."""

import pytest
from unit.support.study_configs import config

from repcompare.data.catalogue import DATA_SETS
from repcompare.planning.jobs import Job
from repcompare.planning.memory import BYTES
from repcompare.planning.resources import (
    LEAST,
    UNKNOWN,
    Asked,
    Network,
    asked,
    assumed_study,
    too_little,
)
from repcompare.planning.workload import Split
from repcompare.study.config import validate

ATTACK, TRAIN = Job("attack", ("vgg",)), Job("train", ("vgg",))
COMPARE = Job("compare", ("resnext", "vgg"))
OF_STUDY = (
    "prepare_data",
    "summarise",
    "judge_findings",
    "draw_figures",
    "draw_adversarial_examples",
    "draw_feature_gallery",
    "write_report",
)
OWN = "data: {{name: {name}, root: photos, size: {size}, test_samples: 2000}}"


def study(changes=""):
    return assumed_study(validate(config(changes)))


def own(size, name="parquet", changes=""):
    return study(OWN.format(name=name, size=size) + changes)


def test_small_studies_ask_for_the_least():
    of_digits = study("features: {nonrobust: {epsilon: 0.5}}")
    pairs = ("compare", "evaluate", "compare_features", "train_nonrobust")
    for rule, least in LEAST.items():
        names = () if rule in OF_STUDY else ("resnext", "vgg") if rule in pairs else ("vgg",)
        assert asked(Job(rule, names), of_digits, {}) == least, rule
    assert LEAST.keys() == BYTES.keys()
    assert min(least[0] for least in LEAST.values()) >= 2000


def test_images_that_are_not_read_yet_are_known_by_the_config_or_assumed():
    assert study().images == Split(1200, 1200, 597, 8, 1, 10)
    images = own(64).images
    assert (images.size, images.channels, images.test) == (64, 3, 2000)
    assert (images.train, images.classes) == (UNKNOWN.train, UNKNOWN.classes)
    more = OWN.replace("root", "train_samples: 50000, root").format(name="parquet", size=64)
    assert study(more).images.train == 50_000


def test_memory_follows_pixels_images_and_the_batch():
    assert asked(TRAIN, own(224), {}).memory > asked(TRAIN, own(64), {}).memory
    batch = "\ntraining: {batch_size: 256}"
    assert asked(TRAIN, own(224, changes=batch), {}).memory > 2 * asked(TRAIN, own(224), {}).memory
    assert asked(TRAIN, own(224), {}, gpu=True).memory < asked(TRAIN, own(224), {}).memory


def test_memory_and_time_of_a_comparison_follow_the_width_of_the_networks_that_are_there():
    narrow = asked(COMPARE, own(224), {})
    wide = asked(COMPARE, own(224), dict.fromkeys(("resnext", "vgg"), Network(4096, 10**7)))
    assert wide.memory > 2 * narrow.memory
    assert wide.minutes > 4 * narrow.minutes


def test_time_follows_passes_and_pixels_and_is_less_on_a_gpu():
    steps = "\nattack: {steps: 100}"
    assert (
        asked(ATTACK, own(224, changes=steps), {}).minutes > 5 * asked(ATTACK, own(64), {}).minutes
    )
    fast = asked(ATTACK, own(224, changes=steps), {}, gpu=True)
    assert fast.minutes < asked(ATTACK, own(224, changes=steps), {}).minutes / 2


def test_a_job_that_needs_more_than_it_asks_for_is_named_with_what_to_ask_for():
    asks = [Asked(4000, 60), Asked(4000, 60), Asked(4000, 720)]
    held = [5_000_000_000, 6_000_000_000, 1_000_000_000]
    lines = too_little([ATTACK, ATTACK, TRAIN], held, [None, 60.0, 60_000.0], asks)
    assert lines == [
        "attack needs 6000 MB, but asks a cluster for 4000: --set-resources attack:mem_mb=7500",
        "train needs 1000 minutes, but asks a cluster for 720: --set-resources train:runtime=1300",
    ]
    assert too_little([TRAIN], [3_000_000_000], [60.0], asks[2:]) == []


@pytest.mark.parametrize("name", DATA_SETS)
def test_known_data_sets_are_as_they_are(name):
    images = study(f"data: {{name: {name}}}").images
    assert (images.size, images.channels, images.train, images.test) == DATA_SETS[name][:4]
