"""How much memory the jobs of a study hold at their peak, on a CPU, from the shapes of what is in them.

What grows is counted: images at once, arrays that a stage keeps, widths, classes, models of a block.
What does not is as measured: `python benchmarks/memory.py` compares the sum with real jobs. Of a
network on a GPU only what is not on the card is counted.

Read while the workflow is parsed: neither torch nor numpy is imported.
"""

from collections.abc import Callable, Mapping

from repcompare.data.batches import images_at_once
from repcompare.data.catalogue import DATA_SETS, OWN
from repcompare.planning import workload
from repcompare.planning.jobs import Job
from repcompare.planning.workload import Sizes, Study
from repcompare.registry import known
from repcompare.study import config as study_config
from repcompare.study.networks import imported

MB = 10**6
FLOAT, DOUBLE = 4, 8
# What a process of the stage imports, before its work.
TORCH, NUMBERS, FOREIGN = 580 * MB, 140 * MB, 100 * MB
# Copies of the weights of a network that was read from its file, and of one that was folded too.
LOADED, FOLDED = 4, 6.5
# Copies in a training: weights, gradients, momentum, what is saved.
TRAINED = 6
# Arrays of the images of a batch as floats, beside what the network keeps of them.
SEARCHED = 12
# Of arrays read or written a part at a time: bytes of a part of images, rows of a representation.
READ, ROWS = 64 * 2**20, 4096
BLOCK = 16 * 2**20
# Groups of samples, and the samples that are compared each with each other.
GROUPS, SUBSAMPLE = 16, 2000
# Matrices by group are kept up to so many bytes, and so are rows of float32 of half as many; of what
# is larger the rows are kept whatever they are.
KEPT = 64 * 2**20
# Layers of more axes are wide: nothing is kept of them without a group, but their whitened rows are.
WIDE = 256
# Parts of the samples that a layer is looked at on: without each group, and fewer and fewer.
PARTS = GROUPS + 4
# Matrices of a pair beside those by groups, those of its maps, and what LAPACK works in.
OF_PAIR, OF_FIT, WORK = 16, 8, 5
# Each sample of the subsample with each other, while distances are ranked.
DISTANCES = 6
LONGEST_SIDE = 32
# Of a factor of flattened maps, and the units that it is updated with at a time.
FLATTENED, UNITS_PER_BLOCK = 8, 1024
# Of the networks' evaluation while they are trained or imported, and of non-robust features.
BATCH = 500

Bytes = Callable[[Study, Job, list[Sizes]], float]


def needed(job: Job, study: Study, sizes: Mapping[str, Sizes]) -> int:
    """Bytes that a job holds at its peak.

    Args:
        job: one of the study.
        study: that is planned.
        sizes: of the architectures of the job, by name.
    """
    of_job = [sizes[name] for name in job.architectures]
    return int(known(BYTES, job.rule, "stage")(study, job, of_job))


def _prepare_data(study: Study, job: Job, sizes: list[Sizes]) -> float:
    data, images = study.config["data"], study.images
    number = images.train + data["fit_samples"] + images.test
    stored = 3 * min(BLOCK, number * images.pixels)
    if data["name"] in DATA_SETS:
        # They come whole, and most by way of torchvision.
        base = NUMBERS if data["name"] == "digits" else TORCH
        return base + 3 * number * images.pixels + stored
    # Photographs of a camera are decoded one by one.
    decoded = 200 * MB if "size" in OWN[data["name"]] else 0
    return NUMBERS + decoded + stored + 300 * number


def _train(study: Study, job: Job, sizes: list[Sizes]) -> float:
    network, images = sizes[-1], study.images
    settings = study_config.training_settings(study.config, job.architectures[-1])
    batch = min(settings["batch_size"], images.train)
    stored = 2 * images.train * images.pixels
    passing = batch * (network.memory.steps + SEARCHED * images.pixels * FLOAT)
    if settings["adversarial"]:
        passing += batch * network.memory.gradients
    return TORCH + TRAINED * network.weights + stored + passing + _answers(study, BATCH, network)


def _import_model(study: Study, job: Job, sizes: list[Sizes]) -> float:
    (network,) = sizes
    checked = 2 * network.memory.gradients
    return _networks(study, job, sizes, TRAINED) + checked + _answers(study, BATCH, network)


def _import_activations(study: Study, job: Job, sizes: list[Sizes]) -> float:
    images = study.images
    # An .npz or .safetensors file is read whole; all that is stored of it may be all that it holds.
    whole = (images.fit + images.test) * sum(sizes[0].widths.values()) * FLOAT
    return NUMBERS + whole + 2 * READ + _flattening(study)


def _dump_activations(study: Study, job: Job, sizes: list[Sizes]) -> float:
    (network,) = sizes
    before = _networks(study, job, sizes, TRAINED) + _flattening(study)
    return before + _answers(study, study.config["activations"]["batch_size"], network)


def _flattening(study: Study) -> float:
    """A triangular factor of as many rows as images, and what updates it."""
    if study.config["activations"]["pool"] != "flatten":
        return 0
    n = study.images.test
    return FLATTENED * n * max(n, UNITS_PER_BLOCK) * DOUBLE


def _attack(study: Study, job: Job, sizes: list[Sizes]) -> float:
    attack = study.config["attack"]
    balls = max(number for number, _ in workload.searches(study.config))
    kept = balls * (1 if attack["quantise"] else FLOAT)
    return _search(study, job, sizes, attack["batch_size"], attack["samples"], kept)


def _extract_features(study: Study, job: Job, sizes: list[Sizes]) -> float:
    section = study.config["features"]
    # A gradient, two starts and what was found of them.
    return _search(study, job, sizes, section["batch_size"], section["samples"], kept=6 * FLOAT)


def _make_nonrobust(study: Study, job: Job, sizes: list[Sizes]) -> float:
    return _search(study, job, sizes, BATCH, study.images.train, kept=1, in_memory=0) + READ


def _search(
    study: Study,
    job: Job,
    sizes: list[Sizes],
    batch_size: int,
    samples: int,
    kept: int,
    in_memory: int = 1,
) -> float:
    """Images searched a batch at a time, `kept` bytes a value of a batch until it is stored."""
    (network,), images = sizes, study.images
    batch = min(samples, images_at_once(batch_size, images.shape))
    each = network.memory.gradients + (SEARCHED * FLOAT + kept) * images.pixels
    found = max(batch * each, _answers(study, batch_size, network, samples))
    return _networks(study, job, sizes, FOLDED) + found + in_memory * samples * images.pixels


def _evaluate(study: Study, job: Job, sizes: list[Sizes]) -> float:
    config = study.config
    samples, inverted = (study_config.samples(config, name) for name in ("attack", "features"))
    largest = max(sizes, key=lambda one: one.memory.answers)
    folded = (FOLDED - LOADED) * max(one.weights for one in sizes)
    clean = samples * study.images.pixels
    batch_size = config["evaluation"]["batch_size"]
    shown = _answers(study, batch_size, largest, max(samples, inverted))
    return _networks(study, job, sizes, LOADED) + folded + clean + shown


def _compare_features(study: Study, job: Job, sizes: list[Sizes]) -> float:
    config, images = study.config, study.images
    attacked, inverted = (study_config.samples(config, name) for name in ("attack", "features"))
    samples = max(attacked, inverted)
    # Two arrays of vectors, as they are and at length 1, and what is made on the way.
    aligned = 8 * min(samples * images.pixels * DOUBLE, READ)
    widest = max(one.width for one in sizes)
    matched = _held(study, job, sizes, parts=1) + _square(_size(images.test, widest), of_pair=4)
    return NUMBERS + attacked * images.pixels + matched + max(aligned, WORK * widest**2 * DOUBLE)


def _describe(study: Study, job: Job, sizes: list[Sizes]) -> float:
    (network,), images = sizes, study.images
    width, pixels = network.width, images.channels * min(images.size, LONGEST_SIDE) ** 2
    own = _layer(images.test, width, images.classes, parts=1) + _fit(images.fit, width)
    controls = max(_control(study, source, width) for source in (width, pixels))
    floats = 3 * min(READ, min(ROWS, max(images.fit, images.test)) * images.pixels * FLOAT)
    return NUMBERS + own + controls + floats


def _control(study: Study, source: int, target: int) -> float:
    """A representation mapped from what has learnt nothing, of the width `source`."""
    images, families = study.images, len(study_config.families(study.config))
    size = _size(images.test, source)
    between = (
        _pair(size, _size(images.test, target), of_pair=2) + families * source * target * DOUBLE
    )
    held = _layer(images.test, source, images.classes, parts=1) + _fit(images.fit, source)
    working = max(WORK * size**2 * DOUBLE, _chunk(study, source, target))
    return held + between + working


def _compare(study: Study, job: Job, sizes: list[Sizes]) -> float:
    config, images = study.config, study.images
    parts = PARTS if {"svcca", "pwcca"} & set(study_config.measures(config)) else 1
    held = _held(study, job, sizes, parts)
    widest = max(one.width for one in sizes)
    maps = 2 * len(study_config.families(config)) * sizes[0].width * sizes[-1].width * DOUBLE
    matrix = _size(images.fit, widest) ** 2 * DOUBLE
    fit = OF_FIT * matrix + max(_chunk(study, widest, widest), WORK * matrix)
    distances = DISTANCES * min(images.test, SUBSAMPLE) ** 2 * DOUBLE
    others = crossed = 0.0
    layers = [width for one in sizes for width in list(one.widths.values())[:-1]]
    if layers:
        of_layer = _layer(images.test, max(layers), images.classes, parts)
        others = _models(study, job) * of_layer + _square(_size(images.test, max(layers)), OF_PAIR)
    if study_config.layer_pairs(config, *job.architectures):
        widths = [width for one in (sizes[0], sizes[-1]) for width in one.widths.values()]
        crossed = sum(_layer(images.test, width, images.classes, parts=1) for width in widths)
        crossed += _square(_size(images.test, widest), of_pair=2)
    pair = _square(_size(images.test, widest), OF_PAIR)
    return NUMBERS + held + pair + maps + max(fit, distances, others, crossed)


def _summarise(study: Study, job: Job, sizes: list[Sizes]) -> float:
    return 170 * MB + 2_500 * _all_models(study) ** 2


def _judge_findings(study: Study, job: Job, sizes: list[Sizes]) -> float:
    return 210 * MB + 20_000 * _all_models(study) ** 2


def _draw_figures(study: Study, job: Job, sizes: list[Sizes]) -> float:
    return 280 * MB + 32_000 * _all_models(study) ** 2


def _draw_gallery(study: Study, job: Job, sizes: list[Sizes]) -> float:
    attacked, inverted = (
        study_config.samples(study.config, name) for name in ("attack", "features")
    )
    samples = max(attacked, inverted)
    shown = study.config["report"]["examples"] * 5
    return 200 * MB + (samples + 10 * shown * FLOAT) * study.images.pixels


def _write_report(study: Study, job: Job, sizes: list[Sizes]) -> float:
    return 230 * MB + 30_000 * _all_models(study) ** 2


def _networks(study: Study, job: Job, sizes: list[Sizes], copies: float) -> float:
    """The base of a job that runs networks, all models of a block among them."""
    entries = [study.config["architectures"][name] for name in job.architectures]
    base = TORCH + (FOREIGN if any(map(imported, entries)) else 0)
    if job.rule == "evaluate":
        weights = sum(number * one.weights for number, one in _numbers(study, job, sizes))
    else:
        weights = sizes[0].weights
    return base + copies * weights


def _answers(study: Study, batch_size: int, network: Sizes, samples: int | None = None) -> float:
    """Images shown to a network, read a part at a time."""
    images = study.images
    number = images.test if samples is None else samples
    batch = min(number, images_at_once(batch_size, images.shape))
    return batch * (network.memory.answers + FLOAT * images.pixels) + min(
        READ, number * images.pixels
    )


def _held(study: Study, job: Job, sizes: list[Sizes], parts: int) -> float:
    """The representations of all models of a block, on both splits."""
    images = study.images
    return sum(
        number
        * (_layer(images.test, one.width, images.classes, parts) + _fit(images.fit, one.width))
        for number, one in _numbers(study, job, sizes)
    )


def _numbers(study: Study, job: Job, sizes: list[Sizes]) -> list[tuple[int, Sizes]]:
    """The models of each architecture of a block."""
    each = dict(zip(job.architectures, sizes, strict=True))
    return [(len(study_config.seeds(study.config, name)), one) for name, one in each.items()]


def _models(study: Study, job: Job) -> int:
    return sum(len(study_config.seeds(study.config, name)) for name in set(job.architectures))


def _all_models(study: Study) -> int:
    return len(study_config.models(study.config))


def _size(n: int, width: int) -> int:
    """The axes that a layer of n images is written along."""
    return width if n > width else max(1, n - 1)


def _layer(n: int, width: int, classes: int, parts: int) -> float:
    """A layer on the test split: its rows, sums by group and class, and what parts of the samples keep."""
    size, subsample = _size(n, width), min(n, SUBSAMPLE)
    wide = size > WIDE
    matrices = _by_group(size, size) + 2
    rows = 0 if 2 * FLOAT * n * width > KEPT and _by_group(size, size) else n * width
    if parts > 1:
        matrices += 0 if wide else parts
        rows += n * size if wide else 0
    of_classes = (GROUPS + parts) * classes * size
    axes = 0 if n > width else width * size
    whole = matrices * size**2 + of_classes + axes + 2 * subsample * size
    return whole * DOUBLE + (rows + subsample**2 / 2) * FLOAT


def _by_group(size: int, other: int) -> int:
    """The matrices of a shape that are kept of the groups: one of each, or none."""
    return GROUPS if GROUPS * size * other * DOUBLE <= KEPT else 0


def _square(size: int, of_pair: int) -> float:
    return _pair(size, size, of_pair)


def _pair(size: int, other: int, of_pair: int) -> float:
    """Matrices between two layers, `of_pair` beside those by groups."""
    return (_by_group(size, other) + of_pair) * size * other * DOUBLE


def _fit(n: int, width: int) -> float:
    """A factorisation: scatter and basis."""
    size = _size(n, width)
    return (2 * size**2 + (0 if n > width else width * size)) * DOUBLE


def _chunk(study: Study, source: int, target: int) -> float:
    """Rows of two representations, as they are read and as they are multiplied."""
    rows = min(ROWS, max(study.images.fit, study.images.test))
    return rows * (source + target) * (FLOAT + 3 * DOUBLE)


BYTES: dict[str, Bytes] = {
    "prepare_data": _prepare_data,
    "train": _train,
    "import_model": _import_model,
    "import_activations": _import_activations,
    "dump_activations": _dump_activations,
    "describe": _describe,
    "attack": _attack,
    "extract_features": _extract_features,
    "compare": _compare,
    "evaluate": _evaluate,
    "compare_features": _compare_features,
    "make_nonrobust": _make_nonrobust,
    "train_nonrobust": _train,
    "summarise": _summarise,
    "judge_findings": _judge_findings,
    "draw_figures": _draw_figures,
    "draw_adversarial_examples": _draw_gallery,
    "draw_feature_gallery": _draw_gallery,
    "write_report": _write_report,
}
