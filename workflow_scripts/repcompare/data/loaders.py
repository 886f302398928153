"""The data sets: where they come from, and how they are split into one file per study."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repcompare.registry import known
from repcompare.storage.files import new_hdf5

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
DOWNLOADS = Path("resources")
DIGITS_TEST_IMAGES = 597
SPLIT_SEED = 0


class DataError(ValueError):
    """A data set that cannot be found, or is not what it should be."""


@dataclass(frozen=True)
class Images:
    """Labelled images: `images` uint8 (N, C, H, W), `labels` int64 (N,), `ids` int64 (N,)."""

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray

    def take(self, index: np.ndarray) -> "Images":
        """The images at `index`, in that order."""
        return Images(self.images[index], self.labels[index], self.ids[index])


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


def split_training(train: Images, fit_samples: int, train_samples: int | None) -> dict[str, Images]:
    """Split the published training images into `train` and, if `fit_samples` > 0, `fit`.

    Stratified by class and deterministic. `fit` is taken first and never trained on, so it is the
    same for every `train_samples`; a smaller `train` is a part of a larger one's images.
    """
    index = np.arange(len(train.labels))
    splits = {}
    if fit_samples:
        index, fit = _stratified(index, train.labels, fit_samples)
        splits["fit"] = train.take(fit)
    if train_samples is not None and train_samples < len(index):
        _, index = _stratified(index, train.labels, train_samples)
    return {"train": train.take(index), **splits}


def write_dataset(
    path: str | Path, name: str, root: str | None, fit_samples: int, train_samples: int | None
) -> None:
    """Write the study's data file: splits, ids, class names and normalisation."""
    raw = load(name, root)
    splits = split_training(raw.train, fit_samples, train_samples) | {"test": raw.test}
    pixels = splits["train"].images
    attributes = {
        "name": name,
        "source": raw.source,
        "class_names": list(raw.class_names),
        "mean": pixels.mean(axis=(0, 2, 3), dtype=np.float64) / 255,
        "std": pixels.std(axis=(0, 2, 3), dtype=np.float64) / 255,
    }
    with new_hdf5(path, attributes) as file:
        for split, data in splits.items():
            group = file.create_group(split)
            group.create_dataset(
                "images",
                data=data.images,
                chunks=(min(1024, len(data.images)), *data.images.shape[1:]),
                compression="gzip",
                compression_opts=1,
            )
            group["labels"] = data.labels
            group["ids"] = data.ids


def _stratified(index: np.ndarray, labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sorted parts of `index`, the second of `size` images, every class in proportion.

    Each class keeps its own fixed random order, and the smaller part is always its beginning.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    order = order[np.isin(order, index)]
    share = np.empty(len(order))
    for label in np.unique(labels[index]):
        members = labels[order] == label
        share[members] = (np.arange(members.sum()) + 0.5) / members.sum()
    ranked = order[np.argsort(share, kind="stable")]
    return np.sort(ranked[size:]), np.sort(ranked[:size])


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
    train, test = _stratified(data.ids, data.labels, DIGITS_TEST_IMAGES)
    names = tuple(str(name) for name in bunch.target_names)
    return RawDataset(names, data.take(train), data.take(test), "sklearn.datasets.load_digits")


def _load_fashion_mnist(root: Path | None) -> RawDataset:
    from torchvision.datasets import FashionMNIST

    folder = root or DEBIAN_FASHION_MNIST
    if root is None and not folder.is_dir():
        _download(FashionMNIST, "fashion_mnist", DOWNLOADS)
        folder = DOWNLOADS / "FashionMNIST" / "raw"
    train = _numbered(*(_read_idx(folder, f"train-{part}") for part in IDX_PARTS))
    test = _numbered(*(_read_idx(folder, f"t10k-{part}") for part in IDX_PARTS), len(train.labels))
    return RawDataset(tuple(FashionMNIST.classes), train, test, str(folder))


IDX_PARTS = ("images-idx3-ubyte", "labels-idx1-ubyte")


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
