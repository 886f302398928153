"""Kill the jobs of a study anywhere and call again: does the next call, alone, make the same files?

    python benchmarks/kills.py --kills 40

Each time the results of one job of a finished study are taken away, and the call that makes them
again is ended in the midst of the job: by SIGKILL, of all its processes or of Snakemake alone, whose
job then runs on, by SIGTERM or by SIGINT. Then it is called once more. The study is the tests' tiny
one, or a finished one in the folder `--study`, which is copied.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from timing import print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from workflow.study import WORKFLOW

ROOT = Path(__file__).parents[1]
ALONE = "SIGKILL of Snakemake alone"
KINDS = ("SIGKILL", "SIGTERM", ALONE, "SIGINT")
PATIENCE = 600
# Of two runs of one study these differ: what the jobs cost is on the page.
DIFFERENT = {"report.html"}


@dataclass
class Job:
    """One job of the finished study: its log, what it made, and the seconds between."""

    rule: str
    log: Path
    outputs: list[Path] = field(default_factory=list)
    seconds: float = 0.0

    def measure(self) -> None:
        """Note how long it took, from its first word to its results."""
        words = self.log.read_text(encoding="utf-8").splitlines()[0].split()
        began = datetime.strptime(" ".join(words[:2]), "%Y-%m-%d %H:%M:%S,%f").timestamp()
        ended = max(path.stat().st_mtime for path in self.outputs)
        self.seconds = max(0.05, ended - began)


@dataclass(frozen=True)
class Outcome:
    """What a kill left, and what the next call made of it."""

    rule: str
    kind: str
    in_time: bool
    left: int
    recovered: bool
    still_left: int
    same: bool


def snakemake(*arguments: str) -> list[str]:
    """The command of a call."""
    return [
        *(sys.executable, "-m", "snakemake", *arguments),
        *("--cores", "2", "--configfile", "tiny.yaml"),
    ]


def finished(folder: Path, study: Path | None) -> None:
    """Lay out a finished study in a folder."""
    if study:
        shutil.copytree(study, folder, symlinks=True)
        return
    folder.mkdir()
    for name in WORKFLOW:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    shutil.copy2(ROOT / "tests" / "configs" / "tiny.yaml", folder)
    subprocess.run(snakemake("--quiet", "all"), cwd=folder, check=True)


def jobs(folder: Path) -> list[Job]:
    """The jobs of a finished study."""
    done = subprocess.run(
        snakemake("--summary"),
        cwd=folder,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    found: dict[str, Job] = {}
    header, *lines = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    for line in lines:
        row = dict(zip(header, line, strict=True))
        log = row["log-file(s)"]
        job = found.setdefault(log, Job(row["rule"], folder / log))
        job.outputs.append(folder / row["output_file"])
    for job in found.values():
        job.measure()
    return list(found.values())


def partial_files(folder: Path) -> int:
    """How many there are of what a killed process may leave: partial files and checkpoints."""
    results = folder / "results"
    return len([*results.rglob(".*.partial"), *results.rglob("checkpoint.bin")])


def killed(folder: Path, job: Job, kind: str, after: float) -> bool:
    """Call for the results of a job and end the call so long after the job's first word.

    False if there was nothing to end any more.
    """
    job.log.unlink()
    targets = [str(path.relative_to(folder)) for path in job.outputs]
    with (folder / "call.log").open("w", encoding="utf-8") as stream:
        call = subprocess.Popen(
            snakemake(*targets),
            cwd=folder,
            start_new_session=True,
            stdout=stream,
            stderr=stream,
        )
    deadline = time.monotonic() + PATIENCE
    while not (job.log.exists() and job.log.stat().st_size) and call.poll() is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{job.rule} did not begin")
        time.sleep(0.005)
    time.sleep(after)
    in_time = call.poll() is None and not all(path.exists() for path in job.outputs)
    if call.poll() is None:
        if kind == ALONE:
            os.kill(call.pid, signal.SIGKILL)
        else:
            os.killpg(call.pid, signal.Signals[kind])
    call.wait()
    return in_time


def outcome(folder: Path, job: Job, kind: str, after: float) -> Outcome:
    """Kill a job and call again; the study is as it was, dates and all, after it."""
    before = {path: (path.read_bytes(), path.stat()) for path in job.outputs}
    for path in before:
        path.unlink()
    in_time = killed(folder, job, kind, after)
    left = partial_files(folder)
    targets = [str(path.relative_to(folder)) for path in job.outputs]
    again = subprocess.run(snakemake(*targets), cwd=folder, capture_output=True)
    there = all(path.exists() for path in before)
    if there:
        # The machine may be busier, or less busy, than it was.
        job.measure()
    compared = [
        (path, content) for path, (content, _) in before.items() if path.name not in DIFFERENT
    ]
    same = there and all(path.read_bytes() == content for path, content in compared)
    found = Outcome(
        job.rule, kind, in_time, left, not again.returncode and there, partial_files(folder), same
    )
    if not (found.recovered and same) or found.still_left:
        print(f"{job.log}, {kind} after {after:.2f} s: {found}\n{again.stderr.decode()}")
    put_back(before)
    return found


def put_back(before: Mapping[Path, tuple[bytes, os.stat_result]]) -> None:
    """Give files the content and the dates that they had."""
    for path, (content, stat) in before.items():
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row a stage and a row a kind of signal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--study", type=Path, help="a folder with the tiny study, finished")
    options = parser.parse_args(arguments)
    draw, outcomes = random.Random(options.seed), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "study")
        finished(folder, options.study)
        of_rule: dict[str, list[Job]] = {}
        for job in jobs(folder):
            of_rule.setdefault(job.rule, []).append(job)
        # All stages in turn, all signals in turn, so that each stage sees each of them.
        for number in range(options.kills):
            rule = list(of_rule)[number % len(of_rule)]
            kind = KINDS[(number + number // len(of_rule)) % len(KINDS)]
            job = draw.choice(of_rule[rule])
            # Of what it takes at least: later it may have ended.
            least = min(job.seconds for job in of_rule[rule])
            outcomes.append(outcome(folder, job, kind, draw.uniform(0, least / 2)))
            print(f"{number + 1}: {outcomes[-1]}", file=sys.stderr, flush=True)
    for title, key in (("stage", "rule"), ("ended by", "kind")):
        rows = []
        for name in dict.fromkeys(getattr(each, key) for each in outcomes):
            these = [each for each in outcomes if getattr(each, key) == name]
            rows.append([name, *counted(these)])
        rows.append(["all", *counted(outcomes)])
        print_table(
            f"{len(outcomes)} calls ended in the midst of a job",
            [title, "ended", "in its midst", "left files", "recovered", "files left", "the same"],
            rows,
        )


def counted(outcomes: Sequence[Outcome]) -> list[str]:
    """How many there are, and of how many each thing is true."""
    count: Counter[str] = Counter()
    for each in outcomes:
        count += Counter(
            in_time=each.in_time,
            left=each.left > 0,
            recovered=each.recovered,
            still=each.still_left > 0,
            same=each.same,
        )
    keys = ("in_time", "left", "recovered", "still", "same")
    return [str(len(outcomes)), *(str(count[key]) for key in keys)]


if __name__ == "__main__":
    main()
