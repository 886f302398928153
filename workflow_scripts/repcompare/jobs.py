"""The jobs of a study as Snakemake lists them, and what they cost when they last ran."""

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

# What an output says of its job: a model, a block, or architectures of non-robust features.
OUTPUTS = (
    re.compile(r"/models/(?P<first>[^/]+)/seed(?P<second>\d+)/"),
    re.compile(r"/blocks/(?P<first>[^/]+)--(?P<second>[^/]+)/"),
    re.compile(r"/nonrobust/(?P<first>[^/]+)--(?P<second>[^/]+)\.json$"),
    re.compile(r"/nonrobust/(?P<first>[^/]+)\.h5$"),
)


class Job(NamedTuple):
    """A rule and its wildcards: architecture and seed, two architectures, one, or none."""

    rule: str
    wildcards: tuple[str, ...] = ()

    @property
    def architectures(self) -> tuple[str, ...]:
        """The architectures in its wildcards."""
        return tuple(name for name in self.wildcards if not name.isdigit())

    def benchmarks(self, folder: Path) -> list[Path]:
        """The benchmark files of its runs below a study's `benchmarks`."""
        if not self.wildcards:
            return sorted((folder / self.rule).glob("*.tsv"))
        first, *second = self.wildcards
        by_model = folder / self.rule / first / f"seed{''.join(second)}.tsv"
        by_pair = folder / self.rule / f"{'--'.join(self.wildcards)}.tsv"
        return [path for path in (by_model, by_pair) if path.is_file()]


def read_jobs(summary: str) -> tuple[list[Job], list[Job]]:
    """The jobs that are due and those whose results stand, in the order of the table.

    Args:
        summary: what `snakemake --summary` prints: tab-separated, one row an output file.
    """
    due: dict[Job, bool] = {}
    for row in csv.DictReader(io.StringIO(summary), delimiter="\t", quoting=csv.QUOTE_NONE):
        matches = (pattern.search(row["output_file"]) for pattern in OUTPUTS)
        found = next(filter(None, matches), None)
        wildcards = tuple(filter(None, found.groups())) if found else ()
        due[Job(row["rule"], wildcards)] = row["plan"] != "no update"
    return [job for job in due if due[job]], [job for job in due if not due[job]]


def read_seconds(jobs: Iterable[Job], folder: Path) -> dict[Job, float]:
    """Wall seconds of the last run of each job that has a benchmark below `folder`."""
    seconds = {}
    for job in jobs:
        for path in job.benchmarks(folder):
            with open(path, newline="") as file:
                seconds[job] = float(list(csv.DictReader(file, delimiter="\t"))[-1]["s"])
    return seconds
