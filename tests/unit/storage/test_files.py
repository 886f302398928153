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
from repcompare.storage.hdf5 import (
    content_digest,
    image_chunk,
    new_hdf5,
    row_chunk,
    row_slices,
    rows_at_once,
    store_rows,
)


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


def test_the_content_digest_does_not_depend_on_how_much_is_read_at_a_time(tmp_path, monkeypatch):
    digests = []
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = np.arange(50 * 12, dtype=np.uint8).reshape(50, 3, 2, 2)
        file["one"], file["none"] = 3.0, np.empty((0, 4))
        for size in (1, 100, 10**6):
            monkeypatch.setattr("repcompare.storage.hdf5.BYTES_PER_READ", size)
            digests.append(content_digest(file))
    assert len(set(digests)) == 1


def test_as_many_rows_are_read_at_a_time_as_64_megabytes_hold():
    assert rows_at_once((10**6, 3, 224, 224), np.uint8) == 2**26 // (3 * 224 * 224)
    assert rows_at_once((10**6, 2**30), "float32") == 1
    assert rows_at_once((10**6, 3, 32, 32), np.uint8) == rows_at_once((7,), np.int64) == 4096


@pytest.mark.parametrize("n", [0, 1, 445, 446, 1000])
def test_slices_of_rows_cover_an_array_in_order(n):
    found = list(row_slices((n, 3, 224, 224), np.uint8))
    assert [row for rows in found for row in range(rows.start, rows.stop)] == list(range(n))
    assert max((rows.stop - rows.start for rows in found), default=0) <= 445


def test_an_image_is_read_without_many_others_of_its_size():
    assert image_chunk((60000, 1, 28, 28)) == (1024, 1, 28, 28)
    assert image_chunk((500, 3, 32, 32), most=256) == (256, 3, 32, 32)
    assert image_chunk((100, 3, 32, 32)) == (100, 3, 32, 32)
    assert image_chunk((500, 3, 64, 64)) == (5, 3, 64, 64)
    assert image_chunk((500, 3, 224, 224)) == (1, 3, 224, 224)


def test_a_mismatch_names_both_files_and_both_values():
    with pytest.raises(MismatchError, match=r"b\.h5 has 'two' but a\.h5 has 'one'"):
        require_equal("digest", [("a.h5", "one"), ("b.h5", "two")])
    require_equal("digest", [("a.h5", "one"), ("b.h5", "one")])


@pytest.mark.parametrize("n", [1, 3, 1024, 1025, 1200, 10_000])
def test_rows_are_stored_in_chunks_that_are_nearly_full(n, tmp_path):
    chunk = row_chunk((n, 7))
    assert chunk[0] <= 1024
    assert chunk[1:] == (7,)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        rows = file.create_dataset("x", data=np.ones((n, 7)), chunks=chunk)
        assert rows.id.get_storage_size() < rows.nbytes + 7 * 8 * (n // chunk[0] + 1)


@pytest.mark.parametrize("batch", [60, 100, 500])
def test_images_that_come_in_batches_take_no_more_than_their_room(batch, tmp_path):
    images = np.random.default_rng(0).integers(256, size=(600, 3, 32, 32), dtype=np.uint8)
    names = [f"attack {number}" for number in range(8)]
    with h5py.File(tmp_path / "images.h5", "w") as file:
        for start in range(0, len(images), batch):
            rows = slice(start, min(start + batch, len(images)))
            for name in names:
                store_rows(file, name, rows, len(images), images[rows])
        np.testing.assert_array_equal(file[names[-1]], images)
    assert (tmp_path / "images.h5").stat().st_size < 1.02 * len(names) * images.nbytes
