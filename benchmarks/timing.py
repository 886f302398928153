"""Fair ratios: what is compared runs in turn, in one process, and the medians are compared."""

import statistics
import time
from collections.abc import Callable, Mapping


def medians(work: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """The median seconds of each piece of work, all run in turn `repeats` times after a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, run in work.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def print_table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table under a title."""
    print(f"\n{title}\n")
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |")
