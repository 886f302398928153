"""What a study of 200 models costs after its comparisons: findings, figures and page.

    python benchmarks/large.py                    # 40 architectures of five seeds
    python benchmarks/large.py 5 3                # 5 architectures of three seeds

Its tables are made up, with every table, five measures, seven attacks and four denominators; each
stage runs as in a job, in a process of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml
from timing import bar, print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from unit.support import synthetic_tables

from repcompare.figures.registry import FIGURES
from repcompare.stages.prepare_data import prepare_data
from repcompare.study.config import validate

ROOT = Path(__file__).parents[1]
STAGE = """
import json, re, sys
from repcompare.stages.{stage} import {stage}
arguments = json.loads(sys.argv[1])
{stage}(*arguments["outputs"], **arguments["inputs"])
# Of this program alone: what the kernel tells its parent counts what that one had held.
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status", encoding="utf-8").read())[1])
"""
# Processor seconds that are allowed for 200 models.
BARS = {"judge_findings": 60, "draw_figures": 30, "write_report": 10}
# What findings are read from.
JUDGED = ("models", "controls", "maps", "geometry", "transfer")


class Cost(NamedTuple):
    """What a stage took, in seconds and MiB, and the megabytes that it wrote."""

    wall: float
    processor: float
    peak: float
    written: float


def run(stage: str, outputs: list, inputs: dict) -> Cost:
    """Run one stage in a process of its own."""
    arguments = json.dumps({"outputs": outputs, "inputs": inputs}, default=str)
    command = [sys.executable, "-c", STAGE.format(stage=stage), arguments]
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, encoding="utf-8"
    )
    wall, peak = time.perf_counter() - start, int(done.stdout) / 1024
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    written = sum(
        Path(path).stat().st_size
        for output in outputs
        for path in (output if isinstance(output, list) else [output])
    )
    cpu = usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, peak, written / 1e6)


def measured(folder: Path, architectures: int, seeds: int) -> dict[str, Cost]:
    """What each stage takes of a study made up in `folder`."""
    tables = synthetic_tables.tables(architectures, seeds)
    paths = {name: folder / f"{name}.csv" for name in tables}
    for name, table in tables.items():
        table.to_csv(paths[name], index=False)
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    study = validate(config)
    dataset = folder / "dataset.h5"
    prepare_data(dataset, settings={"name": "digits", "fit_samples": 500, "train_samples": None})
    names = sorted(set(tables["models"]["architecture"]))
    settings = {
        "statistics": study["statistics"],
        "network_families": {name: name for name in names},
    }
    judged = {name: folder / f"{name}.csv" for name in ("findings", "specifications")}
    svg = [folder / f"{name}.svg" for name in FIGURES]
    return {
        "judge_findings": run(
            "judge_findings",
            list(judged.values()),
            {"tables": {name: paths[name] for name in JUDGED}, "settings": settings},
        ),
        "draw_figures": run(
            "draw_figures",
            [svg, [path.with_suffix(".png") for path in svg]],
            {"tables": paths | {"specifications": judged["specifications"]}},
        ),
        "write_report": run(
            "write_report",
            [folder / "report.html"],
            {
                "tables": paths | judged,
                "figures": svg,
                "dataset": dataset,
                "settings": {"config": study, "benchmarks": folder},
            },
        ),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architectures", type=int, nargs="?", default=40)
    parser.add_argument("seeds", type=int, nargs="?", default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = measured(Path(folder), chosen.architectures, chosen.seeds)
    models = chosen.architectures * chosen.seeds
    print_table(
        f"{models} models: after the comparisons, one core",
        ["stage", "wall s", "processor s", "peak MiB", "written MB"],
        [
            [
                stage,
                f"{cost.wall:.1f}",
                f"{cost.processor:.1f}",
                f"{cost.peak:.0f}",
                f"{cost.written:.1f}",
            ]
            for stage, cost in costs.items()
        ],
    )
    for stage, seconds in BARS.items():
        of_stage = {f"{models} models": costs[stage].processor}
        bar(f"{stage}: processor seconds", of_stage, at_most=seconds)
    judged, page = costs["judge_findings"], costs["write_report"]
    bar("judge_findings: MiB", {f"{models} models": judged.peak}, at_most=1024)
    bar("write_report: MB of the page", {f"{models} models": page.written}, at_most=10)


if __name__ == "__main__":
    main()
