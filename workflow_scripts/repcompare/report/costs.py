"""What the jobs of each stage cost."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd


def read_costs(benchmarks: Iterable[Path]) -> pd.DataFrame:
    """What each stage cost, from Snakemake's benchmark files, the costliest stage first.

    Args:
        benchmarks: files named `…/benchmarks/{stage}/….tsv`.

    Returns:
        `stage`, `jobs`, `seconds` (summed over its jobs) and `peak_mib` (of its largest job; NaN
        where the jobs were too short to be measured).
    """
    rows = []
    for path in map(Path, benchmarks):
        parts = path.parts
        after = len(parts) - parts[::-1].index("benchmarks") if "benchmarks" in parts else -1
        measured = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        seconds, peak = (
            pd.to_numeric(measured[name], errors="coerce") for name in ("s", "max_rss")
        )
        rows.append(
            {"stage": Path(parts[after]).stem, "seconds": seconds.sum(), "peak": peak.max()}
        )
    frame = pd.DataFrame(rows, columns=["stage", "seconds", "peak"])
    costs = frame.groupby("stage").agg(
        jobs=("seconds", "size"), seconds=("seconds", "sum"), peak_mib=("peak", "max")
    )
    return costs.sort_values("seconds", ascending=False).reset_index()
