"""What Snakemake costs a study of 10 to 200 models, before its first job and between them.

    python benchmarks/scale.py          # 2, 10, 20 and 40 architectures of five seeds each
    python benchmarks/scale.py 2 10     # only these

No network is trained. Every result is an empty file, and `snakemake --touch` records it as made,
with the metadata that a real job leaves. It waits a tenth of a second a job, so that the 3,467 jobs
of 200 models take eight minutes to prepare, those of 10 models four seconds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml
from timing import print_table

from repcompare.planning.jobs import read_jobs

ROOT = Path(__file__).parents[1]
ARCHITECTURES, SEEDS = (2, 10, 20, 40), 5
FACTORIES = ("densenet", "resnet", "resnext", "vgg", "wide_resnet")


class Call(NamedTuple):
    """What one call of Snakemake cost, and what it printed on the standard output."""

    seconds: float
    cpu: float
    peak_mib: float
    text: str

    def __str__(self) -> str:
        """Wall seconds and, as the machine may have other work, those on the processor."""
        return f"{self.seconds:.1f} ({self.cpu:.1f})"


def call(folder: Path, *arguments: str) -> Call:
    """Call Snakemake on the study in `folder`; it must succeed."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    command += ["--snakefile", ROOT / "Snakefile"]
    command += ["--directory", folder, "--configfile", folder / "study.yaml"]
    command += ["--workflow-profile", ROOT / "profiles" / "default", *arguments]
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
    ):
        process = subprocess.Popen(map(str, command), stdout=out, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        out.seek(0)
        errors.seek(0)
        if status:
            raise RuntimeError(f"snakemake {' '.join(arguments)} failed:\n{errors.read()}")
        return Call(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read())


def write_study(folder: Path, architectures: int) -> None:
    """A study whose networks differ in nothing that Snakemake could notice."""
    names = [f"network{place:02d}" for place in range(architectures)]
    study = {
        "study": "scale",
        "data": {"name": "digits"},
        "seeds": list(range(SEEDS)),
        "architectures": {
            name: {"factory": FACTORIES[place % len(FACTORIES)]} for place, name in enumerate(names)
        },
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")


def measured(architectures: int) -> list[str]:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder, architectures)
        first = call(folder, "--dry-run", "--quiet", "all")
        summary = call(folder, "--summary").text
        due, _ = read_jobs(summary)
        print(
            f"{architectures * SEEDS} models: preparing the results of {len(due)} jobs, "
            f"{len(due) * 0.13 / 60:.0f} min or more",
            file=sys.stderr,
        )
        for row in summary.splitlines()[1:]:
            path = folder / row.split("\t")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        call(folder, "--touch", "--forceall", "--quiet", "all")
        nothing = call(folder, "--dry-run", "--quiet", "all")
        assert not read_jobs(call(folder, "--summary").text)[0], "results were left to make"
        records = sum(
            file.stat().st_size for file in folder.glob(".snakemake/**/*") if file.is_file()
        )
        write_study(folder, architectures + 1)
        added = call(folder, "--dry-run", "--quiet", "all")
        more, _ = read_jobs(call(folder, "--summary").text)
    return [
        f"{architectures} × {SEEDS}",
        str(architectures * SEEDS),
        str(len(due)),
        str(first),
        str(nothing),
        str(added),
        str(len(more)),
        f"{records / 1e6:.0f}",
        f"{nothing.peak_mib:.0f}",
    ]


def main() -> None:
    """Print one row a size of the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("architectures", type=int, nargs="*", default=ARCHITECTURES)
    print_table(
        "Seconds of a call of Snakemake (of a processor), dry runs",
        [
            "architectures × seeds",
            "models",
            "jobs",
            "first call",
            "nothing to do",
            "an architecture more",
            "its jobs",
            ".snakemake, MB",
            "memory, MiB",
        ],
        [measured(count) for count in parser.parse_args().architectures],
    )


if __name__ == "__main__":
    main()
