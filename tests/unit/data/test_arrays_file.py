"""Arrays of one's own are read alike from either kind of file, and what they cannot be is said."""

import h5py
import numpy as np
import pytest
from unit.support.own_images import random_images

from repcompare.data.catalogue import DataError
from repcompare.data.loaders import load
from repcompare.stages.prepare_data import prepare_data

IMAGES = random_images(12, 6, 6, 3)
GOOD = {
    "train_images": IMAGES[:8],
    "train_labels": np.arange(8) % 3,
    "test_images": IMAGES[8:],
    "test_labels": np.arange(4) % 2,
}


def written(path, arrays):
    """A file of arrays of the kind that its name ends in."""
    if path.suffix == ".npz":
        (np.savez_compressed if "small" in path.name else np.savez)(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file.create_dataset(name, data=values)
    return path


def digest(path, arrays) -> str:
    """That of the data file that is made of them."""
    settings = {"name": "arrays", "test_samples": None, "fit_samples": 2, "train_samples": None}
    prepare_data(path.with_name("data.h5"), settings=settings, root=str(written(path, arrays)))
    with h5py.File(path.with_name("data.h5")) as file:
        return file.attrs["digest"]


@pytest.fixture(params=["cells.npz", "small.npz", "cells.h5"])
def path(request, tmp_path):
    return tmp_path / request.param


def read(path) -> None:
    """All training images."""
    train = load("arrays", str(path)).train
    list(train.read(np.sort(train.source)))


def refusal(path, **changes) -> str:
    arrays = {key: value for key, value in (GOOD | changes).items() if value is not None}
    written(path, arrays)
    with pytest.raises(DataError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("data.root: ")


def test_every_file_and_order_of_axes_gives_one_data_file(path):
    as_floats = {key: GOOD[key] / 255 for key in ("train_images", "test_images")}
    channels_first = {key: np.moveaxis(GOOD[key], 3, 1).copy() for key in as_floats}
    expected = digest(path.with_name("first.npz"), GOOD)
    assert digest(path, GOOD) == expected
    assert digest(path, GOOD | as_floats) == expected
    assert digest(path, GOOD | channels_first) == expected
    small = {key: values.astype(np.float32) for key, values in as_floats.items()}
    assert digest(path, GOOD | small) == expected


def test_every_image_is_stored_with_its_own_label_and_name(path):
    digest(path, GOOD)
    with h5py.File(path.with_name("data.h5")) as file:
        assert {split: len(group["ids"]) for split, group in file.items()} == {
            "fit": 2, "test": 4, "train": 6
        }  # fmt: skip
        for group in file.values():
            for name, label, image in zip(
                group["names"], group["labels"], group["images"], strict=True
            ):
                split, place = name.decode().split("/")
                assert label == GOOD[f"{split}_labels"][int(place)]
                expected = GOOD[f"{split}_images"][int(place)]
                np.testing.assert_array_equal(image.transpose(1, 2, 0), expected)


def test_grey_images_need_no_axis_of_channels(path):
    grey = {key: GOOD[key][..., 0] for key in ("train_images", "test_images")}
    raw = load("arrays", str(written(path, GOOD | grey)))
    assert raw.train.shape == (1, 6, 6)
    order = np.sort(raw.train.source)
    np.testing.assert_array_equal(np.stack(list(raw.train.read(order)))[:, 0], grey["train_images"])


def test_only_the_images_asked_for_are_read_in_their_order(path):
    raw = load("arrays", str(written(path, GOOD)))
    found = np.stack(list(raw.train.read(np.array([1, 4, 7]))))
    np.testing.assert_array_equal(found, np.moveaxis(IMAGES[[1, 4, 7]], 3, 1))


def test_classes_and_images_have_the_names_of_the_file(path):
    ids = {"train_ids": np.array([f"cell {i}" for i in range(8)]), "test_ids": np.arange(100, 104)}
    if path.suffix == ".h5":
        ids["train_ids"] = ids["train_ids"].astype("S")
    names = ["a", "b", "caf\u00e9"]
    raw = load("arrays", str(written(path, GOOD | ids | {"class_names": names})))
    assert raw.class_names == tuple(names)
    assert sorted(map(raw.train.name, range(8))) == [f"cell {i}" for i in range(8)]
    assert sorted(map(raw.test.name, range(4))) == ["100", "101", "102", "103"]
    raw = load("arrays", str(written(path, GOOD)))
    assert raw.class_names == ("0", "1", "2")
    assert sorted(map(raw.test.name, range(4))) == [f"test/{i}" for i in range(4)]


REFUSED = {
    "images of 16 bits": (
        {"train_images": IMAGES[:8].astype(np.uint16)},
        "train_images is uint16, allowed: uint8, or floats from 0 to 1",
    ),
    "floats up to 255": (
        {"train_images": np.full((8, 6, 6, 3), [0.0, 255.0, 7.0])},
        "train_images[0] has values from 0 to 255, allowed: uint8, or floats from 0 to 1",
    ),
    "not a number": (
        {"train_images": np.full((8, 6, 6, 3), np.nan)},
        "train_images[0] has values from nan to nan, allowed: uint8, or floats from 0 to 1",
    ),
    "images that are not square": (
        {"train_images": random_images(8, 6, 5, 3)},
        "train_images is (8, 6, 5, 3), "
        "allowed: (n, side, side), with 1 or 3 channels behind or before the sides",
    ),
    "two channels": (
        {"train_images": random_images(8, 6, 6, 2)},
        "train_images is (8, 6, 6, 2), "
        "allowed: (n, side, side), with 1 or 3 channels behind or before the sides",
    ),
    "test images of another size": (
        {"test_images": random_images(4, 5, 5, 3)},
        "test_images are of (3, 5, 5), but train_images of (3, 6, 6) (C, H, W)",
    ),
    "fewer labels": (
        {"train_labels": np.arange(3)},
        "train_labels is int64 (3,), allowed: integers (8,), as many as images",
    ),
    "labels that are numbers with a point": (
        {"train_labels": np.zeros(8)},
        "train_labels is float64 (8,), allowed: integers (8,), as many as images",
    ),
    "a class that training has not": (
        {"test_labels": np.array([0, 1, 2, 3])},
        "test_labels: 3, allowed: 0 to 2, the classes",
    ),
    "a label below 0": (
        {"train_labels": np.array([0, 1, -1, 0, 0, 0, 0, 0])},
        "train_labels: -1, allowed: 0 to 1, the classes",
    ),
    "fewer names than classes": (
        {"class_names": ["a", "b"]},
        "train_labels: 2, allowed: 0 to 1, the classes",
    ),
    "no images": (
        {"train_images": IMAGES[:0], "train_labels": np.arange(0)},
        "train_images: holds no images",
    ),
    "ids that are not as many": (
        {"train_ids": np.arange(3)},
        "train_ids is int64 (3,), allowed: integers or text (8,)",
    ),
    "an id in both splits": (
        {"train_ids": np.arange(8), "test_ids": np.arange(7, 11)},
        "7 and 7 count as one image: they have the same id",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_arrays_that_are_not_as_they_must_be_are_refused(path, mistake):
    changes, said = REFUSED[mistake]
    assert refusal(path, **changes) == said


def test_arrays_that_are_missing_are_named(path):
    assert refusal(path, train_labels=None) == f"{path}: train_images, but no train_labels"
    assert refusal(path, train_images=None).startswith(f"{path}: no train_images in it, but ")
    assert refusal(path, class_names=["a", "b", "a"]).endswith("class_names has a name twice")


def test_a_file_that_is_cut_short_is_refused(path):
    written(path, GOOD)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=f"^data.root: cannot read {path} \\("):
        load("arrays", str(path))
