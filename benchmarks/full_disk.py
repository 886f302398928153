"""Let the disk be full in the midst of a job of each stage: what does the log say, and what is left?

    sudo .venv/bin/python benchmarks/full_disk.py

The study is the tests' tiny one, finished, its results in a file system in memory (which root alone may
mount). Those of a job are taken away, the disk is filled but for a part of their size, and the call that
makes them again is made; then room is made, and it is made once more.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kills import DIFFERENT, Job, finished, jobs, partial_files, put_back, snakemake
from timing import print_table

SIZE = 200 * 2**20
# The log of a job has a page of its own from its first word on.
FOR_THE_LOG = 4096
FULL = "No space left on device"


def fill(disk: Path, left: int) -> Path:
    """A file that leaves so many bytes of the disk."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - left)
    return ballast


def full(folder: Path, job: Job, share: float) -> list[bool]:
    """Fill the disk but for a share of what a job writes, make room and call again.

    Returns:
        Whether the call failed, whether a line of the log says why and names a result, whether
        nothing was left, whether the next call went through, and whether it made the same.
    """
    before = {path: (path.read_bytes(), path.stat()) for path in job.outputs}
    for path in before:
        path.unlink()
    job.log.unlink()
    names = [str(path.relative_to(folder)) for path in before]
    size = sum(len(content) for content, _ in before.values())
    ballast = fill(folder / "results", int(share * size) + FOR_THE_LOG)
    failed = subprocess.run(snakemake(*names), cwd=folder, capture_output=True).returncode != 0
    words = job.log.read_text(encoding="utf-8").splitlines() if job.log.exists() else []
    told = any(FULL in line and name in line for line in words for name in names)
    clean = not partial_files(folder)
    ballast.unlink()
    again = subprocess.run(snakemake(*names), cwd=folder, capture_output=True)
    same = all(
        path.exists() and path.read_bytes() == content
        for path, (content, _) in before.items()
        if path.name not in DIFFERENT
    )
    found = [failed, told, clean, not again.returncode, same]
    if not all(found):
        print(job.log, found, words[-1:], file=sys.stderr)
    put_back(before)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row a stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=1, help="jobs a stage")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--study", type=Path, help="a folder with the tiny study, finished")
    options = parser.parse_args(arguments)
    draw, rows = random.Random(options.seed), []
    with tempfile.TemporaryDirectory() as name:
        folder, disk = Path(name, "study"), Path(name, "study", "results")
        finished(folder, options.study)
        aside = disk.rename(folder / "aside")
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)]
        subprocess.run(mount, check=True)
        try:
            shutil.copytree(aside, disk, dirs_exist_ok=True)
            of_rule: dict[str, list[Job]] = {}
            for job in jobs(folder):
                of_rule.setdefault(job.rule, []).append(job)
            for rule, these in of_rule.items():
                shares = [draw.uniform(0, 0.9) for _ in range(options.repeats)]
                found = [full(folder, draw.choice(these), share) for share in shares]
                columns = (str(sum(column)) for column in zip(*found, strict=True))
                rows.append([rule, str(len(found)), *columns])
        finally:
            subprocess.run(["umount", str(disk)], check=True)
    header = ["stage", "full disks", "failed", "named", "nothing left", "next call", "the same"]
    print_table("A disk that is full in the midst of a job", header, rows)


if __name__ == "__main__":
    main()
