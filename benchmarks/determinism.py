"""Does a study give the same files, byte for byte, however and wherever it is run on one processor?

    python benchmarks/determinism.py           # all that may vary at once, beside a plain run
    python benchmarks/determinism.py --each    # one thing at a time, to find what makes a difference
    python benchmarks/determinism.py --config config/config.yaml --beside results/digits

The study is the tests' tiny one unless `--config` names another; `--beside` has results to compare
with in place of those of a plain run. Logs and what the jobs cost are of one run, and are not compared,
nor is the page, which shows the costs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from kills import WORKFLOW
from timing import print_table

ROOT = Path(__file__).parents[1]
OF_ONE_RUN = {"logs", "benchmarks", "report.html"}

# What is varied: the environment of a call, and its arguments. The folder is another each time.
VARIED: dict[str, tuple[Mapping[str, str], Sequence[str]]] = {
    "one core": ({}, ["--cores", "1"]),
    "hashes": ({"PYTHONHASHSEED": "12345"}, []),
    "time zone": ({"TZ": "Pacific/Kiritimati"}, []),
    "locale": ({"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, []),
    "threads": ({"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}, []),
    "order of jobs": ({}, ["--prioritize", "extract_features", "describe", "compare"]),
}


def run(
    folder: Path, config: Path, environment: Mapping[str, str], arguments: Sequence[str]
) -> Path:
    """Run a study in a folder, which is made; give back its results."""
    folder.mkdir(parents=True)
    for name in WORKFLOW:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    shutil.copy2(config, folder / "study.yaml")
    command = [sys.executable, "-m", "snakemake", "--configfile", "study.yaml", "--quiet", "all"]
    cores = [] if "--cores" in arguments else ["--cores", "2"]
    subprocess.run(
        [*command, *cores, *arguments], cwd=folder, env=os.environ | environment, check=True
    )
    (results,) = folder.glob("results/*")
    return results


def files(results: Path) -> dict[str, bytes]:
    """The files of a study that are the same in each run, by their path in it."""
    found = (path for path in sorted(results.rglob("*")) if path.is_file())
    names = {path: path.relative_to(results) for path in found}
    return {
        name.as_posix(): path.read_bytes()
        for path, name in names.items()
        if name.parts[0] not in OF_ONE_RUN
    }


def different(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """The files that are not the same in both, or that one of them lacks."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row a run, and the files that differ; end with status 1 if any does."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--config", type=Path, default=ROOT / "tests" / "configs" / "tiny.yaml")
    parser.add_argument("--beside", type=Path, help="results/{study} of a run")
    options = parser.parse_args(arguments)
    together = (
        {key: value for environment, _ in VARIED.values() for key, value in environment.items()},
        [argument for _, given in VARIED.values() for argument in given],
    )
    varied = VARIED if options.each else {", ".join(VARIED): together}
    rows, all_different = [], []
    with tempfile.TemporaryDirectory() as name:
        plain = options.beside or run(Path(name, "plain"), options.config, {}, [])
        for number, (what, (environment, given)) in enumerate(varied.items()):
            folder = Path(name, "elsewhere, at a longer path".replace(" ", "_"), str(number))
            found = files(run(folder, options.config, environment, given))
            differ = different(files(plain), found)
            rows.append([f"another folder, {what}", str(len(found)), str(len(differ))])
            all_different += [f"{what}: {path}" for path in differ]
    print_table("The same study, run again", ["varied", "files", "different"], rows)
    if all_different:
        print("\n" + "\n".join(all_different))
        sys.exit(1)


if __name__ == "__main__":
    main()
