"""What a job does where one of its files is damaged: it is called again as Snakemake called it."""

import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import pickle
import runpy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unit.support.damages import Damage, place

SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"
RESULTS = Path("results/trust")
# What a file says of time and place.
OF_TIME = {"train_seconds", "history", "sha256", "versions", "processor", "digest"}


class Case(NamedTuple):
    """One damage of one input of one job."""

    call: str
    path: Path
    damage: Damage
    # What lies in its place besides, by path.
    also: Mapping[Path, Path]


def load(whole: Path, call: str) -> Any:
    """What Snakemake handed to a script."""
    return pickle.loads((whole / "calls" / f"{call}.pkl").read_bytes())


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
