"""The jobs of a study as Snakemake lists them, and what they cost when they last ran."""

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from repcompare.storage.benchmarks import read_benchmark

# What an output says of its job: a model, a block, or architectures of non-robust features.
OUTPUTS = (
    re.compile(r"/models/(?P<first>[^/]+)/seed(?P<seed>\d+)/"),
    re.compile(r"/blocks/(?P<first>[^/]+)--(?P<second>[^/]+)/"),
    re.compile(r"/nonrobust/(?P<first>[^/]+)--(?P<second>[^/]+)\.json$"),
    re.compile(r"/nonrobust/(?P<first>[^/]+)\.h5$"),
)


class Job(NamedTuple):
    """A rule and its wildcards: up to two architectures, and the seed of a model."""

    rule: str
    architectures: tuple[str, ...] = ()
    seed: int | None = None

    def benchmarks(self, folder: Path) -> list[Path]:
        """The benchmark files of its runs below a study's `benchmarks`."""
        if not self.architectures:
            return sorted((folder / self.rule).glob("*.tsv"))
        name = "--".join(self.architectures)
        if self.seed is not None:
            name += f"/seed{self.seed}"
        path = folder / self.rule / f"{name}.tsv"
        return [path] if path.is_file() else []


def read_jobs(summary: str) -> tuple[list[Job], list[Job]]:
    """The jobs that are due and those whose results stand, in the order of the table.

    Args:
        summary: what `snakemake --summary` prints: tab-separated, one row an output file.
    """
    due: dict[Job, bool] = {}
    for row in csv.DictReader(io.StringIO(summary), delimiter="\t", quoting=csv.QUOTE_NONE):
        due[_job(row["rule"], row["output_file"])] = row["plan"] != "no update"
    return [job for job in due if due[job]], [job for job in due if not due[job]]


def read_seconds(jobs: Iterable[Job], folder: Path) -> dict[Job, float]:
    """Wall seconds of the last run of each job that has a benchmark below `folder`."""
    seconds = {}
    for job in jobs:
        for path in job.benchmarks(folder):
            if cost := read_benchmark(path):
                seconds[job] = cost.seconds
    return seconds


def _job(rule: str, output: str) -> Job:
    for pattern in OUTPUTS:
        if found := pattern.search(output):
            names = found.groupdict()
            seed = names.pop("seed", None)
            return Job(rule, tuple(names.values()), None if seed is None else int(seed))
    return Job(rule)
