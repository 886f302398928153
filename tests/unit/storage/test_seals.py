"""A file is read only if it is what was written, at the place that it was written for."""

import os
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from unit.support.resealed import resealed

from repcompare.storage.files import MismatchError, read_json, write_json
from repcompare.storage.hdf5 import StoredFile, new_hdf5
from repcompare.storage.opening import opened
from repcompare.storage.seals import DamagedError, place
from repcompare.tables.files import read_table, read_tables, write_table

MODEL = Path("results/digits/models/vgg/seed0")
ROWS = [
    {"source_architecture": "vgg", "target_architecture": "vgg", "source": f"vgg/seed{seed}"}
    | {"success": 0.5, "accuracy": 0.25, "chance": 0.1}
    for seed in (0, 1)
]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("results/digits/models/vgg/seed0/record.json", "digits/models/vgg/seed0/record.json"),
        ("/a/models/models/vgg/seed0/record.json", "models/models/vgg/seed0/record.json"),
        ("sub/results/digits/blocks/a--b/maps.csv", "digits/blocks/a--b/maps.csv"),
        ("results/data/data/dataset.h5", "data/data/dataset.h5"),
        ("results/digits/nonrobust/a--b.json", "digits/nonrobust/a--b.json"),
        ("results/digits/logs/train.json", ""),
        ("maps.csv", ""),
    ],
)
def test_a_place_is_below_the_folder_of_the_study(path, expected):
    assert place(path) == expected


def write_h5(path):
    with new_hdf5(path, {"model": "vgg/seed0"}) as file:
        file["x"] = np.arange(2000.0).reshape(500, 4)


def write_record(path):
    write_json(path, {"model": "vgg/seed0", "kwargs": {1: "ä"}, "test_accuracy": 0.8375})


def write_rows(path):
    write_table(path, "nonrobust", ROWS[:1])


def read_h5(path):
    with StoredFile(path) as file:
        return {"model": file.attribute("model"), "x": file.h5["x"][:].tolist()}


def read_rows(path):
    return read_table(path).to_dict("records")


KINDS = {
    "record.json": (write_record, read_json),
    "activations.h5": (write_h5, read_h5),
    "tables/nonrobust.csv": (write_rows, read_rows),
}
WRITTEN = {
    "record.json": {"model": "vgg/seed0", "kwargs": {"1": "ä"}, "test_accuracy": 0.8375},
    "activations.h5": {
        "model": "vgg/seed0",
        "x": np.arange(2000.0).reshape(500, 4).tolist(),
    },
    "nonrobust.csv": ROWS[:1],
}


@pytest.fixture(params=KINDS)
def stored(request, tmp_path, monkeypatch):
    """A file of a study, and its reader."""
    monkeypatch.chdir(tmp_path)
    write, read = KINDS[request.param]
    path = (
        MODEL / request.param if "tables" not in request.param else MODEL.parents[2] / request.param
    )
    write(path)
    return path, read


def refused(path, read) -> str:
    """What is said of a damaged file that is read: its name, and what to do, in one line."""
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DamagedError) as error:
        read(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith("; delete it and call again")
    assert "\n" not in text
    return text


def test_what_was_written_is_read(stored):
    path, read = stored
    assert read(path) == WRITTEN[path.name]


def test_one_bit_anywhere_is_seen(stored):
    path, read = stored
    content = path.read_bytes()
    for place_of_bit in np.linspace(0, len(content) - 1, 40).astype(int):
        damaged = bytearray(content)
        damaged[place_of_bit] ^= 1
        path.write_bytes(damaged)
        if path.suffix == ".json" and damaged.split() == content.split():
            continue
        assert "damaged" in refused(path, read)


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_file_cut_short_or_emptied_is_named(stored, keep):
    path, read = stored
    path.write_bytes(path.read_bytes()[:keep] if path.suffix != ".json" else b"{"[:keep])
    assert "damaged" in refused(path, read)


def test_a_file_at_another_place_is_named_with_the_place_that_it_was_written_for(stored):
    path, read = stored
    text = str(path)
    for old, new in (("seed0", "seed1"), ("digits", "others"), ("nonrobust", "maps")):
        other = Path(text.replace(old, new))
        if other != path:
            other.parent.mkdir(parents=True, exist_ok=True)
            for each in (path, Path(f"{path}.sha256")):
                if each.exists():
                    shutil.copy2(each, str(each).replace(old, new))
            assert f"it was written as {place(path)}" in refused(other, read)


def test_a_file_is_read_anywhere_outside_of_a_study(stored, tmp_path):
    path, read = stored
    assert read(shutil.copy(path, tmp_path / path.name)) == WRITTEN[path.name]


def test_a_file_that_was_not_written_in_a_study_is_refused_in_one(tmp_path):
    for name, (write, read) in KINDS.items():
        if "tables" not in name:
            write(tmp_path / name)
            at = tmp_path / MODEL / name
            at.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / name, at)
            assert "it was not written in a study" in refused(at, read)


def test_a_record_of_another_kind_is_named(tmp_path):
    path = tmp_path / "record.json"
    for content in (b"", b"weights", b"[]", b"{}", b"\xff\xfe", b'"sha256"', b'{"sha256": 1}'):
        path.write_bytes(content)
        assert "damaged" in refused(path, read_json)


def test_a_table_is_checked_by_tools_that_everybody_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("results/digits/tables/nonrobust.csv")
    write_table(path, "nonrobust", ROWS)
    command = ["sha256sum", "-c", "digits/tables/nonrobust.csv.sha256"]
    assert subprocess.run(command, cwd="results", capture_output=True).returncode == 0
    path.write_bytes(path.read_bytes() + b"\n")
    assert subprocess.run(command, cwd="results", capture_output=True).returncode == 1


def test_tables_that_are_not_made_from_the_same_are_told_apart(tmp_path):
    """Each of them whole, at its place."""
    paths = {name: tmp_path / f"results/{name}/tables/nonrobust.csv" for name in ("a", "b")}
    for path in paths.values():
        write_table(path, "nonrobust", ROWS[:1], "one")
    assert list(read_tables(paths)) == ["a", "b"]
    write_table(paths["b"], "nonrobust", ROWS[:1], "two")
    match = (
        r"made from: .*b/tables/nonrobust\.csv has 'two' but .*a/tables/nonrobust\.csv has 'one'"
    )
    with pytest.raises(MismatchError, match=match):
        read_tables(paths)


def test_a_table_whose_digest_is_lost_is_named(tmp_path):
    path = tmp_path / "results/digits/tables/nonrobust.csv"
    write_table(path, "nonrobust", ROWS[:1])
    beside = Path(f"{path}.sha256")
    beside.write_bytes(b"")
    assert "its digest nonrobust.csv.sha256 is damaged" in refused(path, read_table)
    beside.unlink()
    assert "its digest nonrobust.csv.sha256 is not beside it" in refused(path, read_table)


def test_a_file_that_changes_while_a_job_runs_is_read_again(tmp_path):
    path = tmp_path / "a.h5"
    write_h5(path)
    read_h5(path)
    with h5py.File(path, "r+") as file:
        file["x"][0, 0] = 7
    assert "its bytes are not those that were written" in refused(path, read_h5)
    with resealed(path):
        pass
    assert read_h5(path)["x"][0][0] == 7


def hostile(path, kind, tmp_path):
    """An HDF5 file whose content lies elsewhere, or nowhere."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret" * 1000)
    with h5py.File(path, "w") as file:
        if kind == "link":
            file["a/x"] = h5py.ExternalLink(str(secret), "/x")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((4,), "f4")
            layout[:] = h5py.VirtualSource(str(secret), "x", (4,))
            file.create_virtual_dataset("a/x", layout)
        elif kind == "raw":
            file.create_dataset("a/x", (100,), "u1", external=[(str(secret), 0, 100)])
        elif kind == "huge":
            file.create_dataset("a/x", (10**9, 8), "f4", chunks=(1024, 8))
        elif kind == "cycle":
            file.create_group("a")["x"] = file["/"]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("link", "a/x is a link to .*secret, which is not read"),
        ("virtual", "a/x is made of .*secret, which is not read"),
        ("raw", "a/x lies in .*secret, which is not read"),
        ("huge", "a/x claims 32000000000 bytes, of which 0 are stored"),
        ("cycle", "a/x is a group that holds itself"),
    ],
)
def test_a_file_gives_nothing_that_it_does_not_hold(tmp_path, kind, what):
    path = tmp_path / "a.h5"
    hostile(path, kind, tmp_path)
    with pytest.raises(ValueError, match=what):
        opened(path)


def test_what_compresses_well_is_no_claim(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        zeros = np.zeros((4096, 4096), np.uint8)
        file.create_dataset("x", data=zeros, chunks=(1024, 1024), compression="gzip")
        file.create_dataset("twice", data=zeros, compression="gzip", shuffle=True)
    with opened(tmp_path / "a.h5") as file:
        assert {name: values.shape for name, values in file.items()} == dict.fromkeys(
            ("x", "twice"), (4096, 4096)
        )
