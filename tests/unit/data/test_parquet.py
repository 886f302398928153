"""Parquet files as Hugging Face writes them are read like the images in them."""

import importlib.util
import json
import sys

import h5py
import numpy as np
import pytest
from unit.support.own_images import png, random_images

from repcompare.data.catalogue import DataError
from repcompare.data.loaders import load
from repcompare.stages.prepare_data import prepare_data

IMAGES = random_images(12, 8, 8, 3)
LABELS = np.arange(12) % 3
NAMES = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["ant", "bee", "cat"]}}}}
needs_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed"
)


def table(rows, *, paths=None, label="label", metadata=NAMES):
    """Some of the images, as a table of Arrow."""
    import pyarrow

    files = [
        {"bytes": png(IMAGES[row]), "path": paths and paths[place]}
        for place, row in enumerate(rows)
    ]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    made = pyarrow.table({"image": pyarrow.array(files, kind), label: LABELS[rows]})
    return made.replace_schema_metadata(metadata and {"huggingface": json.dumps(metadata)})


def written(path, made, **options):
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(made, path, **options)
    return path


def refusal(root) -> str:
    with pytest.raises(DataError) as caught:
        load("parquet", str(root), size=8, crop=1.0, test_samples=2)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@needs_pyarrow
def test_files_of_a_split_are_read_one_after_the_other(tmp_path):
    root = tmp_path / "set"
    rows = np.arange(12)
    written(root / "data" / "train-00000-of-2.parquet", table(rows[:5]), row_group_size=2)
    written(root / "data" / "train-00001-of-2.parquet", table(rows[5:9]))
    written(root / "data" / "test-00000-of-1.parquet", table(rows[9:]))
    settings = {"name": "parquet", "size": 8, "crop": 1.0, "test_samples": None}
    settings |= {"fit_samples": 3, "train_samples": None}
    prepare_data(tmp_path / "data.h5", settings=settings, root=str(root))
    with h5py.File(tmp_path / "data.h5") as file:
        assert file.attrs["class_names"].tolist() == ["ant", "bee", "cat"]
        assert {split: len(file[split]["ids"]) for split in file} == {
            "fit": 3,
            "test": 3,
            "train": 6,
        }
        for split in file.values():
            for name, label, image in zip(
                split["names"], split["labels"], split["images"], strict=True
            ):
                split_name, place = name.decode().split("/")
                row = int(place) + 9 * (split_name == "test")
                assert label == LABELS[row]
                np.testing.assert_array_equal(image.transpose(1, 2, 0), IMAGES[row])


@needs_pyarrow
def test_images_are_known_by_their_file_names_if_every_one_has_another(tmp_path):
    rows = np.arange(4)

    def known(paths):
        path = written(tmp_path / "set.parquet", table(rows, paths=paths))
        raw = load("parquet", str(path), size=8, crop=1.0, test_samples=1)
        return {raw.train.name(place) for place in range(3)} | {raw.test.name(0)}

    assert known(["a.jpg", "b.jpg", "c.jpg", "d.jpg"]) == {f"train/{name}.jpg" for name in "abcd"}
    assert known(["a.jpg", "b.jpg", "a.jpg", "d.jpg"]) == {f"train/{row}" for row in range(4)}
    assert known(["a.jpg", None, "c.jpg", "d.jpg"]) == {f"train/{row}" for row in range(4)}


@needs_pyarrow
def test_classes_without_names_are_numbers(tmp_path):
    path = written(tmp_path / "set.parquet", table(np.arange(4), metadata=None))
    raw = load("parquet", str(path), size=8, crop=1.0, test_samples=1)
    assert raw.class_names == ("0", "1", "2")


@needs_pyarrow
def test_a_file_that_is_not_of_this_kind_is_refused(tmp_path):
    path = tmp_path / "set.parquet"
    path.write_bytes(b"PAR1 and no more")
    assert refusal(path) == f"data.root: cannot read {path} (not a whole Parquet file)"
    written(path, table(np.arange(4), label="fine_label"))
    assert refusal(path) == (
        f"data.root: {path}: has image (struct<bytes: binary, path: string>), fine_label (int64), "
        "allowed: image, with bytes in it, and label"
    )
    written(path, table(np.arange(0)))
    assert refusal(path) == f"data.root: {path}: no images of train"
    two = {"info": {"features": {"label": {"names": ["ant", "bee"]}}}}
    written(path, table(np.arange(4), metadata=two))
    assert refusal(path) == (f"data.root: {path}: label of train: 2, allowed: 0 to 1, the classes")


@needs_pyarrow
def test_an_image_that_cannot_be_read_is_named(tmp_path):
    made = table(np.arange(4))
    import pyarrow

    files = made.column("image").to_pylist()
    files[2]["bytes"] = None
    path = tmp_path / "set.parquet"
    written(path, made.set_column(0, "image", pyarrow.array(files, made.field("image").type)))
    raw = load("parquet", str(path), size=8, crop=1.0, test_samples=1)
    with pytest.raises(DataError, match=r"cannot read train/2 \(not an image\)$"):
        list(raw.train.read(np.arange(4)))


def test_without_pyarrow_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "set.parquet").touch()
    assert refusal(tmp_path / "set.parquet") == (
        "data.name: parquet: pyarrow is not installed: pip install pyarrow"
    )
