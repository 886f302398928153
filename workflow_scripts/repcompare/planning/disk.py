"""How large the files of a study will be, from the shapes of what is in them.

Arrays are exact but for compression, which is not counted on: images may take less. What rows of a
table, HDF5 objects and Snakemake's records take is as measured in finished studies.
"""

from collections.abc import Callable, Mapping
from typing import Any

from repcompare.geometry.catalogue import MEASURES
from repcompare.planning import workload
from repcompare.planning.jobs import Job
from repcompare.planning.workload import Sizes, Study
from repcompare.registry import known
from repcompare.storage.hdf5 import row_chunk
from repcompare.study import config as study_config
from repcompare.study.networks import RANDOM
from repcompare.vocabulary import DENOMINATORS

HALF, FLOAT, DOUBLE, INTEGER = 2, 4, 8, 8
# Header, attributes and place in its group of one HDF5 data set; a group counts as one.
HDF5_OBJECT = 1_100
# A row of a block's table, with its digests, and of the study's.
ROWS = {"geometry": 290, "maps": 425, "classes": 80, "convergence": 80, "features": 146}
TABLE_ROWS = {"geometry": 190, "maps": 290, "classes": 58, "features": 146, "transfer": 175}
PAIR_ROW = 1_050
# What Snakemake records of a job, its log and its benchmark.
RECORDS = 25_000
RECORD, EPOCH = 2_000, 150
FIGURES, REPORT, FINDINGS = 10_000_000, 8_000_000, 50_000

# What networks are shown of each other.
SHOWN = ("attack", "features")

Size = Callable[[Study, Job, list[Sizes]], int]


def needed(job: Job, study: Study, sizes: Mapping[str, Sizes]) -> int:
    """Bytes that a job will write, Snakemake's records among them.

    Args:
        job: one of the study.
        study: that is planned.
        sizes: of every architecture of the study, by name.
    """
    of_job = [sizes[name] for name in job.architectures]
    return RECORDS + known(BYTES, job.rule, "stage")(study, job, of_job)


def _dataset(study: Study, job: Job, sizes: list[Sizes]) -> int:
    images = study.images
    number = images.train + study.config["data"]["fit_samples"] + images.test
    return number * (images.pixels + 2 * INTEGER)


def _train(study: Study, job: Job, sizes: list[Sizes]) -> int:
    epochs = study_config.training_settings(study.config, job.architectures[0])["epochs"]
    return sizes[0].weights + RECORD + EPOCH * epochs


def _import_model(study: Study, job: Job, sizes: list[Sizes]) -> int:
    return sizes[0].weights + RECORD


def _activations(study: Study, job: Job, sizes: list[Sizes]) -> int:
    images = study.images
    each = sizes[0].width + sizes[0].classes
    # Before the training, if there was one.
    if study.config["architectures"][job.architectures[0]].get("weights") != RANDOM:
        each += sizes[0].width
    objects = 2 * (len(sizes[0].widths) + 4) + 5
    rows = sum(map(_stored, (images.fit, images.test))) * (each * FLOAT + 2 * INTEGER)
    rows += _other_layers(study, sizes[0])
    return rows + sizes[0].classes * sizes[0].width * FLOAT + objects * HDF5_OBJECT


def _own_activations(study: Study, job: Job, sizes: list[Sizes]) -> int:
    images, each = study.images, sizes[0].width
    rows = sum(map(_stored, (images.fit, images.test))) * (each * FLOAT + 2 * INTEGER)
    rows += _other_layers(study, sizes[0])
    return rows + 2 * (len(sizes[0].widths) + 2) * HDF5_OBJECT + RECORD


def _other_layers(study: Study, sizes: Sizes) -> int:
    """Flattened ones are of the test images alone."""
    images, each = study.images, sum(sizes.widths.values()) - sizes.width
    flattened = study.config["activations"]["pool"] == "flatten"
    splits = (images.test,) if flattened else (images.fit, images.test)
    return sum(map(_stored, splits)) * each * FLOAT


def _stored(n: int) -> int:
    """Rows that activations of n images take: whole chunks."""
    (chunk,) = row_chunk((n,))
    return -(-n // chunk) * chunk


def _describe(study: Study, job: Job, sizes: list[Sizes]) -> int:
    return ROWS["maps"] * (len(sizes[0].widths) + 2 * len(study_config.families(study.config)))


def _attack(study: Study, job: Job, sizes: list[Sizes]) -> int:
    n, pixels = study.config["attack"]["samples"], study.images.pixels
    stored = workload.conditions(study.config)
    steps = sum(balls * steps for balls, steps in workload.searches(study.config))
    value = 1 if study.config["attack"]["quantise"] else FLOAT
    each = value * pixels + INTEGER + 2 * FLOAT + 1 + 2 * DOUBLE
    image = stored * each + steps * (FLOAT + 1) + 3 * INTEGER
    return n * image + 10 * stored * HDF5_OBJECT


def _features(study: Study, job: Job, sizes: list[Sizes]) -> int:
    n, pixels, width = study.config["features"]["samples"], study.images.pixels, sizes[0].width
    found = workload.STARTS * (pixels + (width + 1) * FLOAT)
    each = pixels * HALF + width * FLOAT + found + 4 * INTEGER
    return n * each + 16 * HDF5_OBJECT


def _compare(study: Study, job: Job, sizes: list[Sizes]) -> int:
    a, b = sizes[0], sizes[-1]
    pairs = workload.pairs(study.config, *job.architectures)
    families = len(study_config.families(study.config))
    maps = families * (2 * a.width * b.width + a.width + b.width) * FLOAT
    objects = 2 * (3 * families + 1) * HDF5_OBJECT
    rows = 2 * families * (ROWS["maps"] + ROWS["classes"] * a.classes)
    rows += _geometry_rows(study.config, a, b) * ROWS["geometry"]
    crossed = len(study_config.layer_pairs(study.config, *job.architectures))
    crossed *= len(a.widths) * len(b.widths) * ROWS["geometry"]
    return pairs * (maps + objects + rows) + crossed + 50 * ROWS["convergence"]


def _evaluation(study: Study, job: Job, sizes: list[Sizes]) -> int:
    attacked, inverted = (study_config.samples(study.config, name) for name in SHOWN)
    answers = attacked * 2 * FLOAT
    widths = (sizes[0].width + sizes[-1].width) / 2
    # A compressed data set has an index of its chunks.
    each = answers * workload.conditions(study.config) + 12 * HDF5_OBJECT
    each += int(workload.STARTS * inverted * widths * HALF)
    pairs = 2 * workload.pairs(study.config, *job.architectures)
    return pairs * each + len(sizes) * (answers + 3 * HDF5_OBJECT)


def _compare_features(study: Study, job: Job, sizes: list[Sizes]) -> int:
    pairs = workload.pairs(study.config, *job.architectures)
    return pairs * _feature_rows(study.config) * ROWS["features"]


def _nonrobust_images(study: Study, job: Job, sizes: list[Sizes]) -> int:
    images = study.images
    return images.train * (images.pixels + INTEGER)


def _tables(study: Study, job: Job, sizes: list[Sizes]) -> int:
    config, blocks = study.config, study_config.blocks(study.config)
    compared = sum(workload.pairs(config, a, b) for a, b in blocks)
    shown = study_config.blocks(config, *SHOWN)
    attacked = sum(workload.pairs(config, a, b) for a, b in shown)
    families, layers = len(study_config.families(config)), len(config["activations"]["layers"])
    rows = 2 * (families * TABLE_ROWS["maps"] + PAIR_ROW)
    rows += layers * _measures(config) * TABLE_ROWS["geometry"]
    transfer = 2 * len(DENOMINATORS) * workload.conditions(config) * TABLE_ROWS["transfer"]
    features = _feature_rows(config) * TABLE_ROWS["features"]
    classes = 2 * len(blocks) * families * study.images.classes * TABLE_ROWS["classes"]
    return compared * rows + attacked * (transfer + features) + classes


def _fixed(size: int) -> Size:
    return lambda study, job, sizes: size


def _measures(config: Mapping[str, Any]) -> int:
    """Rows of geometry of a pair and layer: a directed measure has two."""
    return sum(1 + MEASURES[name].directed for name in study_config.measures(config))


def _geometry_rows(config: Mapping[str, Any], a: Sizes, b: Sizes) -> int:
    return len(a.widths.keys() & b.widths.keys()) * _measures(config)


def _feature_rows(config: Mapping[str, Any]) -> int:
    """Rows of a pair: two measures, two a ball, and two each way for every start."""
    if config["features"] is None:
        return 0
    balls = workload.searches(config)[0][0] if config["attack"] else 0
    return 2 + 2 * balls + 4 * workload.STARTS


BYTES: dict[str, Size] = {
    "prepare_data": _dataset,
    "train": _train,
    "import_model": _import_model,
    "import_activations": _own_activations,
    "dump_activations": _activations,
    "describe": _describe,
    "attack": _attack,
    "extract_features": _features,
    "compare": _compare,
    "evaluate": _evaluation,
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
