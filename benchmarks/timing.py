"""Fair ratios: what is compared runs in turn, and what is divided ran in the same turn."""

import json
import os
import platform
import resource
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

# A file that gathers the bars of several benchmarks, for `bars.py`; without it they are not kept.
BARS = "REPCOMPARE_BARS"
REPEATS = 5


class Ratio(NamedTuple):
    """The median, lowest and highest of a ratio over the turns."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """`2.31 (2.20–2.44)`."""
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"


def timed(run: Callable[[], object]) -> float:
    """The processor seconds of a piece of work, those of processes that it starts and awaits too.

    Not wall seconds: other work on the machine would count, and more cores than a job has.
    """
    start = spent()
    run()
    return spent() - start


def spent() -> float:
    """The processor seconds of this process and of those that it awaited, so far."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def turns(
    work: Mapping[str, Callable[[], float]], repeats: int = REPEATS
) -> dict[str, list[float]]:
    """What each piece of work says that it took, all asked in turn `repeats` times after a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, run in work.items():
            taken = run()
            if turn:
                seconds[name].append(taken)
    return seconds


def in_turn(
    work: Mapping[str, Callable[[], object]], repeats: int = REPEATS
) -> dict[str, list[float]]:
    """The processor seconds of each piece of work in this process, turn by turn."""
    return turns({name: partial(timed, run) for name, run in work.items()}, repeats)


def medians(work: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """The median seconds of each piece of work, run `in_turn`."""
    return {name: statistics.median(taken) for name, taken in in_turn(work, repeats).items()}


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """How many times as long one piece of work takes as another, turn by turn."""
    ratios = [one / other for one, other in zip(above, below, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def instructions() -> str:
    """What the processor can do that decides the speed of networks, as far as they may use it."""
    flags = set(cpu().get("flags", "").split())
    if "AVX2" in os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper():
        return "held to AVX2"
    wide = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    has = "with" if flags & {"avx512_bf16", "amx_bf16"} else "without"
    return f"{wide} {has} bfloat16"


def processor() -> str:
    """The processor's name and its instructions."""
    return f"{cpu().get('model name', platform.machine())}, {instructions()}"


def cpu() -> dict[str, str]:
    """What Linux says of the last processor, nothing elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in lines if colon}


def print_table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table under a title that names the processor."""
    print(f"\n{title}; {processor()}\n")
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |")


def bar(
    what: str,
    figures: Mapping[str, float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> None:
    """Keep whether the worst of some figures, by what each is of, meets a bar."""
    path = os.environ.get(BARS)
    if not path:
        return
    limits = [limit for limit in (at_least, at_most) if limit is not None]
    if len(limits) != 1:
        raise ValueError("a bar is either the least or the most")
    worst = (min if at_most is None else max)(figures, key=figures.__getitem__)
    met = figures[worst] >= limits[0] if at_most is None else figures[worst] <= limits[0]
    row = {
        "what": what,
        "bar": f"{'at least' if at_most is None else 'at most'} {limits[0]:g}",
        "worst": worst,
        "figure": figures[worst],
        "met": met,
    }
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
