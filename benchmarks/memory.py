"""The peak memory of every stage, as `make plan` foretells it and as it is; Linux only.

    python benchmarks/memory.py                                 # networks of 224x224, on 60 images
    python benchmarks/memory.py --study config/config.yaml      # another study, its paths absolute

The study is run for real, in a temporary folder, one job at a time on one core. What is measured is
the largest resident set of the process of a job's script, as the kernel notes it.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from timing import print_table

from repcompare.data.loaders import counted
from repcompare.planning import memory, timing
from repcompare.planning.jobs import read_jobs
from repcompare.planning.workload import study_of
from repcompare.study.config import validate

ROOT = Path(__file__).parents[1]
SIDE, TRAIN, TEST, CLASSES = 224, 40, 20, 10

# Python imports a module of this name when it starts.
NOTING = """
import atexit, os, re, sys
from pathlib import Path

def note():
    status = Path("/proc/self/status").read_text()
    peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024
    (Path(__file__).parent / f"{os.getpid()}.peak").write_text(f"{sys.argv[0]} {peak}")

atexit.register(note)
"""
# Like EfficientNet-Lite0, and one of few but wide layers; an inner layer of each.
NETWORKS = {"mobilenet_v2": "features.13", "resnet18": "layer4"}
STUDY = {
    "study": "photographs",
    "data": {"name": "arrays", "root": "photographs.npz"},
    "seeds": [0],
    "device": "cpu",
    "architectures": {
        name: {
            "factory": "torchvision",
            "kwargs": {"name": name, "num_classes": CLASSES},
            "weights": "random",
            "layers": {"stage4": layer},
        }
        for name, layer in NETWORKS.items()
    },
    "activations": {"layers": ["stage4"]},
    "attack": {"samples": TEST, "steps": 2, "epsilons": {"linf": ["8/255"], "l2": [2.0]}},
    "features": {"samples": TEST, "steps": 2},
    "statistics": {"permutations": 99},
}


def write_photographs(path: Path) -> None:
    """Random images, which no network tells apart."""
    rng, arrays = np.random.default_rng(0), {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        shape = (n, SIDE, SIDE, 3)
        arrays[f"{split}_images"] = rng.integers(256, size=shape, dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(n) % CLASSES
    np.savez(path, **arrays)


def called(folder: Path, study: Path, *arguments: str) -> str:
    """Call Snakemake on a study in `folder`; what it prints on the standard output."""
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    command += ["--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--configfile", study, *arguments]
    command += ["--workflow-profile", ROOT / "profiles" / "default"]
    words = list(map(str, command))
    done = subprocess.run(
        words, env=environment, check=True, stdout=subprocess.PIPE, encoding="utf-8"
    )
    return done.stdout


def measured(folder: Path, study: Path) -> dict[str, int]:
    """Run a study in `folder`: the peak in bytes of the largest job of each rule."""
    (folder / "sitecustomize.py").write_text(NOTING, encoding="utf-8")
    called(folder, study, "--quiet", "all")
    peaks: dict[str, int] = {}
    for path in folder.glob("*.peak"):
        script, peak = path.read_text(encoding="utf-8").rsplit(" ", 1)
        if found := re.search(r"\.snakemake/scripts/\w+\.(\w+)\.py$", script):
            peaks[found[1]] = max(peaks.get(found[1], 0), int(peak))
    return peaks


def foretold(folder: Path, path: Path) -> dict[str, int]:
    """The same, of the study that was run in `folder`, as it is planned."""
    config = validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    _, jobs = read_jobs(called(folder, path, "--summary"))
    with contextlib.chdir(folder):
        study = study_of(config, counted(config["data"]))
        sizes = {name: timing.sizes(study, name) for name in config["architectures"]}
    found: dict[str, int] = {}
    for job in jobs:
        found[job.rule] = max(found.get(job.rule, 0), memory.needed(job, study, sizes))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row a stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", type=Path, help="the config of a study to run")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, study = Path(name), options.study and options.study.resolve()
        if study is None:
            study = folder / "study.yaml"
            study.write_text(yaml.safe_dump(STUDY), encoding="utf-8")
            write_photographs(folder / "photographs.npz")
        peaks, expected = measured(folder, study), foretold(folder, study)
    print_table(
        "Peak memory of the largest job, MB",
        ["stage", "foretold", "measured", "foretold / measured"],
        [
            [rule, f"{size / 1e6:.0f}", f"{peaks[rule] / 1e6:.0f}", f"{size / peaks[rule]:.2f}"]
            for rule, size in expected.items()
        ],
    )


if __name__ == "__main__":
    main()
