"""A file that cannot be written is named by the job's last words, and nothing of it is left."""

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from repcompare.representations.layer_rows import LayerRows
from repcompare.storage.files import replacing, write_json

# A job that writes an HDF5 file of 1.2 MB, larger than HDF5 keeps in memory, on a disk on which a
# file cannot be larger than so many bytes; what it ends with, and how many times it did not.
JOB = """
import resource, sys
import numpy as np
from repcompare.storage.hdf5 import new_hdf5, store_rows
from repcompare.storage.logs import logging_to

def store(path):
    random = np.random.default_rng(0)
    with new_hdf5(path, {"note": "x" * 5000}) as file:
        for start in range(0, 1200, 300):
            images = random.integers(0, 255, (300, 1, 28, 28), np.uint8)
            store_rows(file, "images", slice(start, start + 300), 1200, images)
            store_rows(file, "rows", slice(start, start + 300), 1200, images[:, 0, 0].astype(float))
        for number in range(40):
            file[f"group{number}/values"] = np.arange(10)

whole = 0
with logging_to("job.log"):
    for limit in map(int, sys.argv[1:]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
        try:
            store("result.h5")
        except OSError as error:
            assert error.filename == "result.h5", error
        else:
            whole += 1
    print(whole)
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    if len(sys.argv) == 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
        store("result.h5")
"""


def job(folder, *limits):
    """Run the job with each of some limits on the size of files, the last fault not caught if it is one."""
    return subprocess.run(
        [sys.executable, "-c", JOB, *map(str, limits)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        encoding="utf-8",
    )


def test_wherever_the_disk_is_full_an_hdf5_file_that_is_named_is_not_there(tmp_path):
    # In its header, its chunks, its groups, and what is written when it is closed.
    limits = [0, 100, 2000, 50_000, 500_000, *range(1_200_000, 1_300_000, 20_000), 2_000_000]
    done = job(tmp_path, *limits)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["job.log", "result.h5"]


def test_the_log_names_the_file_and_the_fault_first_and_last(tmp_path):
    done = job(tmp_path, 30_000)
    assert done.returncode == 1
    log = (tmp_path / "job.log").read_text(encoding="utf-8").splitlines()
    fault = "OSError: [Errno 27] File too large: 'result.h5'"
    assert log[1].endswith(f"ERROR failed: {fault}")
    assert log[-1] == fault
    assert [file.name for file in tmp_path.iterdir()] == ["job.log"]


def test_a_fault_without_a_name_gets_that_of_the_file_and_one_of_another_file_keeps_its_own(
    tmp_path,
):
    for given, named in ((None, tmp_path / "a"), (tmp_path / "b", tmp_path / "b")):
        with (
            pytest.raises(OSError, match="No space left on device") as caught,
            replacing(tmp_path / "a"),
        ):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *([str(given)] if given else []))
        assert caught.value.filename == str(named)


def test_layers_that_wait_for_the_disk_take_their_room_before_they_are_filled(
    tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"), LayerRows({}, 4, tmp_path) as rows:
        rows.add("layer", slice(0, 4), np.ones((4, 10), np.float32), flattened=True)


@contextlib.contextmanager
def folder_of_root(mode):
    """A folder that this process may only read, as a user who is not root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "old.json").write_text("{}", encoding="utf-8")
        folder.chmod(mode)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


@pytest.mark.parametrize("name", ["old.json", "new.json"])
def test_in_a_folder_that_is_read_only_the_file_is_named_and_the_old_one_stays(name):
    with folder_of_root(0o555) as folder:
        with pytest.raises(PermissionError) as caught:
            write_json(folder / name, {"new": True})
        assert caught.value.filename == str(folder / name)
        assert [file.name for file in folder.iterdir()] == ["old.json"]
        assert (folder / "old.json").read_text(encoding="utf-8") == "{}"
