"""What the jobs of a study ask of a cluster: memory and run time, from what is known while they wait.

Never less than `LEAST`, which small studies need. Above it, what `memory` and `estimate` count, with
the images as far as they are known without being read, and networks of which only the width may be
known: what a network costs is taken to follow the values of its images.

Read while the workflow is parsed: neither torch nor numpy is imported.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from repcompare.data.catalogue import IDS, DataSet
from repcompare.data.raw_files import facts
from repcompare.names import REPRESENTATION, layer_order
from repcompare.planning import estimate, memory
from repcompare.planning.estimate import Timed
from repcompare.planning.jobs import Job
from repcompare.planning.workload import Numbers, Passes, Sizes, Study, study_of
from repcompare.registry import known

# Megabytes and minutes.
LEAST = {
    "prepare_data": (2000, 60),
    "train": (4000, 720),
    "import_model": (4000, 60),
    "import_activations": (4000, 60),
    "dump_activations": (4000, 60),
    "describe": (4000, 60),
    "attack": (4000, 240),
    "extract_features": (4000, 240),
    "compare": (4000, 60),
    "evaluate": (4000, 60),
    "compare_features": (4000, 60),
    "make_nonrobust": (8000, 240),
    "train_nonrobust": (4000, 720),
    "summarise": (4000, 60),
    "judge_findings": (8000, 60),
    "draw_figures": (2000, 30),
    "draw_adversarial_examples": (2000, 30),
    "draw_feature_gallery": (2000, 30),
    "write_report": (2000, 30),
}
# Of what is counted, so much more is asked for; Snakemake runs beside the job's script.
MARGIN, SNAKEMAKE = 1.25, 250 * memory.MB
TIME_MARGIN = 2
UNITS = {"mem_mb": "MB", "runtime": "minutes"}

# What images are taken to be that are not known before they are read.
UNKNOWN = DataSet(size=224, channels=3, train=10_000, test=10_000, classes=100)
# Bytes that a network holds, and seconds on one core, of a pass of one image, for each of its values.
HELD = Passes(steps=1_000, gradients=1_000, answers=150)
TIMES = Passes(steps=4e-6, gradients=3e-6, answers=1e-6)
# How much faster a GPU is.
GPU = 20
# Seconds of a pair of models compared, and of a model described, if both have 512 units.
COMPARED = 15
START = 5


class Network(NamedTuple):
    """What record.json says of a network: the width of its representation, and its parameters."""

    width: int
    parameters: int


# What is taken for granted of a network before it is there.
TYPICAL = Network(512, 5_000_000)


class Asked(NamedTuple):
    """Megabytes, and minutes."""

    memory: int
    minutes: int


def asked(job: Job, study: Study, networks: Mapping[str, Network], *, gpu: bool = False) -> Asked:
    """What a job asks for.

    Args:
        job: of any rule.
        study: as `assumed_study` has it.
        networks: of the job's architectures, by name, those that are there.
        gpu: whether networks run on a GPU.
    """
    least = Asked(*known(LEAST, job.rule, "stage"))
    sizes = {name: _sizes(study, networks.get(name, TYPICAL), gpu) for name in job.architectures}
    held = MARGIN * memory.needed(job, study, sizes) + SNAKEMAKE
    seconds = 0.0
    if job.architectures:
        numbers = {name: _numbers(study, of) for name, of in sizes.items()}
        each = _times(study, gpu)
        timed = Timed(dict.fromkeys(job.architectures, each), numbers, START, START)
        seconds = estimate.from_timing(job, study, timed)
    return Asked(
        max(least.memory, 100 * math.ceil(held / (100 * memory.MB))),
        max(least.minutes, 10 * math.ceil(TIME_MARGIN * seconds / 600)),
    )


def too_little(
    jobs: Sequence[Job],
    held: Sequence[int],
    seconds: Sequence[float | None],
    asks: Sequence[Asked],
) -> list[str]:
    """What to say where jobs need more memory, or time, than they ask for: a line a rule and resource."""
    more: dict[tuple[str, str], tuple[float, float]] = {}
    for job, size, time, ask in zip(jobs, held, seconds, asks, strict=True):
        for resource, needs, has in (
            ("mem_mb", size / memory.MB, ask.memory),
            ("runtime", (time or 0) / 60, ask.minutes),
        ):
            most, _ = more.get((job.rule, resource), (0, 0))
            if needs > max(has, most):
                more[job.rule, resource] = needs, has
    return [
        f"{rule} needs {needs:.0f} {UNITS[resource]}, but asks a cluster for {has}: "
        f"--set-resources {rule}:{resource}={100 * math.ceil(MARGIN * needs / 100)}"
        for (rule, resource), (needs, has) in more.items()
    ]


def assumed_study(config: Mapping[str, Any]) -> Study:
    """The study of a validated config, its images as far as they are known; the rest as in `UNKNOWN`."""
    both = zip(facts(config["data"]), UNKNOWN, strict=True)
    data = DataSet(*(assumed if fact is None else fact for fact, assumed in both))
    if config["data"]["name"] == IDS:
        data = data._replace(size=0, channels=0)
    # More may be there than are assumed.
    least = config["data"]["fit_samples"] + (config["data"]["train_samples"] or 1)
    return study_of(config, data._replace(train=max(data.train, least)))


def _sizes(study: Study, network: Network, gpu: bool) -> Sizes:
    images = study.images
    held = HELD * (0 if gpu else images.pixels)
    layers = layer_order([*study.config["activations"]["layers"], REPRESENTATION])
    widths = dict.fromkeys(layers, network.width)
    return Sizes(memory.FLOAT * network.parameters, widths, images.classes, held)


def _times(study: Study, gpu: bool) -> Passes:
    return TIMES * (study.images.pixels / (GPU if gpu else 1))


def _numbers(study: Study, sizes: Sizes) -> Numbers:
    """Most of the time goes with the third power of the axes that a layer is written along."""
    images = study.images
    pixels = images.channels * min(images.size, memory.LONGEST_SIDE) ** 2
    compared, described = (
        COMPARED * (min(width, max(images.fit, images.test)) / TYPICAL.width) ** 3
        for width in (sizes.width, pixels)
    )
    return Numbers(compared * len(sizes.widths), described, compared)
