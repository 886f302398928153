"""The data sets as they are published: where each lies, and how its files are read."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repcompare.data.splits import Images, stratified
from repcompare.registry import known

# Where files are looked for if the config names no folder.
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
DOWNLOADS = Path("resources")

# The digits have no test images of their own.
DIGITS_TEST_IMAGES = 597

# What the two files of a split of Fashion-MNIST are called.
IDX_PARTS = ("images-idx3-ubyte", "labels-idx1-ubyte")


class DataError(ValueError):
    """A data set that cannot be found, or is not what it should be."""


@dataclass(frozen=True)
class RawDataset:
    """A data set as published: its two splits, with ids that count train first, then test."""

    class_names: tuple[str, ...]
    train: Images
    test: Images
    source: str


def load(name: str, root: str | None) -> RawDataset:
    """Load data set `name`; `root` is the folder with its files, None the usual places.

    Raises:
        ValueError: a name without a row in `LOADERS`.
        DataError: files that are missing and cannot be downloaded.
    """
    return known(LOADERS, name, "data.name")(None if root is None else Path(root))


def _numbered(images: np.ndarray, labels: np.ndarray, first_id: int = 0) -> Images:
    labels = np.asarray(labels, dtype=np.int64)
    return Images(np.ascontiguousarray(images), labels, np.arange(len(labels)) + first_id)


def _load_digits(root: Path | None) -> RawDataset:
    if root is not None:
        raise DataError("data.root: the digits come with scikit-learn; leave data.root out")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    data = _numbered(images, bunch.target)
    train, test = stratified(data.ids, data.labels, DIGITS_TEST_IMAGES)
    names = tuple(str(name) for name in bunch.target_names)
    return RawDataset(names, data.take(train), data.take(test), "sklearn.datasets.load_digits")


def _load_fashion_mnist(root: Path | None) -> RawDataset:
    from torchvision.datasets import FashionMNIST

    folder = root or DEBIAN_FASHION_MNIST
    if root is None and not folder.is_dir():
        _download(FashionMNIST, "fashion_mnist", DOWNLOADS)
        folder = DOWNLOADS / "FashionMNIST" / "raw"

    def read(split: str, first_id: int = 0) -> Images:
        images, labels = (_read_idx(folder, f"{split}-{part}") for part in IDX_PARTS)
        return _numbered(images, labels, first_id)

    train = read("train")
    test = read("t10k", len(train.labels))
    return RawDataset(tuple(FashionMNIST.classes), train, test, str(folder))


def _read_idx(folder: Path, stem: str) -> np.ndarray:
    """Read a file of Y. LeCun's IDX format, gzipped or not; images get a channel axis."""
    path = next((p for p in (folder / f"{stem}.gz", folder / stem) if p.is_file()), None)
    if path is None:
        raise DataError(f"fashion_mnist: {folder} holds neither {stem}.gz nor {stem}")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rank = content[3] if content[:3] == b"\0\0\x08" else 0
    shape = np.frombuffer(content, ">i4", count=rank, offset=4) if rank else ()
    if not rank or len(content) != 4 + 4 * rank + np.prod(shape):
        raise DataError(f"fashion_mnist: {path} is not a whole IDX file of bytes")
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
    return values[:, None] if rank == 3 else values


def _load_cifar(class_name: str, root: Path | None) -> RawDataset:
    import torchvision.datasets

    dataset = getattr(torchvision.datasets, class_name)
    folder = root or DOWNLOADS
    if root is None:
        _download(dataset, class_name.lower(), folder)
    try:
        train, test = (dataset(folder, train=train, download=False) for train in (True, False))
    except RuntimeError as error:
        raise DataError(f"{class_name.lower()}: {folder}/{dataset.base_folder}: {error}") from error
    first = _numbered(train.data.transpose(0, 3, 1, 2), train.targets)
    last = _numbered(test.data.transpose(0, 3, 1, 2), test.targets, len(first.labels))
    return RawDataset(tuple(train.classes), first, last, str(folder / dataset.base_folder))


def _download(dataset: type, name: str, folder: Path) -> None:
    try:
        dataset(folder, download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{name}: not in {folder} and cannot be downloaded ({error}); "
            "put the files in a folder of your own and name it as data.root"
        ) from error


LOADERS: dict[str, Callable[[Path | None], RawDataset]] = {
    "digits": _load_digits,
    "fashion_mnist": _load_fashion_mnist,
    "cifar10": lambda root: _load_cifar("CIFAR10", root),
    "cifar100": lambda root: _load_cifar("CIFAR100", root),
}
