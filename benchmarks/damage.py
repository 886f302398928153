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
import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import pickle
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

# As Snakemake calls a stage: with two threads sums are rounded differently. Before numpy is there.
os.environ["OMP_NUM_THREADS"] = "1"

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from timing import print_table
from unit.support.damages import Damage, damages, place

ROOT = Path(__file__).parents[1]
WORKFLOW = ("Snakefile", "rules", "workflow_scripts", "config", "profiles", "report", "envs")
CONFIG = ROOT / "tests" / "configs" / "trust.yaml"
SCRIPTS = ROOT / "workflow_scripts"
RESULTS = Path("results/trust")
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
# What a file says of time and place.
OF_TIME = {"train_seconds", "history", "sha256", "versions", "processor", "digest"}
# Batches after which a training is cut off, of a few hundred.
CUT_OFF = 100
KINDS = ("refused", "harmless", "traceback", "SILENT")


class Case(NamedTuple):
    """One damage of one input of one job."""

    call: str
    path: Path
    damage: Damage
    # What lies in its place besides, by path.
    also: Mapping[Path, Path]


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


def load(whole: Path, call: str) -> Any:
    """What Snakemake handed to a script."""
    return pickle.loads((whole / "calls" / f"{call}.pkl").read_bytes())


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


def outcome(whole: Path, case: Case, unguarded: bool) -> tuple[str, str]:
    """What a job does in a copy of the study with one file damaged: a kind, and what it said."""
    with tempfile.TemporaryDirectory(dir=whole.parent) as name:
        scratch = Path(name)
        job = load(whole, case.call)
        linked(whole, scratch, job)
        if case.path != Path() and not (scratch / case.path).exists():
            (scratch / case.path).parent.mkdir(parents=True, exist_ok=True)
            os.link(whole / case.path, scratch / case.path)
        damaged = {case.path: case.damage.apply} if case.path != Path() else {}
        for path, donor in case.also.items():
            damaged[path] = lambda copy, donor=donor: place(donor, copy)
        for path, apply in damaged.items():
            at, before = scratch / path, (whole / path).stat()
            for each in (at, Path(f"{at}.sha256")):
                if each.exists():
                    content = each.read_bytes()
                    each.unlink()
                    each.write_bytes(content)
            apply(at)
            os.utime(at, ns=(before.st_atime_ns, before.st_mtime_ns))
        kind, text = called(scratch, job, unguarded)
        if kind != "ended":
            return kind_of_refusal(text, [*damaged]) if kind == "raised" else ("traceback", text)
        for path in map(Path, job.output):
            if fingerprint(scratch / path) != fingerprint(whole / path):
                return "SILENT", f"{path} is another"
        return "harmless", ""


def linked(whole: Path, scratch: Path, job: Any) -> None:
    """The job's inputs as links below `scratch`; of the page also what jobs cost."""
    wanted = {Path(path) for path in job.input}
    if job.rule == "write_report":
        found = (whole / RESULTS / "benchmarks").rglob("*.tsv")
        wanted |= {each.relative_to(whole) for each in found}
    for path in wanted:
        (scratch / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(whole / path, scratch / path)


def kind_of_refusal(text: str, damaged: list[Path]) -> tuple[str, str]:
    """Whether an error is one line that names a damaged file and says what to do."""
    message = text.partition(": ")[2]
    named = any(str(path) in message for path in damaged)
    good = named and "\n" not in message and ("delete" in message or "no such file" in message)
    return ("refused" if good else "traceback"), text


def called(scratch: Path, job: Any, unguarded: bool) -> tuple[str, str]:
    """Call a stage as its script does. Where nobody looks it may crash, and is called in a child."""
    if not unguarded:
        return call_here(scratch, job)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(scratch, job, theirs))
    child.start()
    theirs.close()
    try:
        answer = ours.recv() if ours.poll(600) else ("crashed", "took more than 600 s")
    except EOFError:
        answer = "crashed", "died"
    child.join(1)
    if child.is_alive():
        child.kill()
    return answer if answer[0] != "crashed" else ("crashed", f"{answer[1]}, {child.exitcode}")


def call_here(scratch: Path, job: Any) -> tuple[str, str]:
    """Call a stage below `scratch`; how it ended, and its error."""
    with (
        contextlib.chdir(scratch),
        open(os.devnull, "w", encoding="utf-8") as nothing,
        contextlib.redirect_stderr(nothing),
    ):
        try:
            runpy.run_path(str(SCRIPTS / f"{job.rule}.py"), run_name="called")["main"](job)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return "raised", f"{type(error).__name__}: {error}"
    return "ended", ""


def _child(scratch: Path, job: Any, answer: Any) -> None:
    unguard()
    answer.send(call_here(scratch, job))
    os._exit(0)


class Whatever(str):
    """Equal to all; a text, for records are written with it."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Yes."""
        return True

    def __ne__(self, other: object) -> bool:
        """No."""
        return False


def unguard() -> None:
    """Take the guards away: whatever is in a file is believed."""
    import torch

    from repcompare.networks.checkpoints import Checkpoint
    from repcompare.storage import files, hdf5, seals
    from repcompare.tables import files as tables

    def believe(*_: object) -> None:
        return None

    seals._require_head = believe
    hdf5.require_head = believe
    for module in (hdf5, files, seals):
        module.require_place = believe
    hdf5.require_same_settings = believe
    tables.require_beside = believe
    files._json_digest = lambda _: Whatever()

    def careless(checkpoint: Checkpoint) -> Any:
        content = checkpoint.path.read_bytes() if checkpoint.path.exists() else b""
        return torch.load(io.BytesIO(content[32:]), weights_only=True)["state"] if content else None

    Checkpoint.load = careless


def fingerprint(path: Path) -> str:
    """What a result says, whenever and wherever it was made."""
    if path.suffix == ".json":
        record = json.loads(path.read_bytes())
        return json.dumps({key: value for key, value in record.items() if key not in OF_TIME})
    if path.suffix == ".h5":
        import h5py

        from repcompare.storage.hdf5 import content_digest

        with h5py.File(path) as file:
            said = {key: str(value) for key, value in file.attrs.items() if key not in OF_TIME}
            return content_digest(file) + json.dumps(said, sort_keys=True)
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
