"""How large the files of a study will be, from the shapes of what is in them.

Arrays are exact but for compression, which is not counted on: images may take less. What rows of a
table, HDF5 objects and Snakemake's records take is as measured in finished studies.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from repcompare.data.loaders import counted
from repcompare.geometry.catalogue import MEASURES
from repcompare.planning import workload
from repcompare.planning.jobs import Job
from repcompare.registry import known
from repcompare.study import config as study_config
from repcompare.vocabulary import DENOMINATORS

HALF, FLOAT, DOUBLE, INTEGER = 2, 4, 8, 8
# Header, attributes and place in its group of one HDF5 data set; a group counts as one.
HDF5_OBJECT = 1_100
ROWS_PER_CHUNK = 1024
# A row of a block's table, with its digests, and of the study's.
ROWS = {"geometry": 290, "maps": 425, "classes": 80, "convergence": 80, "features": 146}
TABLE_ROWS = {"geometry": 190, "maps": 290, "classes": 58, "features": 146, "transfer": 175}
PAIR_ROW = 1_050
# What Snakemake records of a job, its log and its benchmark.
RECORDS = 25_000
RECORD, EPOCH = 2_000, 150
FIGURES, REPORT, FINDINGS = 10_000_000, 8_000_000, 25_000


class Sizes(NamedTuple):
    """Of one architecture: bytes of its weights' file, width of each layer it stores, by name, and classes.

    The last layer is the representation.
    """

    weights: int
    widths: Mapping[str, int]
    classes: int

    @property
    def width(self) -> int:
        """Components of the representation."""
        return list(self.widths.values())[-1]


def needed(job: Job, config: Mapping[str, Any], sizes: Mapping[str, Sizes]) -> int:
    """Bytes that a job will write, Snakemake's records among them.

    Args:
        config: validated.
        sizes: of every architecture of the study, by name.
    """
    of_job = [sizes[name] for name in job.architectures]
    return RECORDS + known(BYTES, job.rule, "stage")(config, job, of_job)


def _dataset(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    images, data = workload.split(config), counted(config["data"])
    number = images.train + config["data"]["fit_samples"] + data.test
    return number * (images.pixels + 2 * INTEGER)


def _train(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    epochs = study_config.training_settings(config, job.architectures[0])["epochs"]
    return sizes[0].weights + RECORD + EPOCH * epochs


def _activations(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    images = workload.split(config)
    each = sum(sizes[0].widths.values()) + sizes[0].width + sizes[0].classes
    objects = 2 * (len(sizes[0].widths) + 4) + 5
    rows = sum(map(_stored, (images.fit, images.test))) * (each * FLOAT + 2 * INTEGER)
    return rows + sizes[0].classes * sizes[0].width * FLOAT + objects * HDF5_OBJECT


def _stored(n: int) -> int:
    """Rows that activations of n images take: whole chunks."""
    chunk = min(n, ROWS_PER_CHUNK)
    return -(-n // chunk) * chunk


def _describe(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    return ROWS["maps"] * (len(sizes[0].widths) + 2 * len(config["maps"]["families"]))


def _attack(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    n, pixels = config["attack"]["samples"], workload.split(config).pixels
    stored = workload.conditions(config)
    steps = sum(balls * steps for balls, steps in workload.searches(config))
    each = pixels + INTEGER + 2 * FLOAT + 1 + 2 * DOUBLE
    image = stored * each + steps * (FLOAT + 1) + 3 * INTEGER
    return n * image + 10 * stored * HDF5_OBJECT


def _features(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    n, pixels, width = config["features"]["samples"], workload.split(config).pixels, sizes[0].width
    found = workload.STARTS * (pixels + (width + 1) * FLOAT)
    each = pixels * HALF + width * FLOAT + found + 4 * INTEGER
    return n * each + 16 * HDF5_OBJECT


def _compare(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    a, b = sizes[0], sizes[-1]
    pairs, families = workload.pairs(config, *job.architectures), len(config["maps"]["families"])
    maps = families * (2 * a.width * b.width + a.width + b.width) * FLOAT
    objects = 2 * (3 * families + 1) * HDF5_OBJECT
    rows = 2 * families * (ROWS["maps"] + ROWS["classes"] * a.classes)
    rows += _geometry_rows(config, a, b) * ROWS["geometry"]
    crossed = len(study_config.layer_pairs(config, *job.architectures))
    crossed *= len(a.widths) * len(b.widths) * ROWS["geometry"]
    return pairs * (maps + objects + rows) + crossed + 50 * ROWS["convergence"]


def _transfer(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    n, shown = config["attack"]["samples"], 1 + workload.conditions(config)
    each = n * shown * (INTEGER + FLOAT) + 6 * HDF5_OBJECT
    return 2 * workload.pairs(config, *job.architectures) * each


def _compare_features(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    return workload.pairs(config, *job.architectures) * _feature_rows(config) * ROWS["features"]


def _nonrobust_images(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    images = workload.split(config)
    return images.train * (images.pixels + INTEGER)


def _tables(config: Mapping[str, Any], job: Job, sizes: list[Sizes]) -> int:
    blocks = study_config.blocks(config)
    pairs = sum(workload.pairs(config, a, b) for a, b in blocks)
    families, rates = len(config["maps"]["families"]), len(DENOMINATORS)
    classes = next(iter(sizes)).classes if sizes else 10
    ordered = families * TABLE_ROWS["maps"] + PAIR_ROW
    ordered += rates * workload.conditions(config) * TABLE_ROWS["transfer"]
    layers = len(config["activations"]["layers"])
    unordered = 2 * ordered + _feature_rows(config) * TABLE_ROWS["features"]
    unordered += layers * _measures(config) * TABLE_ROWS["geometry"]
    return pairs * unordered + 2 * len(blocks) * families * classes * TABLE_ROWS["classes"]


def _fixed(size: int) -> Callable[[Mapping[str, Any], Job, list[Sizes]], int]:
    return lambda config, job, sizes: size


def _measures(config: Mapping[str, Any]) -> int:
    """Rows of geometry of a pair and layer: a directed measure has two."""
    return sum(1 + MEASURES[name].directed for name in config["geometry"]["measures"])


def _geometry_rows(config: Mapping[str, Any], a: Sizes, b: Sizes) -> int:
    return len(a.widths.keys() & b.widths.keys()) * _measures(config)


def _feature_rows(config: Mapping[str, Any]) -> int:
    """Rows of a pair: two measures, two a ball, and two each way for every start."""
    balls, _ = workload.searches(config)[0]
    return 2 + 2 * balls + 4 * workload.STARTS


BYTES: dict[str, Callable[[Mapping[str, Any], Job, list[Sizes]], int]] = {
    "prepare_data": _dataset,
    "train": _train,
    "dump_activations": _activations,
    "describe": _describe,
    "attack": _attack,
    "extract_features": _features,
    "compare": _compare,
    "evaluate_transfer": _transfer,
    "compare_features": _compare_features,
    "make_nonrobust": _nonrobust_images,
    "train_nonrobust": _fixed(RECORD),
    "summarise": _tables,
    "judge_findings": _fixed(FINDINGS),
    "draw_figures": _fixed(FIGURES),
    "draw_adversarial_examples": _fixed(FIGURES // 10),
    "draw_feature_gallery": _fixed(FIGURES // 10),
    "write_report": _fixed(REPORT),
}
