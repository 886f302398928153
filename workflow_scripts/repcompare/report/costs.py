"""What the jobs of each stage cost."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from repcompare.storage.benchmarks import read_benchmark


def read_costs(benchmarks: Iterable[Path]) -> pd.DataFrame:
    """What each stage cost, from Snakemake's benchmark files, the costliest stage first.

    Args:
        benchmarks: files named `…/benchmarks/{stage}/….tsv`; those that are damaged are left out.

    Returns:
        `stage`, `jobs`, `seconds` (summed over its jobs) and `peak_mib` (of its largest job; NaN
        where the jobs were too short to be measured).
    """
    rows = []
    for path in map(Path, benchmarks):
        parts = path.parts
        after = len(parts) - parts[::-1].index("benchmarks") if "benchmarks" in parts else -1
        if cost := read_benchmark(path):
            rows.append({"stage": Path(parts[after]).stem, **cost._asdict()})
    frame = pd.DataFrame(rows, columns=["stage", "seconds", "peak"])
    costs = frame.groupby("stage").agg(
        jobs=("seconds", "size"), seconds=("seconds", "sum"), peak_mib=("peak", "max")
    )
    return costs.sort_values("seconds", ascending=False).reset_index()
