"""What a study would cost, before it is started: its jobs, their time, the disk they need.

Jobs are those that Snakemake would run: what stands is not counted. Times are from the benchmarks of
jobs of this study that stand, else from a few passes of each network, timed now.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
import yaml

from repcompare.data.catalogue import DataError
from repcompare.data.loaders import counted
from repcompare.networks.devices import resolve_device
from repcompare.planning import disk, timing
from repcompare.planning.estimate import Timed, by_stage, duration, estimate, needs_timing, table
from repcompare.planning.jobs import Job, read_jobs, read_seconds
from repcompare.study.config import validate
from repcompare.study.consistency import counted_problems

NETWORKS = ("repcompare.attacks.craft", "repcompare.networks.models")
NUMBERS = ("repcompare.stages.compare",)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the plan of a study."""
    parser = argparse.ArgumentParser("python -m repcompare.planning", description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    parser.add_argument("--cores", type=cores, default="all", help="how many it may use, or all")
    options = parser.parse_args(arguments)
    if not Path(options.configfile).is_file():
        parser.error(f"argument --configfile: there is no file {options.configfile}")
    due, standing = read_jobs(summary(options.configfile))
    config = validate(yaml.safe_load(Path(options.configfile).read_text(encoding="utf-8")))
    require_enough_images(config)
    results = Path("results") / config["study"]
    print(f"{config['study']}: {len(due)} jobs to run, {len(standing)} whose results stand")
    if not due:
        return
    measured = read_seconds(standing, results / "benchmarks")
    last = read_seconds(due, results / "benchmarks")
    sizes = {name: timing.sizes(config, name) for name in config["architectures"]}
    device = found_device(config["device"])
    timed = timed_now(config, needs_timing(due, measured), sizes, device) if device else None
    estimates = [estimate(job, config, measured, last, timed) for job in due]
    needed = [disk.needed(job, config, sizes) for job in due]
    stages = by_stage(due, estimates, needed)
    gpu = config["device"] == "cuda" or (device is not None and device.type == "cuda")
    print(f"\n{table(stages, gpu)}\n")
    seconds = sum(stage.seconds or 0 for stage in stages)
    free = shutil.disk_usage(".").free
    at_best = duration(seconds / options.cores)
    print(f"At best {at_best} on {options.cores} cores; {free / 1e9:.0f} GB are free.")
    if sum(needed) > free:
        print("There is not enough room on this disk.")


def require_enough_images(config: dict) -> None:
    """Leave, saying why, if a validated config asks for more images than there are."""
    try:
        problems = counted_problems(config, counted(config["data"]))
    except DataError as error:
        sys.exit(str(error))
    if problems:
        sys.exit("\n".join(map(str, problems)))


def cores(text: str) -> int:
    """A number of cores: `all` there are, or so many; ValueError for anything else."""
    number = (os.cpu_count() or 1) if text == "all" else int(text)
    if number < 1:
        raise ValueError(f"got {number}, allowed: all, or an integer from 1 up")
    return number


def found_device(name: str) -> torch.device | None:
    """Where networks would run; None, and said so, on a machine that has no such device."""
    try:
        return resolve_device(name)
    except ValueError as error:
        print(f"Nothing can be timed. {error}", file=sys.stderr)
        return None


def summary(configfile: str) -> str:
    """What Snakemake says of every file of the study, one row each."""
    command = [sys.executable, "-m", "snakemake", "--summary", "--cores", "1"]
    command += ["--configfile", configfile]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def timed_now(
    config: dict, jobs: Sequence[Job], sizes: dict[str, disk.Sizes], device: torch.device
) -> Timed | None:
    """What `jobs` need to know, timed on this machine with one thread, as jobs have."""
    if not jobs:
        return None
    torch.set_num_threads(1)
    names = sorted({name for job in jobs for name in job.architectures})
    passes, numbers, of_widths = {}, {}, {}
    for name in names:
        print(f"timing {name}", file=sys.stderr)
        passes[name] = timing.passes(config, name, device)
        widths = tuple(sizes[name].widths.values())
        if widths not in of_widths:
            of_widths[widths] = timing.numbers(config, sizes[name])
        numbers[name] = of_widths[widths]
    start = (timing.start_seconds(*modules) for modules in (NETWORKS, NUMBERS))
    return Timed(passes, numbers, *start)


if __name__ == "__main__":
    main()
