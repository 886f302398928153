"""Where a job's time goes before its work, and what of a study's time is not work.

    python benchmarks/startup.py                                   # the start of a job of every stage
    python benchmarks/startup.py --study config/config.yaml        # and a run of a study, accounted for
    python benchmarks/startup.py --study config/config.yaml --finished results/fashion_mnist

The run is in a temporary folder. What a finished study spent on orchestration is not known any more:
it is put at as much a job as in the run, against the processor seconds in its benchmark files.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from timing import bar, print_table

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow_scripts"
REPEATS = 5

# What Snakemake puts before the code of a script, but for the pickled job.
PREAMBLE = (
    "import pickle; from snakemake.logging import logger; "
    "from snakemake.iocontainers import Snakemake"
)
# What a job does before its work, and at its end.
IMPORTS = """
import runpy, sys
runpy.run_path({script!r}, run_name="imports")
if "torch" in sys.modules:
    import torch
    from repcompare.networks.devices import prepare_process
    prepare_process(1, torch.device("cpu"))
"""
# Snakemake, and at its end the processor seconds of its own process and of all others.
ACCOUNTED = """
import atexit, json, resource, sys
from pathlib import Path

def report():
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    Path(sys.argv[1]).write_text(json.dumps([u.ru_utime + u.ru_stime for u in usages]))

atexit.register(report)
from snakemake.cli import main
main(sys.argv[2:])
"""


class Start(NamedTuple):
    """Wall seconds and processor seconds of a process, and its peak MiB."""

    wall: float
    cpu: float
    peak: float

    def __sub__(self, before: "Start") -> "Start":
        """What comes on top; the peak is that of the longer one."""
        return Start(self.wall - before.wall, self.cpu - before.cpu, self.peak)


def started(code: str) -> Start:
    """Run code in an interpreter that finds the library."""
    # As Snakemake calls a job's script: by itself NumPy starts a thread for each core.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "PYTHONPATH": str(SCRIPTS)}
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"failed: {code}")
    wall = time.perf_counter() - begin
    return Start(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def starts(codes: dict[str, str]) -> dict[str, Start]:
    """The medians of several starts each, in turn, after one that fills the caches."""
    found: dict[str, list[Start]] = {name: [] for name in codes}
    for turn in range(REPEATS + 1):
        for name, code in codes.items():
            start = started(code)
            if turn:
                found[name].append(start)
    return {
        name: Start(*map(statistics.median, zip(*each, strict=True)))
        for name, each in found.items()
    }


def stages() -> dict[str, Path]:
    """The script of every rule."""
    rules = "".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.smk"))
    )
    return {
        path.stem: path
        for path in sorted(SCRIPTS.glob("*.py"))
        if f"workflow_scripts/{path.name}" in rules
    }


def orchestration(study: Path, imports: dict[str, float], overhead: float) -> tuple[float, int]:
    """Run a study and print what its processor seconds went to.

    Args:
        study: its config.
        imports: processor seconds that the imports of each stage's script take.
        overhead: those of the interpreter and the preamble.

    Returns:
        The seconds that were neither imports nor work, and the number of jobs.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, usage = Path(name), Path(name) / "usage.json"
        command = [sys.executable, "-c", ACCOUNTED, usage, "--cores", "2", "--quiet", "all"]
        command += ["--snakefile", ROOT / "Snakefile", "--directory", folder]
        command += ["--workflow-profile", ROOT / "profiles" / "default", "--configfile", study]
        begin = time.perf_counter()
        subprocess.run(list(map(str, command)), check=True)
        wall = time.perf_counter() - begin
        own, children = json.loads(usage.read_text(encoding="utf-8"))
        jobs = [path.parts[0] for path in logs_below(folder)]
    importing = sum(imports[stage] for stage in jobs)
    spent = own + len(jobs) * overhead
    total = own + children
    shares = {
        "Snakemake itself": own,
        "interpreters and preambles": len(jobs) * overhead,
        "imports": importing,
        "work": children - len(jobs) * overhead - importing,
    }
    print_table(
        f"{study.stem}: {len(jobs)} jobs, {wall:.0f} s on two cores, {total:.0f} processor seconds",
        ["what", "seconds", "of all"],
        [[what, f"{s:.1f}", f"{s / total:.1%}"] for what, s in shares.items()],
    )
    bar("imports, of a study's processor time", {study.stem: importing / total}, at_most=0.25)
    bar("wall seconds of a study on two cores", {study.stem: wall}, at_most=240)
    return spent, len(jobs)


def logs_below(folder: Path) -> list[Path]:
    """The log of every job of a study, from its stage on; a stage of one job has no folder."""
    (logs,) = folder.glob("results/*/logs")
    return [path.relative_to(logs).with_suffix("") for path in logs.rglob("*.log")]


def finished(results: Path) -> tuple[float, int]:
    """The processor seconds in a finished study's benchmarks, and the number of its jobs.

    A job too short for Snakemake to have seen at work is put at its wall time.
    """
    seconds, files = 0.0, sorted(results.glob("benchmarks/**/*.tsv"))
    for path in files:
        with open(path, newline="", encoding="utf-8") as file:
            row = list(csv.DictReader(file, delimiter="\t"))[-1]
        cpu = row["cpu_time"]
        seconds += float(cpu) if cpu not in ("NA", "-") and float(cpu) > 0 else float(row["s"])
    return seconds, len(files)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row a stage and, if asked, the account of a run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", type=Path, help="the config of a study to run")
    parser.add_argument("--finished", type=Path, nargs="*", default=[], help="results/{study}")
    options = parser.parse_args(arguments)
    scripts = stages()
    bare = starts({"interpreter": "pass", "preamble": PREAMBLE})
    whole = starts(
        {n: f"{PREAMBLE}\n{IMPORTS.format(script=str(path))}" for n, path in scripts.items()}
    )
    preamble = bare["preamble"] - bare["interpreter"]
    imports = {name: start - bare["preamble"] for name, start in whole.items()}
    print_table(
        "Wall seconds (of a processor) before a job's work, "
        f"the interpreter {bare['interpreter'].wall:.3f} ({bare['interpreter'].cpu:.3f}), "
        f"Snakemake's preamble {preamble.wall:.3f} ({preamble.cpu:.3f})",
        ["stage", "imports", "MiB"],
        [[n, f"{s.wall:.2f} ({s.cpu:.2f})", f"{s.peak:.0f}"] for n, s in imports.items()],
    )
    if options.study:
        of_imports = {name: start.cpu for name, start in imports.items()}
        spent, jobs = orchestration(options.study, of_imports, bare["preamble"].cpu)
        for results in options.finished:
            seconds, number = finished(results)
            share = spent / jobs * number / (seconds + spent / jobs * number)
            print(
                f"\n{results.name}: {number} jobs, {seconds:.0f} processor seconds; at "
                f"{spent / jobs:.2f} s a job orchestration is {share:.1%} of all"
            )


if __name__ == "__main__":
    main()
