"""A file is whole or absent, and says what it was made from."""

import h5py
import numpy as np
import pytest

from repcompare.storage.files import (
    MismatchError,
    read_json,
    replacing,
    require_equal,
    write_json,
)
from repcompare.storage.hdf5 import content_digest, new_hdf5


def test_a_failure_half_way_leaves_neither_a_file_nor_a_partial_one(tmp_path):
    def write():
        with new_hdf5(tmp_path / "a.h5", {}) as file:
            file["x"] = np.arange(3)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_keeps_the_file_that_was_there(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"x": float("nan")})
    assert read_json(path) == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_the_target_appears_only_when_the_block_ends(tmp_path):
    path = tmp_path / "folder" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("x", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "x"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("g/y", np.arange(6.0)),
        ("g/x", np.arange(6.0).reshape(2, 3)),
        ("g/x", np.arange(6, dtype=np.float32)),
        ("g/x", np.arange(6.0) + np.eye(6)[5] * 1e-12),
    ],
)
def test_the_content_digest_notices_names_shapes_types_and_values(tmp_path, name, values):
    digests = []
    for path, key, array in (("a", "g/x", np.arange(6.0)), ("b", name, values)):
        with h5py.File(tmp_path / path, "w") as file:
            file[key] = array
            digests.append(content_digest(file))
    assert digests[0] != digests[1]


def test_the_content_digest_ignores_chunks_compression_attributes_and_time(tmp_path):
    x = np.arange(10000.0)
    with new_hdf5(tmp_path / "a.h5", {"when": 1}) as file:
        file["x"] = x
    with new_hdf5(tmp_path / "b.h5", {"when": 2}) as file:
        file.create_dataset("x", data=x, chunks=(100,), compression="gzip")
    digests = {h5py.File(tmp_path / name).attrs["digest"] for name in ("a.h5", "b.h5")}
    assert len(digests) == 1


def test_a_mismatch_names_both_files_and_both_values():
    with pytest.raises(MismatchError, match=r"b\.h5 has 'two' but a\.h5 has 'one'"):
        require_equal("digest", [("a.h5", "one"), ("b.h5", "two")])
    require_equal("digest", [("a.h5", "one"), ("b.h5", "one")])
