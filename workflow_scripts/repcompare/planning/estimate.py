"""What running a study would cost: its jobs by stage, their hours and their disk."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from repcompare.planning import workload
from repcompare.planning.jobs import Job
from repcompare.planning.workload import Numbers, Passes, Study
from repcompare.registry import known

# The stages that run networks, and so take a GPU if there is one.
OF_NETWORKS = (
    "train",
    "import_model",
    "dump_activations",
    "attack",
    "extract_features",
    "evaluate",
    "make_nonrobust",
    "train_nonrobust",
)
HERE, PROBE, LAST = "jobs of this study", "timed now", "its last run"
UNKNOWN = "not measured"


class Estimate(NamedTuple):
    """Seconds that a job will hold a core, None if that is not known, and where they are from."""

    seconds: float | None
    source: str


class Timed(NamedTuple):
    """What was timed now: seconds.

    By architecture: `passes` of an image, and `numbers` of a pair of its models. `start_network` of
    a job that runs networks, `start_numbers` of one that does not.
    """

    passes: Mapping[str, Passes]
    numbers: Mapping[str, Numbers]
    start_network: float
    start_numbers: float


class Stage(NamedTuple):
    """The jobs of a rule that are due: seconds (None if unknown) and bytes in all.

    `memory` are the bytes that the largest of them holds.
    """

    rule: str
    jobs: int
    seconds: float | None
    size: int
    memory: int
    sources: tuple[str, ...]


Seconds = Callable[[Job, Study, Timed], float]


def needs_timing(jobs: Iterable[Job], measured: Mapping[Job, float]) -> list[Job]:
    """The jobs of models and blocks that nothing measured is like."""
    return [job for job in jobs if job.architectures and not _like(job, measured)]


def estimate(
    job: Job,
    study: Study,
    measured: Mapping[Job, float],
    last: Mapping[Job, float],
    timed: Timed | None,
) -> Estimate:
    """How long a job will take.

    Args:
        job: one that is due.
        study: that is planned.
        measured: wall seconds of the jobs of this study whose results stand: made with the settings
            and the code of today.
        last: of the last run of every job, whatever has changed since.
        timed: None if nothing could be timed.
    """
    if like := _like(job, measured):
        done = sum(_size(study, one) for one in like)
        return Estimate(sum(like.values()) / done * _size(study, job), HERE)
    if not job.architectures:
        return Estimate(last[job], LAST) if job in last else Estimate(None, UNKNOWN)
    if timed is None:
        return Estimate(None, UNKNOWN)
    return Estimate(from_timing(job, study, timed), PROBE)


def by_stage(
    jobs: Sequence[Job],
    estimates: Sequence[Estimate],
    sizes: Sequence[int],
    memory: Sequence[int],
) -> list[Stage]:
    """The jobs of each rule together, in the order of their first jobs."""
    stages = []
    for rule in dict.fromkeys(job.rule for job in jobs):
        of_rule = [place for place, job in enumerate(jobs) if job.rule == rule]
        seconds = [estimates[place].seconds for place in of_rule]
        known = [one for one in seconds if one is not None]
        sources = Counter(estimates[place].source for place in of_rule)
        stages.append(
            Stage(
                rule,
                len(of_rule),
                sum(known) if len(known) == len(seconds) else None,
                sum(sizes[place] for place in of_rule),
                max(memory[place] for place in of_rule),
                tuple(sources),
            )
        )
    return stages


def table(stages: Sequence[Stage], gpu: bool) -> str:
    """The stages and their totals, as text; a job that holds the GPU holds a core meanwhile.

    Memory is that of the largest job.
    """
    times = ["core time", *(["GPU time"] if gpu else [])]
    header = ["stage", "jobs", *times, "memory", "disk", "time from"]
    rows = [header]
    for stage in stages:
        times = [duration(stage.seconds)]
        if gpu:
            times.append(duration(stage.seconds) if stage.rule in OF_NETWORKS else "")
        sources = ", ".join(stage.sources)
        sizes = in_bytes(stage.memory), in_bytes(stage.size)
        rows.append([stage.rule, str(stage.jobs), *times, *sizes, sources])
    total = [duration(sum(stage.seconds or 0 for stage in stages))]
    if gpu:
        on_gpu = (stage.seconds or 0 for stage in stages if stage.rule in OF_NETWORKS)
        total.append(duration(sum(on_gpu)))
    missing = any(stage.seconds is None for stage in stages)
    size, jobs = sum(stage.size for stage in stages), sum(stage.jobs for stage in stages)
    note = "without what is not measured" if missing else ""
    rows.append(["total", str(jobs), *total, "", in_bytes(size), note])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if place in (0, len(row) - 1) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def duration(seconds: float | None) -> str:
    """In words: seconds, minutes or hours; a question mark for what is not known."""
    if seconds is None:
        return "?"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def _like(job: Job, measured: Mapping[Job, float]) -> dict[Job, float]:
    """The measured jobs that tell how long this one takes: same stage, same architecture."""
    same = {one: seconds for one, seconds in measured.items() if one.rule == job.rule}
    if len(job.architectures) > 1:
        return same
    return {one: s for one, s in same.items() if one.architectures == job.architectures}


def _size(study: Study, job: Job) -> int:
    """What the jobs of a stage differ by: the pairs of a block."""
    if job.rule in ("compare", "evaluate", "compare_features"):
        return workload.pairs(study.config, *job.architectures)
    return 1


def from_timing(job: Job, study: Study, timed: Timed) -> float:
    """Seconds of a job of a model, a block or non-robust features."""
    start = timed.start_network if job.rule in OF_NETWORKS else timed.start_numbers
    return start + known(SECONDS, job.rule, "stage")(job, study, timed)


def _training(job: Job, study: Study, timed: Timed) -> float:
    learner = job.architectures[-1]
    return workload.training(study, learner).seconds(timed.passes[learner])


def _of_model(passes: Callable[[Study], Passes]) -> Seconds:
    def seconds(job: Job, study: Study, timed: Timed) -> float:
        return passes(study).seconds(timed.passes[job.architectures[0]])

    return seconds


def _nothing(job: Job, study: Study, timed: Timed) -> float:
    """Reading a file is as fast as the disk."""
    del job, study, timed
    return 0.0


def _describe(job: Job, study: Study, timed: Timed) -> float:
    return timed.numbers[job.architectures[0]].describe


# A pair of two architectures takes about as long as one pair of each, halved.
def _compare(job: Job, study: Study, timed: Timed) -> float:
    each = sum(timed.numbers[name].compare for name in job.architectures) / 2
    return workload.pairs(study.config, *job.architectures) * each


def _evaluate(job: Job, study: Study, timed: Timed) -> float:
    shown = workload.evaluation(study)
    each = sum(shown.seconds(timed.passes[name]) for name in job.architectures)
    return workload.pairs(study.config, *job.architectures) * each


def _compare_features(job: Job, study: Study, timed: Timed) -> float:
    each = sum(timed.numbers[name].compare_features for name in job.architectures) / 2
    return workload.pairs(study.config, *job.architectures) * each


# What a job of each stage that was never run here takes, but for its start.
SECONDS: dict[str, Seconds] = {
    "train": _training,
    "train_nonrobust": _training,
    "import_model": _of_model(workload.importing),
    "import_activations": _nothing,
    "dump_activations": _of_model(workload.activations),
    "describe": _describe,
    "attack": _of_model(workload.attacks),
    "extract_features": _of_model(workload.features),
    "make_nonrobust": _of_model(workload.nonrobust),
    "compare": _compare,
    "evaluate": _evaluate,
    "compare_features": _compare_features,
}


def in_bytes(size: float) -> str:
    """In words: kB, MB, GB or TB."""
    for unit, least in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= least:
            return f"{size / least:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"
