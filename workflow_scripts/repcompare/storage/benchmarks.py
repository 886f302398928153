"""What Snakemake measured of a job: files that nothing is made from, and that no digest guards."""

import csv
import logging
import os
from typing import NamedTuple

LOG = logging.getLogger(__name__)


class Cost(NamedTuple):
    """Wall seconds of a job's last run, and its peak of memory in MiB; NaN if it was too short."""

    seconds: float
    peak: float


def read_benchmark(path: str | os.PathLike) -> Cost | None:
    """What a benchmark file says; None, and a warning, of one that is emptied or damaged.

    A study goes on without it: it is of no result.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            last = list(csv.DictReader(file, delimiter="\t"))[-1]
        return Cost(_number(last["s"]), _number(last["max_rss"]))
    except (ValueError, LookupError, TypeError, csv.Error) as error:
        LOG.warning("%s: not a benchmark file, left out of the costs: delete it (%r)", path, error)
        return None


def _number(text: str) -> float:
    return float("nan") if text in ("-", "NA") else float(text)
