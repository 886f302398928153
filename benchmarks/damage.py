"""Stored files are damaged, dates and all else kept, and then only who reads them runs: what happens?

    python benchmarks/damage.py [FOLDER] [--unguarded]

Refused by a line that names the file and says what to do, harmless (the same results), a traceback, or
SILENT: other results, and nobody said so. Of the last two there must be none, and the status is 1 if
there are. Every job of tests/configs/trust.yaml's rules runs once in FOLDER (minutes; a second call goes
on from there), then each stage is called again as Snakemake called it, once for each damage of each
of its inputs, and of the checkpoint that it left when it was cut off. --unguarded: nobody looks, so
that it can be seen which damages would change a result.
"""

import argparse
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

# As Snakemake calls a stage: with two threads sums are rounded differently. Before numpy is there.
os.environ["OMP_NUM_THREADS"] = "1"

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from damaged import RESULTS, SCRIPTS, Case, call_here, linked, load, outcome
from timing import print_table
from unit.support.damages import Damage, damages, place

ROOT = Path(__file__).parents[1]
WORKFLOW = ("Snakefile", "rules", "workflow_scripts", "config", "profiles", "report", "envs")
CONFIG = ROOT / "tests" / "configs" / "trust.yaml"
# Before each script's own last lines: what Snakemake handed it.
NOTED = """
if __name__ == "__main__":
    import pathlib, pickle
    pathlib.Path("calls").mkdir(exist_ok=True)
    noted = pathlib.Path("calls", "--".join([snakemake.rule, *snakemake.wildcards]) + ".pkl")
    noted.write_bytes(pickle.dumps(snakemake))
"""
# Two studies of the same name: of other data and networks, and of the same networks. Figures nobody
# reads, and of the second only what the chosen jobs are given is made.
OTHERS = {
    "another study": {
        "data": {"train_samples": 380, "fit_samples": 150},
        "training": {"epochs": 18},
    },
    "other settings": {
        "attack": {"seed": 1},
        "features": {"seed": 1},
        "activations": {"fit_samples": 150},
    },
}
MADE = {
    "another study": ["tables/findings.csv"],
    "other settings": [
        f"blocks/resnet--vgg/{name}" for name in ("maps.csv", "features.csv", "evaluation.h5")
    ],
}
# Batches after which a training is cut off, of a few hundred.
CUT_OFF = 100
KINDS = ("refused", "harmless", "traceback", "SILENT")


def main() -> None:
    """Make the studies, damage and call, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--unguarded", action="store_true", help="digests are not looked at")
    parser.add_argument("--only", help="a rule")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="damage-"))
    whole, others = made(folder)
    sys.path.insert(0, str(SCRIPTS))
    import_all()
    found = []
    for call, cases in of_calls(whole, others, options.only).items():
        control = outcome(whole, Case(call, Path(), Damage("none", lambda _: None), {}), False)
        assert control[0] == "harmless", f"{call} undamaged: {control}"
        for case in cases:
            kind, text = outcome(whole, case, options.unguarded)
            found.append((call.split("--")[0], case.path, case.damage.name, kind, text))
            if kind in ("traceback", "SILENT"):
                print(f"{kind}: {call}: {case.path}: {case.damage.name}: {text[:300]}", flush=True)
    report(found)
    kept = folder / ("unguarded.json" if options.unguarded else "damage.json")
    kept.write_text(json.dumps([list(map(str, row)) for row in found], indent=1), encoding="utf-8")
    sys.exit(any(row[3] in ("traceback", "SILENT") for row in found) and not options.unguarded)


def report(found: list[tuple]) -> None:
    """Print how often what happened, by rule and by file."""
    for title, column in (("who reads", 0), ("file", 1)):
        counts = Counter((kind_of(row[column]), row[3]) for row in found)
        names = sorted({name for name, _ in counts})
        rows = [[name, *(str(counts[name, kind]) for kind in KINDS)] for name in names]
        total = [str(sum(counts[name, kind] for name in names)) for kind in KINDS]
        print_table(f"Damages, {len(found)}", [title, *KINDS], [*rows, ["all", *total]])


def kind_of(name: str | Path) -> str:
    """The name of a file or of a rule, of one in nonrobust/ without the models."""
    if isinstance(name, Path) and "nonrobust" in name.parts:
        return f"nonrobust{name.suffix}"
    return name if isinstance(name, str) else name.name


def made(folder: Path) -> tuple[Path, dict[str, Path]]:
    """The folder of the whole study and those of the others, each run once."""
    whole = folder / "whole"
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    run(whole, config)
    others = {}
    for name, changes in OTHERS.items():
        clone = others[name] = folder / name.replace(" ", "_")
        if name == "other settings" and not clone.exists():
            # Networks are bit by bit the same.
            shutil.copytree(whole, clone)
        changed = {key: {**config.get(key, {}), **value} for key, value in changes.items()}
        run(clone, config | changed, *(f"{RESULTS}/{target}" for target in MADE[name]))
    return whole, others


def run(clone: Path, config: Mapping[str, Any], *targets: str) -> None:
    """Run a study in a clone whose scripts note how they are called."""
    if (clone / "done").exists() and yaml.safe_load(
        (clone / "done").read_text(encoding="utf-8")
    ) == config:
        return
    (clone / "done").unlink(missing_ok=True)
    if not clone.exists():
        for name in WORKFLOW:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            clone.mkdir(parents=True, exist_ok=True)
            copy(source, clone / name)
        for script in (clone / "workflow_scripts").glob("*.py"):
            head, guard, tail = script.read_text(encoding="utf-8").partition("\nif __name__")
            script.write_text(head + NOTED + guard + tail, encoding="utf-8")
    text = yaml.safe_dump(config, sort_keys=False)
    (clone / "trust.yaml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "trust.yaml"]
    subprocess.run([*command, "--quiet", "all", "--", *targets], cwd=clone, check=True)
    (clone / "done").write_text(text, encoding="utf-8")


def import_all() -> None:
    """Import what the scripts need, so that no child has to."""
    import torch

    torch.set_num_threads(1)
    for script in sorted(SCRIPTS.glob("*.py")):
        runpy.run_path(str(script), run_name="imported")


def of_calls(
    whole: Path, others: Mapping[str, Path], only: str | None
) -> Iterator[Mapping[str, list[Case]]]:
    """The cases of one job of each rule, by the name of the call."""
    calls = sorted(path.stem for path in (whole / "calls").iterdir())
    # The last of a rule: the last seed, and a block of two architectures.
    of_one = [call for call in calls if len(set(call.split("--")[1:])) < len(call.split("--")[1:])]
    chosen = {call.split("--")[0]: call for call in calls if call not in of_one}
    if only:
        chosen = {only: chosen[only]}
    return {call: list(cases(whole, call, others)) for call in chosen.values()}


def cases(whole: Path, call: str, others: Mapping[str, Path]) -> Iterator[Case]:
    """Every damage of the first file of each kind that a job is given."""
    job = load(whole, call)
    if job.rule == "prepare_data":
        return
    kinds: dict[str, Path] = {}
    for path in map(Path, job.input):
        if path.suffix in (".h5", ".json", ".csv", ".safetensors"):
            kinds.setdefault(f"{path.parts[2]} {kind_of(path)}", path)
    if job.rule in ("train", "train_nonrobust"):
        yield from of_checkpoint(whole, call, others)
    for path in kinds.values():
        donors = {name: clone / path for name, clone in others.items()}
        donors |= (
            {"another place": whole / neighbour(whole, path)} if neighbour(whole, path) else {}
        )
        donors = {name: donor for name, donor in donors.items() if donor.exists()}
        same = {
            n for n, donor in donors.items() if donor.read_bytes() == (whole / path).read_bytes()
        }
        donors = {name: donor for name, donor in donors.items() if name not in same}
        for damage in damages(whole / path, donors, arrays=12):
            yield Case(call, path, damage, {})
        beside = path.with_name("record.json")
        if path.suffix == ".safetensors":
            for name, donor in donors.items():
                also = {beside: donor.with_name("record.json")}
                damage = Damage(
                    f"and its record of {name}", lambda copy, donor=donor: place(donor, copy)
                )
                yield Case(call, path, damage, also)


def of_checkpoint(whole: Path, call: str, others: Mapping[str, Path]) -> Iterator[Case]:
    """A training that was cut off goes on, or starts over: the same network either way."""
    path = cut_off(whole, call)
    yield Case(call, path, Damage("undamaged", lambda _: None), {})
    rule = call.partition("--")[0]
    places = sorted(each.stem for each in (whole / "calls").glob(f"{rule}--*"))
    another = next(each for each in places if each != call)
    donors = {"another place": whole / cut_off(whole, another)}
    for name, clone in others.items():
        if (clone / "calls" / f"{call}.pkl").exists():
            donors[name] = clone / cut_off(clone, call)
    content = (whole / path).read_bytes()
    donors = {name: donor for name, donor in donors.items() if donor.read_bytes() != content}
    for damage in damages(whole / path, donors):
        yield Case(call, path, damage, {})


def cut_off(clone: Path, call: str) -> Path:
    """The checkpoint that a training leaves when it is cut off at a batch; made once."""
    from unit.support.interruptions import Saboteur

    job, folder = load(clone, call), clone / "cut_off" / call
    if not folder.exists():
        linked(clone, folder, job)
        stage = f"repcompare.stages.{job.rule}.Checkpoint"
        with patch(stage, Saboteur), patch.object(Saboteur, "nth", CUT_OFF):
            call_here(folder, job)
    (left,) = folder.rglob("*checkpoint.bin")
    path = left.relative_to(folder)
    shutil.copyfile(left, clone / path)
    return path


def neighbour(whole: Path, path: Path) -> Path | None:
    """A file of the same kind at another place of the study: of another model, block or table."""
    room = path.parts[2]
    if room == "models":
        pattern = f"models/*/*/{path.name}"
    elif room == "blocks":
        pattern = f"blocks/*/{path.name}"
    elif room == "nonrobust":
        pattern = f"nonrobust/*{path.suffix}"
    else:
        return None
    found = [each.relative_to(whole) for each in sorted((whole / RESULTS).glob(pattern))]
    return next((each for each in found if each != path), None)


if __name__ == "__main__":
    main()
