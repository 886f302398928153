"""A folder of images is read whole: nothing in it is skipped in silence."""

import os

import numpy as np
import pytest
from unit.support.own_images import image_folder, png, prepared, random_images

from repcompare.data.catalogue import DataError
from repcompare.data.loaders import load

SPLIT = {"train/cat": 5, "train/dog": 3, "val/dog": 2}


def refusal(root, **settings) -> str:
    with pytest.raises(DataError) as caught:
        load("folder", str(root), size=8, crop=1.0, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_have_the_class_of_their_folder_and_the_name_of_their_path(tmp_path):
    root = image_folder(tmp_path / "photos", SPLIT)
    found = prepared(tmp_path / "data.h5", root)
    assert sorted(found["train"]["names"]) == sorted(
        [f"train/cat/{i}.png".encode() for i in range(5)]
        + [f"train/dog/{i}.png".encode() for i in range(3)]
    )
    for split in found.values():
        for name, label, image in zip(
            split["names"], split["labels"], split["images"], strict=True
        ):
            assert label == (b"dog" in name)
            _, folder, file = name.decode().split("/")
            place = list(SPLIT).index(name.decode().rpartition("/")[0])
            expected = (
                random_images(5, 8, 8, 3, seed=place)[int(file[0])] if folder == "cat" else None
            )
            if expected is not None:
                np.testing.assert_array_equal(image.transpose(1, 2, 0), expected)
    assert list(map(len, (found["train"]["ids"], found["test"]["ids"]))) == [8, 2]


def test_a_new_image_changes_no_other_ones_id_pixels_or_label(tmp_path):
    root = image_folder(tmp_path / "photos", SPLIT)
    before = prepared(tmp_path / "before.h5", root)["train"]
    (root / "train" / "cat" / "00.png").write_bytes(png(random_images(1, 8, 8, 3, seed=9)[0]))
    after = prepared(tmp_path / "after.h5", root)["train"]
    kept = np.isin(after["ids"], before["ids"])
    assert kept.sum() == len(kept) - 1 == 8
    for key, values in before.items():
        np.testing.assert_array_equal(after[key][kept], values)


def test_a_folder_that_is_moved_keeps_its_data_file(tmp_path):
    root = image_folder(tmp_path / "photos", SPLIT)
    before = prepared(tmp_path / "before.h5", root)
    root.rename(tmp_path / "moved")
    after = prepared(tmp_path / "after.h5", tmp_path / "moved")
    for split, arrays in before.items():
        for key, values in arrays.items():
            np.testing.assert_array_equal(after[split][key], values)


def test_one_class_only_is_enough(tmp_path):
    root = image_folder(tmp_path / "photos", {"cat": 5})
    found = prepared(tmp_path / "data.h5", root, test_samples=2)
    assert (found["train"]["labels"] == 0).all()
    assert len(found["test"]["ids"]) == 2


@pytest.mark.parametrize("name", ["notes.txt", "0.jpg.part", "more"])
def test_what_is_no_image_in_the_folder_of_a_class_is_named(tmp_path, name):
    root = image_folder(tmp_path / "photos", SPLIT)
    path = root / "train" / "dog" / name
    path.mkdir() if name == "more" else path.touch()
    assert refusal(root).startswith(
        f"data.root: {path}: not an image, allowed in the folder of a class: files that end in .bmp"
    )


def test_hidden_files_are_no_images_and_a_link_to_nowhere_is_none_either(tmp_path):
    root = image_folder(tmp_path / "photos", SPLIT)
    (root / "train" / "dog" / ".DS_Store").touch()
    (root / "train" / "dog" / "._0.png").touch()
    assert len(load("folder", str(root), size=8, crop=1.0).train) == 8
    os.symlink(tmp_path / "nowhere.png", root / "train" / "dog" / "9.png")
    assert refusal(root).startswith(f"data.root: {root}/train/dog/9.png: not an image")


def test_a_class_without_images_is_named(tmp_path):
    root = image_folder(tmp_path / "photos", {**SPLIT, "train/emu": 0})
    assert refusal(root) == f"data.root: {root}/train/emu: holds no images"


def test_a_broken_image_is_named_and_no_data_file_is_left(tmp_path):
    root = image_folder(tmp_path / "photos", SPLIT)
    broken = root / "train" / "cat" / "4.png"
    broken.write_bytes(broken.read_bytes()[:-60])
    with pytest.raises(DataError) as caught:
        prepared(tmp_path / "data.h5", root)
    assert str(caught.value) == f"data.root: cannot read {broken} (truncated)"
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_two_images_of_one_name_are_refused(tmp_path):
    root = image_folder(tmp_path / "photos", SPLIT)
    for name in ("cafe\u0301.png", "caf\u00e9.png"):
        (root / "train" / "cat" / name).write_bytes(png(random_images(1, 8, 8, 3)[0]))
    said = refusal(root)
    assert said.endswith("count as one image: they have the same id")
    assert "train/cat/cafe\u0301.png" in said
    assert "train/cat/caf\u00e9.png" in said


def test_more_test_images_than_leave_any_to_train_on_are_refused(tmp_path):
    root = image_folder(tmp_path / "photos", {"cat": 4, "dog": 3})
    assert refusal(root, test_samples=7) == (
        f"data.test_samples: got 7, but {root} has 7 images, and some must be left to train on"
    )
    assert refusal(root).startswith("data.test_samples: missing")
