"""What a study would cost, before it is started, and what it could tell.

Its jobs, their time, memory and disk; the verdicts that its design can reach, and how often.

Jobs are those that Snakemake would run: what stands is not counted. Times are from the benchmarks of
jobs of this study that stand, else from a few passes of each network, timed now. Memory is that of
the largest job of a stage, on a CPU; on a GPU it is what is not on the card.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from repcompare.data.catalogue import DataError, DataSet
from repcompare.data.dataset_file import Dataset
from repcompare.data.loaders import counted
from repcompare.networks.devices import resolve_device
from repcompare.networks.imported import NetworkError
from repcompare.planning import disk, memory, timing
from repcompare.planning.estimate import (
    Timed,
    by_stage,
    duration,
    estimate,
    in_bytes,
    needs_timing,
    table,
)
from repcompare.planning.jobs import Job, read_jobs, read_seconds
from repcompare.planning.memory import FLOAT
from repcompare.planning.power import lines
from repcompare.planning.resources import Network, asked, assumed_study, too_little
from repcompare.planning.workload import Sizes, Study, study_of
from repcompare.storage.seals import DamagedError
from repcompare.study.config import ConfigError, validate
from repcompare.study.config_file import read_config
from repcompare.study.consistency import counted_problems

NETWORKS = ("repcompare.attacks.craft", "repcompare.networks.models")
NUMBERS = ("repcompare.stages.compare",)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the plan of a study."""
    parser = argparse.ArgumentParser("python -m repcompare.planning", description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    parser.add_argument("--cores", type=cores, default="all", help="how many it may use, or all")
    options = parser.parse_args(arguments)
    try:
        # Before Snakemake reads the file, which runs what some say.
        config = validate(read_config(options.configfile))
    except ConfigError as error:
        sys.exit(f"The config cannot be run:\n{error}")
    due, standing = read_jobs(summary(options.configfile))
    results = Path("results") / config["study"]
    study = found_study(config, results / "data" / "dataset.h5")
    print(f"{config['study']}: {len(due)} jobs to run, {len(standing)} whose results stand")
    if not due:
        return
    measured = read_seconds(standing, results / "benchmarks")
    last = read_seconds(due, results / "benchmarks")
    device = found_device(config["device"])
    gpu = config["device"] == "cuda" or (device is not None and device.type == "cuda")
    sizes = found_sizes(study, gpu)
    timed = timed_now(study, needs_timing(due, measured), sizes, device) if device else None
    estimates = [estimate(job, study, measured, last, timed) for job in due]
    needed = [disk.needed(job, study, sizes) for job in due]
    held = [memory.needed(job, study, sizes) for job in due]
    stages = by_stage(due, estimates, needed, held)
    print(f"\n{table(stages, gpu)}\n")
    seconds = sum(stage.seconds or 0 for stage in stages)
    free = shutil.disk_usage(".").free
    at_best = duration(seconds / options.cores)
    print(f"At best {at_best} on {options.cores} cores; {free / 1e9:.0f} GB are free.")
    if sum(needed) > free:
        print("There is not enough room on this disk.")
    networks = {name: Network(of.width, of.weights // FLOAT) for name, of in sizes.items()}
    asking = assumed_study(config)
    asks = [asked(job, asking, networks, gpu=gpu) for job in due]
    place = held.index(max(held))
    most = f"{due[place].rule} holds {in_bytes(held[place])}"
    print(f"Of all jobs {most} at most, and asks a cluster for {asks[place].memory / 1e3:.1f} GB.")
    for line in too_little(due, held, [one.seconds for one in estimates], asks):
        print(line)
    print("\nWhat it could tell, by simulated studies (docs/statistics.md):")
    for line in lines(config):
        print(f"- {line}")


def found_study(config: dict, dataset: Path) -> Study:
    """The study of a validated config, its images counted; where they are gone, in its data file.

    Leaves, saying why, if they cannot be counted, or are fewer than the config asks for.
    """
    try:
        data = counted(config["data"])
    except DataError as error:
        if not dataset.exists():
            sys.exit(str(error))
        print(f"{error}: {dataset} is taken as it is", file=sys.stderr)
        try:
            data = stored(dataset)
        except DamagedError as damaged:
            sys.exit(str(damaged))
    if problems := counted_problems(config, data):
        sys.exit("\n".join(map(str, problems)))
    return study_of(config, data)


def stored(dataset: Path) -> DataSet:
    """The images of a data file."""
    with Dataset(dataset) as file:
        channels, side, _ = file.image_shape
        train = sum(number for name, number in file.sizes.items() if name != "test")
        return DataSet(side, channels, train, file.sizes["test"], len(file.class_names))


def found_sizes(study: Study, gpu: bool) -> dict[str, Sizes]:
    """The sizes of each architecture. Leaves, saying why, if a network cannot be built."""
    try:
        return {name: timing.sizes(study, name, gpu=gpu) for name in study.config["architectures"]}
    except NetworkError as error:
        sys.exit(str(error))


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
    study: Study, jobs: Sequence[Job], sizes: dict[str, Sizes], device: torch.device
) -> Timed | None:
    """What `jobs` need to know, timed on this machine with one thread, as jobs have."""
    if not jobs:
        return None
    torch.set_num_threads(1)
    names = sorted({name for job in jobs for name in job.architectures})
    passes, numbers, of_widths = {}, {}, {}
    for name in names:
        print(f"timing {name}", file=sys.stderr)
        passes[name] = timing.passes(study, name, device)
        widths = tuple(sizes[name].widths.values())
        if widths not in of_widths:
            of_widths[widths] = timing.numbers(study, sizes[name])
        numbers[name] = of_widths[widths]
    start = (timing.start_seconds(*modules) for modules in (NETWORKS, NUMBERS))
    return Timed(passes, numbers, *start)


if __name__ == "__main__":
    main()
