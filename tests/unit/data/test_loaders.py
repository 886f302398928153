"""The data sets are what was published, and their splits are deterministic and disjoint."""

import gzip
import pickle
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from sklearn.datasets import load_digits

from repcompare.data.catalogue import DATA_SETS, DataError, DataSet
from repcompare.data.loaders import DEBIAN_FASHION_MNIST, load
from repcompare.data.splits import Images, split_training
from repcompare.stages.prepare_data import prepare_data

needs_fashion_mnist = pytest.mark.skipif(
    not DEBIAN_FASHION_MNIST.is_dir(), reason="Debian's dataset-fashion-mnist is not installed"
)


def pixels(images) -> np.ndarray:
    """All of them, uint8 (n, C, H, W)."""
    return np.stack(list(images.read(images.source)))


def test_the_digits_are_scikit_learns_in_eight_bits():
    raw, bunch = load("digits", None), load_digits()
    assert pixels(raw.train).shape == (1200, 1, 8, 8)
    assert pixels(raw.test).shape == (597, 1, 8, 8)
    for split in (raw.train, raw.test):
        np.testing.assert_array_equal(split.labels, bunch.target[split.ids])
        np.testing.assert_allclose(
            pixels(split)[:, 0] / 255, bunch.images[split.ids] / 16, atol=2e-3
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
        for i, image, label in zip(train.ids, pixels(train), train.labels, strict=True)
    }
    for split in split_training(train, 100, 100).values():
        for i, image, label in zip(split.ids, pixels(split), split.labels, strict=True):
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


# Of data files, the beginning: finished studies stand on these splits.
@pytest.mark.parametrize(
    ("name", "fit", "train", "expected"),
    [
        ("digits", 200, None, "1199909c93cbd8bf"),
        ("digits", 100, 500, "e3dc67bcc09a8486"),
        pytest.param("fashion_mnist", 5000, 10000, "303f259423022fc1", marks=needs_fashion_mnist),
    ],
)
def test_the_splits_of_a_known_data_set_are_what_they_always_were(
    tmp_path, name, fit, train, expected
):
    settings = {"name": name, "fit_samples": fit, "train_samples": train}
    prepare_data(tmp_path / "data.h5", settings=settings)
    with h5py.File(tmp_path / "data.h5") as file:
        assert file.attrs["digest"][:16] == expected


@needs_fashion_mnist
def test_fashion_mnist_is_found_where_debian_puts_it():
    raw = load("fashion_mnist", None)
    assert pixels(raw.train).shape == (60000, 1, 28, 28)
    assert pixels(raw.test).shape == (10000, 1, 28, 28)
    assert (np.bincount(raw.train.labels) == 6000).all()
    assert raw.class_names[9] == "Ankle boot"
    assert raw.train.labels[0] == 9
    assert raw.test.ids[0] == 60000
    np.testing.assert_allclose(pixels(raw.train).mean() / 255, 0.2860, atol=1e-4)


@needs_fashion_mnist
def test_a_truncated_fashion_mnist_file_is_refused(tmp_path):
    for path in DEBIAN_FASHION_MNIST.glob("*.gz"):
        (tmp_path / path.name).symlink_to(path)
    broken = tmp_path / "t10k-labels-idx1-ubyte.gz"
    content = gzip.decompress(broken.read_bytes())
    broken.unlink()
    broken.write_bytes(gzip.compress(content[:-1]))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz ends too early: 10000"):
        load("fashion_mnist", str(tmp_path))


def test_a_folder_without_the_files_is_named(tmp_path):
    with pytest.raises(DataError, match=r"holds neither train-images-idx3-ubyte\.gz nor"):
        load("fashion_mnist", str(tmp_path))
    with pytest.raises(DataError, match=f"data.root: {tmp_path}: not the files of cifar10"):
        load("cifar10", str(tmp_path))


def write_idx(folder, split, images, labels):
    """The two files of a split of Fashion-MNIST, as they are published."""
    for part, values in (("images-idx3", images), ("labels-idx1", labels)):
        header = bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">i4").tobytes()
        (folder / f"{split}-{part}-ubyte").write_bytes(header + values.tobytes())


# What is not Fashion-MNIST: side, training images and labels, test images, the largest label.
NOT_FASHION_MNIST = {
    (32, 6, 6, 3, 9): "holds 6 x 32 x 32 values, allowed: 6 x 28 x 28",
    (28, 5, 5, 3, 9): "holds 5 x 28 x 28 values, allowed: 6 x 28 x 28",
    (28, 6, 6, 4, 9): "holds 4 x 28 x 28 values, allowed: 3 x 28 x 28",
    (28, 6, 6, 3, 26): "training label: 26, allowed: 0 to 9, the classes",
    (28, 6, 2, 3, 9): "holds 2 values, allowed: 6",
}


@pytest.mark.parametrize("made", NOT_FASHION_MNIST)
def test_files_that_are_not_those_of_fashion_mnist_are_refused(tmp_path, monkeypatch, made):
    monkeypatch.setitem(DATA_SETS, "fashion_mnist", DataSet(28, 1, 6, 3, 10))
    side, train, labels, test, largest = made
    for split, n, labelled in (("train", train, labels), ("t10k", test, test)):
        images = np.zeros((n, side, side), np.uint8)
        write_idx(tmp_path, split, images, np.full(labelled, largest, np.uint8))
    with pytest.raises(DataError) as refusal:
        load("fashion_mnist", str(tmp_path))
    assert str(refusal.value).endswith(NOT_FASHION_MNIST[made])
    assert str(tmp_path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_images_in_the_place_of_labels_are_no_labels(tmp_path, monkeypatch):
    monkeypatch.setitem(DATA_SETS, "fashion_mnist", DataSet(28, 1, 6, 3, 10))
    images = np.zeros((6, 28, 28), np.uint8)
    write_idx(tmp_path, "train", images, images)
    with pytest.raises(
        DataError, match="labels-idx1-ubyte is not an IDX file of bytes with 1 axis"
    ):
        load("fashion_mnist", str(tmp_path))


def claims(*shape) -> bytes:
    """The beginning of an IDX file of so many values."""
    return bytes((0, 0, 8, len(shape))) + np.array(shape, ">u4").tobytes()


BOMB = b"".join(
    [gzip.compress(claims(6, 28, 28)), *[gzip.compress(bytes(2**24), 1)] * 64]
)  # fmt: skip
DAMAGED = {
    b"": "is not an IDX file of bytes with 3 axes",
    gzip.compress(claims(6, 28, 28)): "ends too early: 6 x 28 x 28 values are 4720 bytes",
    gzip.compress(claims(2**32 - 1, 28, 28)): "holds 4294967295 x 28 x 28 values",
    BOMB: "goes on where it should end: 6 x 28 x 28 values are 4720 bytes",
    gzip.compress(claims(6, 28, 28) + bytes(99))[:-9]: "cannot read .*Compressed file ended",
    b"no gzip": "cannot read .*Not a gzipped file",
    gzip.compress(b"")[:10] + b"\xff" * 20: "cannot read .*invalid block type",
}


@pytest.mark.parametrize("content", DAMAGED, ids=DAMAGED.values())
def test_no_more_of_a_file_is_read_than_the_data_set_has(tmp_path, monkeypatch, content):
    monkeypatch.setitem(DATA_SETS, "fashion_mnist", DataSet(28, 1, 6, 3, 10))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(DataError, match=DAMAGED[content]):
        load("fashion_mnist", str(tmp_path))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**24


def test_the_root_of_fashion_mnist_may_be_the_folder_that_torchvision_fills(tmp_path, monkeypatch):
    monkeypatch.setitem(DATA_SETS, "fashion_mnist", DataSet(28, 1, 6, 3, 10))
    (inner := tmp_path / "FashionMNIST" / "raw").mkdir(parents=True)
    for split, n in (("train", 6), ("t10k", 3)):
        write_idx(inner, split, np.zeros((n, 28, 28), np.uint8), np.zeros(n, np.uint8))
    for root in (tmp_path, inner):
        assert load("fashion_mnist", str(root)).source == str(inner)


@pytest.fixture(params=[("cifar10", 10), ("cifar100", 100)], ids=lambda param: param[0])
def cifar(request, tmp_path, monkeypatch):
    """A folder with small files in the format of CIFAR, four images each, and what is in them."""
    import torchvision.datasets

    name, classes = request.param
    dataset = getattr(torchvision.datasets, name.upper())
    monkeypatch.setattr(dataset, "_check_integrity", lambda self: True)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    train = 4 * len(dataset.train_list)
    monkeypatch.setitem(DATA_SETS, name, DataSet(32, 3, train, 4, classes))
    folder = tmp_path / dataset.base_folder
    folder.mkdir()
    rng = np.random.default_rng(0)
    key = "labels" if name == "cifar10" else "fine_labels"
    parts = [file for file, _ in dataset.train_list + dataset.test_list]
    batches = [rng.integers(256, size=(4, 3072), dtype=np.uint8) for _ in parts]
    for file, values in zip(parts, batches, strict=True):
        labels = rng.integers(classes, size=4).tolist()
        (folder / file).write_bytes(pickle.dumps({"data": values, key: labels}))
    names = [f"class {i}" for i in range(classes)]
    (folder / dataset.meta["filename"]).write_bytes(pickle.dumps({dataset.meta["key"]: names}))
    return name, train, batches, tuple(names)


def test_cifar_is_read_in_its_published_format(tmp_path, cifar):
    name, train, batches, names = cifar
    raw = load(name, str(tmp_path))
    assert load(name, raw.source).source == raw.source != str(tmp_path)
    assert pixels(raw.train).shape == (train, 3, 32, 32)
    np.testing.assert_array_equal(pixels(raw.train)[0].ravel(), batches[0][0])
    np.testing.assert_array_equal(pixels(raw.test)[0].ravel(), batches[-1][0])
    assert raw.test.ids[0] == len(raw.train.ids)
    assert raw.class_names == names


def test_a_cifar_of_fewer_images_is_refused(tmp_path, cifar, monkeypatch):
    name, train, *_ = cifar
    monkeypatch.setitem(DATA_SETS, name, DATA_SETS[name]._replace(train=50000))
    with pytest.raises(DataError, match=f"is not {name}: its training images are {train}, allowed"):
        load(name, str(tmp_path))


def test_a_cifar_file_that_was_not_published_is_not_unpickled(tmp_path):
    class Runs:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    for file in ("data_batch_1", "batches.meta"):
        (tmp_path / file).write_bytes(pickle.dumps(Runs()))
    with pytest.raises(DataError, match=r"those of cifar-10-python\.tar\.gz, unpacked$"):
        load("cifar10", str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_a_root_for_the_digits_is_refused():
    with pytest.raises(DataError, match=r"leave data\.root out"):
        load("digits", "/data")


def test_images_that_are_taken_keep_what_belongs_to_them():
    values = np.arange(5, dtype=np.uint8)[:, None, None, None]
    data = Images.published(values, np.arange(5), np.arange(5) + 10).take(np.array([0, 2, 4]))
    assert data.ids.tolist() == [10, 12, 14]
    assert pixels(data.take(np.array([1, 2]))).ravel().tolist() == [2, 4]


@pytest.mark.parametrize(
    ("fit", "train", "said"),
    [
        (0, 1201, "data.train_samples: got 1201, but there are 1200 training images"),
        (1200, None, "data.fit_samples: got 1200, but there are 1200 training images, and some"),
    ],
)
def test_more_images_than_there_are_are_refused_and_not_cut(fit, train, said):
    with pytest.raises(DataError, match=said):
        split_training(load("digits", None).train, fit, train)
