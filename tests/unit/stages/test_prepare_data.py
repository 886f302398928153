"""The data file is written as images are read, and says what is wrong with them."""

import logging
import tracemalloc

import h5py
import numpy as np
import pytest
from unit.support.own_images import image_folder, png, prepared, random_images

from repcompare.data.catalogue import DataError
from repcompare.data.loaders import counted
from repcompare.stages import prepare_data as stage
from repcompare.stages.prepare_data import Seen, prepare_data


def test_mean_and_deviation_are_exact_however_many_images_pass_at_a_time():
    images = random_images(50, 3, 7, 7)
    whole, parts = Seen(3), Seen(3)
    whole.add(images)
    for part in np.split(images[::-1], [1, 20, 33]):
        parts.add(part)
    np.testing.assert_array_equal(whole.moments, parts.moments)
    np.testing.assert_allclose(whole.moments[0], (images / 255).mean(axis=(0, 2, 3)), rtol=1e-13)
    np.testing.assert_allclose(whole.moments[1], (images / 255).std(axis=(0, 2, 3)), rtol=1e-13)


def test_a_data_file_does_not_depend_on_how_many_images_are_read_at_a_time(tmp_path, monkeypatch):
    settings = {"name": "digits", "fit_samples": 100, "train_samples": None}
    digests = []
    for size in (64, 5000, 10**7):
        monkeypatch.setattr(stage, "BYTES", size)
        prepare_data(tmp_path / "data.h5", settings=settings)
        with h5py.File(tmp_path / "data.h5") as file:
            digests.append((file.attrs["digest"], *file.attrs["std"]))
    assert len(set(digests)) == 1


def test_images_are_never_all_in_memory(tmp_path, monkeypatch):
    number, side = 400, 128
    path = tmp_path / "cells.h5"
    with h5py.File(path, "w") as file:
        file["train_images"] = random_images(number, side, side, 3)
        file["train_labels"] = np.arange(number) % 2
    settings = {"name": "arrays", "test_samples": 10, "fit_samples": 10, "train_samples": None}
    monkeypatch.setattr(stage, "BYTES", 2**19)
    monkeypatch.setattr("repcompare.storage.hdf5.BYTES_PER_READ", 2**19)
    tracemalloc.start()
    prepare_data(tmp_path / "data.h5", settings=settings, root=str(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.4 * number * 3 * side**2


def test_images_that_are_there_twice_are_counted_and_named(tmp_path, caplog):
    root = image_folder(tmp_path / "photos", {"train/cat": 6, "train/dog": 2, "val/dog": 3})
    cat = root / "train" / "cat"
    for place in range(1, 5):
        (cat / f"{place}.png").write_bytes((cat / "0.png").read_bytes())
    (root / "val" / "dog" / "2.png").write_bytes((cat / "5.png").read_bytes())
    with caplog.at_level(logging.WARNING):
        prepared(tmp_path / "data.h5", root)
    twice, across = caplog.messages
    assert twice.startswith("images that are twice in train, 4 of them: train/cat/")
    assert twice.endswith(" and 1 more")
    assert across == (
        "images that are in train and in test, 1 of them: val/dog/2.png is train/cat/5.png"
    )


def test_images_without_any_contrast_are_refused(tmp_path):
    root = image_folder(tmp_path / "photos", {"train/cat": 0, "val/cat": 1})
    (root / "train" / "cat" / "0.png").write_bytes(png(np.full((8, 8, 3), 7, np.uint8)))
    with pytest.raises(DataError, match="all training images are the same in channel 0"):
        prepared(tmp_path / "data.h5", root)


def test_a_key_that_asks_for_more_test_images_than_there_are_is_named(tmp_path):
    root = image_folder(tmp_path / "photos", {"cat": 6})
    settings = {"name": "folder", "size": 8, "crop": 1.0, "test_samples": 2}
    settings |= {"fit_samples": 0, "train_samples": None}
    needed = {"features.samples": 2, "attack.samples": 3}
    with pytest.raises(DataError) as refusal:
        prepare_data(tmp_path / "a.h5", settings=settings, root=str(root), test_images=needed)
    assert str(refusal.value) == "attack.samples: got 3, but there are 2 test images"


def test_a_key_that_needs_more_classes_than_there_are_is_named(tmp_path):
    root = image_folder(tmp_path / "photos", {"cat": 6, "dog": 6})
    settings = {"name": "folder", "size": 8, "crop": 1.0, "test_samples": 2}
    settings |= {"fit_samples": 0, "train_samples": None}
    needed = {"attack.objective": 2}
    prepare_data(tmp_path / "a.h5", settings=settings, root=str(root), classes=needed)
    needed = {"attack.objective": 3}
    with pytest.raises(DataError) as refusal:
        prepare_data(tmp_path / "a.h5", settings=settings, root=str(root), classes=needed)
    assert str(refusal.value) == "attack.objective: needs 3 classes or more, but there are 2"


def test_a_plan_counts_the_images_that_the_data_file_will_hold(tmp_path):
    root = image_folder(tmp_path / "photos", {"cat": 6, "dog": 5})
    data = {"name": "folder", "root": str(root), "size": 8, "crop": 1.0, "test_samples": 4}
    facts = counted(data)
    found = prepared(tmp_path / "data.h5", root, test_samples=4)
    assert (facts.train, facts.test) == tuple(len(found[key]["ids"]) for key in ("train", "test"))
    assert (facts.size, facts.channels, facts.classes) == (8, 3, 2)
