"""The data sets are what was published, and their splits are deterministic and disjoint."""

import gzip
import pickle

import h5py
import numpy as np
import pytest
from sklearn.datasets import load_digits

from repcompare.data.loaders import DEBIAN_FASHION_MNIST, DataError, load
from repcompare.data.splits import Images, split_training
from repcompare.stages.prepare_data import prepare_data

needs_fashion_mnist = pytest.mark.skipif(
    not DEBIAN_FASHION_MNIST.is_dir(), reason="Debian's dataset-fashion-mnist is not installed"
)


def test_the_digits_are_scikit_learns_in_eight_bits():
    raw, bunch = load("digits", None), load_digits()
    assert raw.train.images.shape == (1200, 1, 8, 8)
    assert raw.test.images.shape == (597, 1, 8, 8)
    for split in (raw.train, raw.test):
        np.testing.assert_array_equal(split.labels, bunch.target[split.ids])
        np.testing.assert_allclose(
            split.images[:, 0] / 255, bunch.images[split.ids] / 16, atol=2e-3
        )
    ids = np.concatenate([raw.train.ids, raw.test.ids])
    assert sorted(ids) == list(range(1797))


def test_every_class_has_its_share_of_the_digits_test_split():
    raw = load("digits", None)
    share = np.bincount(raw.test.labels) / np.bincount(np.r_[raw.train.labels, raw.test.labels])
    np.testing.assert_allclose(share, 597 / 1797, atol=0.01)


def test_splits_are_disjoint_stratified_and_nested():
    train = load("digits", None).train
    small = split_training(train, fit_samples=200, train_samples=300)
    large = split_training(train, fit_samples=200, train_samples=600)
    everything = split_training(train, fit_samples=200, train_samples=None)
    np.testing.assert_array_equal(small["fit"].ids, everything["fit"].ids)
    assert set(small["train"].ids) < set(large["train"].ids) < set(everything["train"].ids)
    assert not set(everything["train"].ids) & set(everything["fit"].ids)
    assert len(everything["train"].ids) + len(everything["fit"].ids) == 1200
    assert len(small["train"].ids) == 300
    assert np.bincount(small["train"].labels).min() >= 29
    assert "fit" not in split_training(train, fit_samples=0, train_samples=None)


def test_splits_keep_image_label_and_id_together():
    train = load("digits", None).train
    rows = {
        i: (image, label)
        for i, image, label in zip(train.ids, train.images, train.labels, strict=True)
    }
    for split in split_training(train, 100, 100).values():
        for i, image, label in zip(split.ids, split.images, split.labels, strict=True):
            np.testing.assert_array_equal(image, rows[i][0])
            assert label == rows[i][1]


def test_the_data_file_says_what_it_holds(tmp_path):
    digests = []
    for name in ("a.h5", "b.h5"):
        settings = {"name": "digits", "fit_samples": 100, "train_samples": 500}
        prepare_data(tmp_path / name, settings=settings)
        with h5py.File(tmp_path / name) as file:
            assert set(file) == {"train", "fit", "test"}
            pixels = file["train/images"][:] / 255
            np.testing.assert_allclose(file.attrs["mean"], pixels.mean(axis=(0, 2, 3)))
            np.testing.assert_allclose(file.attrs["std"], pixels.std(axis=(0, 2, 3)))
            assert list(file.attrs["class_names"]) == [str(digit) for digit in range(10)]
            digests.append(file.attrs["digest"])
    assert digests[0] == digests[1]


@needs_fashion_mnist
def test_fashion_mnist_is_found_where_debian_puts_it():
    raw = load("fashion_mnist", None)
    assert raw.train.images.shape == (60000, 1, 28, 28)
    assert raw.test.images.shape == (10000, 1, 28, 28)
    assert (np.bincount(raw.train.labels) == 6000).all()
    assert raw.class_names[9] == "Ankle boot"
    assert raw.train.labels[0] == 9
    assert raw.test.ids[0] == 60000
    np.testing.assert_allclose(raw.train.images.mean() / 255, 0.2860, atol=1e-4)


@needs_fashion_mnist
def test_a_truncated_fashion_mnist_file_is_refused(tmp_path):
    for path in DEBIAN_FASHION_MNIST.glob("*.gz"):
        (tmp_path / path.name).symlink_to(path)
    broken = tmp_path / "t10k-labels-idx1-ubyte.gz"
    content = gzip.decompress(broken.read_bytes())
    broken.unlink()
    broken.write_bytes(gzip.compress(content[:-1]))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz is not a whole IDX file"):
        load("fashion_mnist", str(tmp_path))


def test_a_folder_without_the_files_is_named(tmp_path):
    with pytest.raises(DataError, match=r"holds neither train-images-idx3-ubyte\.gz nor"):
        load("fashion_mnist", str(tmp_path))
    with pytest.raises(DataError, match=rf"cifar10: {tmp_path}/cifar-10-batches-py"):
        load("cifar10", str(tmp_path))


@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_cifar_is_read_in_its_published_format(tmp_path, monkeypatch, name, classes):
    import torchvision.datasets

    dataset = getattr(torchvision.datasets, name.upper())
    monkeypatch.setattr(dataset, "_check_integrity", lambda self: True)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    folder = tmp_path / dataset.base_folder
    folder.mkdir()
    rng = np.random.default_rng(0)
    key = "labels" if name == "cifar10" else "fine_labels"
    parts = [file for file, _ in dataset.train_list + dataset.test_list]
    batches = [rng.integers(256, size=(4, 3072), dtype=np.uint8) for _ in parts]
    for file, pixels in zip(parts, batches, strict=True):
        labels = rng.integers(classes, size=4).tolist()
        (folder / file).write_bytes(pickle.dumps({"data": pixels, key: labels}))
    names = [f"class {i}" for i in range(classes)]
    (folder / dataset.meta["filename"]).write_bytes(pickle.dumps({dataset.meta["key"]: names}))

    raw = load(name, str(tmp_path))
    assert raw.train.images.shape == (4 * len(dataset.train_list), 3, 32, 32)
    np.testing.assert_array_equal(raw.train.images[0].ravel(), batches[0][0])
    np.testing.assert_array_equal(raw.test.images[0].ravel(), batches[-1][0])
    assert raw.test.ids[0] == len(raw.train.ids)
    assert raw.class_names == tuple(names)


def test_a_root_for_the_digits_is_refused():
    with pytest.raises(DataError, match=r"leave data\.root out"):
        load("digits", "/data")


def test_images_are_taken_in_the_order_asked_for():
    data = Images(np.zeros((3, 1, 8, 8), np.uint8), np.arange(3), np.arange(3) + 10)
    assert data.take(np.array([2, 0])).ids.tolist() == [12, 10]
