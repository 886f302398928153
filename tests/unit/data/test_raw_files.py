"""Where images of one's own lie is known without reading them, and what lies wrong is named."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from unit.support.own_images import image_folder, png, random_images

from repcompare.data.catalogue import DATA_SETS, DataError, Facts
from repcompare.data.raw_files import facts, raw_files

LIBRARY = Path(__file__).parents[3] / "workflow_scripts"
SPLIT = {"train/cat": 2, "train/dog": 1, "val/dog": 1}


def section(root, name="folder", test_samples=None, size=8) -> dict:
    return {"name": name, "root": str(root), "size": size, "test_samples": test_samples}


def refusal(data) -> str:
    with pytest.raises(DataError) as caught:
        raw_files(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_known_data_set_has_no_files_of_ones_own():
    assert raw_files({"name": "cifar10", "root": "somewhere"}) == []


def test_the_folders_of_the_classes_tell_whether_images_have_changed(tmp_path):
    root = image_folder(tmp_path / "photos", SPLIT)
    (root / ".cache").mkdir()
    (root / "README.txt").touch()
    folders = ["train/cat", "train/dog", "val/dog"]
    assert raw_files(section(root)) == [str(root / folder) for folder in folders]
    root = image_folder(tmp_path / "flat", {"cat": 1, "dog": 1})
    assert raw_files(section(root, test_samples=1)) == [str(root / "cat"), str(root / "dog")]


def test_test_images_are_those_of_test_before_those_of_val(tmp_path):
    root = image_folder(tmp_path / "photos", {**SPLIT, "test/cat": 1})
    assert raw_files(section(root))[2:] == [str(root / "test" / "cat")]


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        ({"test/cat": 1}, "{root}: a folder test, but no folder train"),
        ({"train/cat": 1, "val/dog": 1}, "{root}/val/dog: no such class in {root}/train"),
        ({"train": 1, "val/cat": 1}, "{root}/train/0.png: an image that is in no class's folder"),
        ({".git": 1}, "{root}: holds no folders, allowed: one for each class"),
        ({}, "{root}: no such folder"),
    ],
)
def test_folders_that_lie_otherwise_are_refused(tmp_path, folders, said):
    root = image_folder(tmp_path / "photos", folders)
    assert refusal(section(root)) == "data.root: " + said.format(root=root)


def test_test_images_are_there_or_held_out_and_not_both(tmp_path):
    root = image_folder(tmp_path / "photos", SPLIT)
    assert refusal(section(root, test_samples=1)) == (
        f"data.test_samples: got 1, but {root} has test images already, leave it out"
    )
    assert refusal(section(root / "train")) == (
        f"data.test_samples: missing, for {root}/train has no test images, "
        "allowed: an integer from 1 up"
    )


def test_two_folders_of_one_name_are_refused(tmp_path):
    root = image_folder(tmp_path / "photos", {"cafe\u0301": 1, "caf\u00e9": 1})
    assert refusal(section(root, test_samples=1)).endswith("has the same name")


def test_parquet_files_are_of_the_split_that_they_or_their_folder_are_called(tmp_path):
    for name in ("data/train-00001-of-2", "data/train-00000-of-2", "validation/0000"):
        path = tmp_path / "set" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = raw_files(section(tmp_path / "set", "parquet"))
    assert [Path(path).name for path in found] == [
        "train-00000-of-2.parquet",
        "train-00001-of-2.parquet",
        "0000.parquet",
    ]
    (tmp_path / "set" / "trainings.parquet").touch()
    assert refusal(section(tmp_path / "set", "parquet")) == (
        f"data.root: {tmp_path}/set/trainings.parquet: of no split, "
        "allowed: a name that begins with train, test, val, validation"
    )
    assert refusal(section(tmp_path / "none", "parquet")).endswith("no such file or folder")
    assert refusal(section(tmp_path / "set" / "validation", "parquet")).endswith(
        "no train*.parquet in it"
    )


def test_a_file_of_arrays_must_be_there_and_be_one(tmp_path):
    path = tmp_path / "cells.npz"
    assert refusal(section(path, "arrays")) == f"data.root: {path}: no such file"
    path.write_bytes(b"PK\3\4 and no more")
    assert refusal(section(path, "arrays")).startswith(f"data.root: cannot read {path} (")
    assert refusal(section(tmp_path / "cells.npy", "arrays")) == (
        f"data.root: {tmp_path}/cells.npy: not a file of arrays, allowed: .npz, .h5, .hdf5"
    )
    np.savez(path, train_images=np.array([None]))
    assert refusal(section(path, "arrays")).endswith(
        "train_images: holds Python objects, allowed: numbers or text"
    )
    np.savez(path, train_images=np.asfortranarray(random_images(4, 8, 8)))
    assert refusal(section(path, "arrays")).endswith(
        "train_images: stored column by column, save numpy.ascontiguousarray of it"
    )


def test_facts_are_what_can_be_told_at_a_glance(tmp_path):
    assert facts({"name": "cifar100"}) == Facts(*DATA_SETS["cifar100"])
    root = image_folder(tmp_path / "photos", SPLIT)
    assert facts(section(root)) == Facts(8, 3, None, None, 2)
    assert facts(section(tmp_path / "none", test_samples=5)) == Facts(8, 3, None, 5, None)
    assert facts(section(tmp_path, "parquet")) == Facts(8, 3)
    assert facts(section("cells.h5", "arrays", size=None)) == Facts()
    assert facts(section("none.npz", "arrays", size=None)) == facts({"name": "arrays"}) == Facts()
    path = tmp_path / "cells.npz"
    arrays = {"train_images": random_images(9, 4, 4), "class_names": ["a", "b"]}
    np.savez(path, **arrays)
    assert facts(section(path, "arrays", test_samples=2)) == Facts(4, 1, 7, 2, 2)
    np.savez_compressed(path, **arrays, val_images=random_images(3, 4, 4))
    assert facts(section(path, "arrays")) == Facts(4, 1, 9, 3, 2)


def test_facts_are_told_without_numpy_and_without_a_look_at_the_images(tmp_path):
    root = image_folder(tmp_path / "photos", SPLIT)
    (root / "train" / "cat" / "0.png").chmod(0)
    np.savez(tmp_path / "cells.npz", train_images=random_images(9, 4, 4))
    code = (
        "import sys; from repcompare.data.raw_files import facts, raw_files;"
        f"data = {{'name': 'folder', 'root': {str(root)!r}, 'size': 8, 'test_samples': None}};"
        "facts(data); raw_files(data);"
        f"data = {{'name': 'arrays', 'root': {str(tmp_path / 'cells.npz')!r}, 'test_samples': 1}};"
        "assert facts(data).train == 8; raw_files(data);"
        "print({'numpy', 'h5py', 'PIL', 'pyarrow', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, cwd=LIBRARY, encoding="utf-8") == "set()\n"


def test_an_image_beside_the_folders_of_classes_has_no_class(tmp_path):
    root = image_folder(tmp_path / "photos", {"cat": 1})
    (root / "7.JPG").write_bytes(png(random_images(1, 8, 8, 3)[0]))
    assert refusal(section(root, test_samples=1)) == (
        f"data.root: {root}/7.JPG: an image that is in no class's folder"
    )


@pytest.mark.parametrize("name", ["folder", "arrays", "parquet", "ids"])
def test_a_path_that_no_file_can_have_is_refused(name):
    root = f"{'a' * 300}.npz"
    data = {"name": name, "root": root, "size": 8, "test_samples": None}
    with pytest.raises(DataError, match=f"data.root: {root}: File name too long"):
        raw_files(data)
    assert facts(data).train is None
