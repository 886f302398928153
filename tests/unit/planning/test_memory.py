"""The memory of a job follows the shapes of what is in it, by the numbers of the code that holds it."""

import pytest
from unit.support.study_configs import config

from repcompare.data.catalogue import DATA_SETS, DataSet
from repcompare.maps import pixels
from repcompare.planning import memory
from repcompare.planning.jobs import Job
from repcompare.planning.workload import Passes, Sizes, study_of
from repcompare.representations import groups, moments, pair, representation
from repcompare.stages import prepare_data
from repcompare.statistics import jackknife
from repcompare.storage import hdf5
from repcompare.study.config import validate

PHOTOGRAPHS = DataSet(size=224, channels=3, train=10_000, test=2_000, classes=10)
NETWORK = Sizes(20_000_000, {"penultimate": 512}, 10, Passes(3e6, 2e6, 1e6))
OF_MODEL = ("dump_activations", "attack", "extract_features", "describe")
OF_BLOCK = ("compare", "evaluate", "compare_features")


def needed(rule, changes="", data=DATA_SETS["digits"], network=NETWORK) -> int:
    study = study_of(validate(config(changes)), data)
    names = ("vgg",) if rule in (*OF_MODEL, "train") else ("resnext", "vgg")
    return memory.needed(Job(rule, names), study, dict.fromkeys(names, network))


@pytest.mark.parametrize("rule", ["describe", "compare", "compare_features"])
def test_memory_of_a_comparison_follows_the_square_of_the_width_up_to_the_images(rule):
    def growth(data):
        one, other = (NETWORK._replace(widths={"penultimate": width}) for width in (1024, 2048))
        return needed(rule, data=data, network=other) - needed(rule, data=data, network=one)

    few, many = (PHOTOGRAPHS._replace(train=n, test=n) for n in (1000, 50_000))
    assert growth(many) > 8 * 8 * (2048**2 - 1024**2)
    assert growth(few) < growth(many) / 3


@pytest.mark.parametrize(("width", "gibibytes"), [(2048, 2), (4096, 4)])
def test_a_pair_of_wide_layers_asks_for_gibibytes_and_not_for_what_sixteen_groups_would_take(
    width, gibibytes
):
    """As `benchmarks/wide.py` measures it: two layers on 10,000 images and what is between them."""
    held = 2 * memory._layer(10_000, width, classes=10, parts=memory.PARTS)
    asked = memory.NUMBERS + held + memory._square(width, memory.OF_PAIR)
    assert 0.5 < asked / (gibibytes * 2**30) < 1.1
    groups = 3 * memory.GROUPS * width**2 * memory.DOUBLE
    assert asked < groups if width == 4096 else asked < 1.2 * groups


@pytest.mark.parametrize("rule", ["attack", "extract_features", "dump_activations"])
def test_memory_of_a_network_follows_the_images_at_once_and_what_each_holds(rule):
    costly = NETWORK._replace(memory=NETWORK.memory * 10)
    section = "activations" if rule == "dump_activations" else rule.removeprefix("extract_")
    one = f"{section}: {{batch_size: 1}}"
    assert needed(rule, network=costly) > 2 * needed(rule)
    assert needed(rule, one, network=costly) < needed(rule, network=costly) / 2
    # Of large images fewer are computed at once.
    assert needed(rule, data=PHOTOGRAPHS, network=costly) < needed(rule, network=costly)


def test_training_holds_its_images_twice_and_its_batch_as_it_is_given():
    more = PHOTOGRAPHS._replace(train=11_000)
    held = needed("train", data=more) - needed("train", data=PHOTOGRAPHS)
    assert held == 2 * 1000 * 3 * 224**2
    large = needed("train", "training: {batch_size: 128}", PHOTOGRAPHS)
    assert large - needed("train", data=PHOTOGRAPHS) > 64 * NETWORK.memory.steps


def test_clean_images_of_an_attack_are_held_whole_and_test_images_in_parts():
    section = "attack: {samples: 590}"
    more = needed("attack", section, PHOTOGRAPHS) - needed("attack", data=PHOTOGRAPHS)
    assert more == 90 * 3 * 224**2
    parts = PHOTOGRAPHS._replace(test=100_000)
    assert needed("dump_activations", data=parts) == needed("dump_activations", data=PHOTOGRAPHS)


@pytest.mark.parametrize("rule", OF_BLOCK)
def test_memory_of_a_block_follows_its_models(rule):
    few, many = "seeds: [0]", "seeds: [0, 1, 2, 3]"
    assert needed(rule, many, PHOTOGRAPHS) > 1.2 * needed(rule, few, PHOTOGRAPHS)


def test_classes_count_by_group_where_layers_are_wide():
    many = PHOTOGRAPHS._replace(classes=1000)
    held = needed("compare", data=many) - needed("compare", data=PHOTOGRAPHS)
    assert held > 5 * 16 * 990 * 512 * 8


def test_the_numbers_are_those_of_the_code_that_holds_the_memory():
    assert memory.GROUPS == jackknife.GROUPS
    assert memory.SUBSAMPLE == representation.SUBSAMPLE
    assert memory.ROWS == moments.ROWS_PER_CHUNK
    assert memory.KEPT == groups.MOST_BYTES
    assert memory.WIDE == pair.WIDE
    assert memory.READ == hdf5.BYTES_PER_READ
    assert memory.BLOCK == prepare_data.BYTES
    assert memory.LONGEST_SIDE == pixels.LONGEST_SIDE
