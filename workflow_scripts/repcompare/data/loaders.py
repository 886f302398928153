"""The data sets: where each lies, and how its files are read."""

import dataclasses
import functools
import gzip
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repcompare.data.arrays_file import load_arrays, require_labels
from repcompare.data.catalogue import DATA_SETS, IDS, OWN, DataError, DataSet
from repcompare.data.id_list import load_ids
from repcompare.data.image_folder import load_folder
from repcompare.data.parquet import load_parquet
from repcompare.data.raw_files import require_test_images
from repcompare.data.splits import Images, RawDataset, held_out, stratified
from repcompare.registry import known

# Where files are looked for if the config names no folder.
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
DOWNLOADS = Path("resources")

# The digits have no test images of their own.
DIGITS_TEST_IMAGES = 597


def load(
    name: str,
    root: str | None,
    *,
    size: int | None = None,
    crop: float | None = None,
    test_samples: int | None = None,
) -> RawDataset:
    """A data set: labels and ids are read at once, images when they are asked for.

    Args:
        name: one of `LOADERS`, the config's `data.name`.
        root: its files; None: the usual places of a known data set.
        size: of photographs of one's own, the side of the images in pixels.
        crop: of these, what a shorter side is to the square cut out of it.
        test_samples: of images of one's own, how many to hold out where none are test images.

    Raises:
        ValueError: a name without a row in `LOADERS`.
        DataError: files that are missing and cannot be downloaded, or are not what they should be.
    """
    loader = known(LOADERS, name, "data.name")
    if name in DATA_SETS:
        raw = loader(None if root is None else Path(root))
        _require_facts(raw, name, DATA_SETS[name])
        return raw
    assert root is not None, "a validated config names it"
    raw = loader(Path(root), *([size, crop] if "size" in OWN[name] else []))
    require_test_images(Path(root), raw.test is not None, test_samples)
    _require_distinct(raw)
    if test_samples is None:
        return raw
    if test_samples >= len(raw.train):
        text = f"{root} has {len(raw.train)} images, and some must be left to train on"
        raise DataError(f"data.test_samples: got {test_samples}, but {text}")
    train, test = held_out(raw.train, test_samples)
    return dataclasses.replace(raw, train=train, test=test)


@functools.lru_cache
def _counted(name: str, root: str | None, size: int | None, test_samples: int | None) -> DataSet:
    raw = load(name, root, size=size, crop=1.0, test_samples=test_samples)
    channels, side, _ = raw.train.shape or (0, 0, 0)
    return DataSet(side, channels, len(raw.train), len(raw.tested), len(raw.class_names))


def counted(data: Mapping[str, Any]) -> DataSet:
    """The facts of the data set of a validated config's `data`; one's own images are counted now.

    Raises:
        DataError: they are not there, or do not lie as they must.
    """
    if data["name"] in DATA_SETS:
        return DATA_SETS[data["name"]]
    return _counted(data["name"], data["root"], data["size"], data["test_samples"])


def _require_facts(raw: RawDataset, name: str, facts: DataSet) -> None:
    """Raise DataError unless the files hold what the known data set is known to hold."""
    shape = (facts.channels, facts.size, facts.size)
    for split, images, number in (
        ("training", raw.train, facts.train),
        ("test", raw.tested, facts.test),
    ):
        what = f"data.root: {raw.source} is not {name}: its {split} images"
        if images.shape != shape:
            given, allowed = (" x ".join(map(str, of)) for of in (images.shape, shape))
            raise DataError(f"{what} are {given} (C x H x W), allowed: {allowed}")
        if len(images) != number:
            raise DataError(f"{what} are {len(images)}, allowed: {number}")
        require_labels(f"{raw.source} is not {name}: {split} label", images.labels, facts.classes)


def _require_distinct(raw: RawDataset) -> None:
    """Raise DataError, naming two images, if two of one's own have the same id."""
    parts = [part for part in (raw.train, raw.test) if part is not None]
    ids = np.concatenate([part.ids for part in parts])
    order = np.argsort(ids, kind="stable")
    same = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(same):
        names = [part.name(place) for part in parts for place in range(len(part))]
        one, other = (names[place] for place in order[same[0] : same[0] + 2])
        raise DataError(f"data.root: {one} and {other} count as one image: they have the same id")


def _numbered(images: np.ndarray, labels: Sequence[int] | np.ndarray, first_id: int = 0) -> Images:
    return Images.published(images, np.asarray(labels, np.int64), np.arange(len(images)) + first_id)


def _load_digits(root: Path | None) -> RawDataset:
    if root is not None:
        raise DataError("data.root: the digits come with scikit-learn; leave data.root out")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    data = _numbered(images, bunch.target)
    parts = stratified(data.labels, DIGITS_TEST_IMAGES, data.order)
    train, test = (Images.published(images[part], data.labels[part], part) for part in parts)
    names = tuple(str(name) for name in bunch.target_names)
    return RawDataset(names, train, test, "sklearn.datasets.load_digits")


def _load_fashion_mnist(root: Path | None) -> RawDataset:
    from torchvision.datasets import FashionMNIST

    folder = root or DEBIAN_FASHION_MNIST
    if root is None and not folder.is_dir():
        _download(FashionMNIST, "fashion_mnist", DOWNLOADS)
        folder = DOWNLOADS
    folder = _inner(folder, "FashionMNIST/raw")

    def read(split: str, number: int, first_id: int = 0) -> Images:
        side = DATA_SETS["fashion_mnist"].size
        shapes = {"images-idx3-ubyte": (number, side, side), "labels-idx1-ubyte": (number,)}
        images, labels = (
            _read_idx(folder, f"{split}-{part}", shape) for part, shape in shapes.items()
        )
        return _numbered(images[:, None], labels, first_id)

    train = read("train", DATA_SETS["fashion_mnist"].train)
    test = read("t10k", DATA_SETS["fashion_mnist"].test, len(train))
    return RawDataset(tuple(FashionMNIST.classes), train, test, str(folder))


def _inner(root: Path, inside: str) -> Path:
    """The folder of a known data set's files: `root`, or where torchvision puts them below it."""
    return root / inside if (root / inside).is_dir() else root


def _read_idx(folder: Path, stem: str, shape: tuple[int, ...]) -> np.ndarray:
    """The uint8 values of a file of Y. LeCun's IDX format, gzipped or not, which must be of `shape`.

    No more is read than they are, whatever the file says of itself.
    """
    path = next((p for p in (folder / f"{stem}.gz", folder / stem) if p.is_file()), None)
    if path is None:
        raise DataError(f"data.root: {folder} holds neither {stem}.gz nor {stem}")
    start = 4 + 4 * len(shape)
    size = start + math.prod(shape)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"data.root: cannot read {path} ({error})") from error
    if len(content) < start or content[:4] != bytes((0, 0, 8, len(shape))):
        text = f"not an IDX file of bytes with {_axes(shape)}"
        raise DataError(f"data.root: {path} is {text}")
    found = tuple(np.frombuffer(content, ">u4", count=len(shape), offset=4).tolist())
    if found != shape:
        text = f"holds {_by(found)} values, allowed: {_by(shape)}"
        raise DataError(f"data.root: {path} is not of fashion_mnist: {text}")
    if len(content) != size:
        text = "ends too early" if len(content) < size else "goes on where it should end"
        raise DataError(f"data.root: {path} {text}: {_by(shape)} values are {size} bytes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _axes(shape: tuple[int, ...]) -> str:
    return f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}"


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _load_cifar(class_name: str, root: Path | None) -> RawDataset:
    import torchvision.datasets

    dataset, name = getattr(torchvision.datasets, class_name), class_name.lower()
    if root is None:
        _download(dataset, name, DOWNLOADS)
    folder = _inner(root or DOWNLOADS, dataset.base_folder)
    # torchvision reads them by pickle, but only files that have the MD5 of those that were published.
    here = type(class_name, (dataset,), {"base_folder": ""})
    try:
        train, test = (here(folder, train=train, download=False) for train in (True, False))
    except (RuntimeError, OSError) as error:
        published = Path(dataset.url).name
        text = f"some are missing or changed, allowed: those of {published}, unpacked"
        raise DataError(f"data.root: {folder}: not the files of {name}: {text}") from error
    first = _numbered(train.data.transpose(0, 3, 1, 2), train.targets)
    last = _numbered(test.data.transpose(0, 3, 1, 2), test.targets, len(first))
    return RawDataset(tuple(train.classes), first, last, str(folder))


def _download(dataset: type, name: str, folder: Path) -> None:
    try:
        dataset(folder, download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{name}: not in {folder} and cannot be downloaded ({error}); "
            "put the files in a folder of your own and name it as data.root"
        ) from error


LOADERS: dict[str, Callable[..., RawDataset]] = {
    "digits": _load_digits,
    "fashion_mnist": _load_fashion_mnist,
    "cifar10": lambda root: _load_cifar("CIFAR10", root),
    "cifar100": lambda root: _load_cifar("CIFAR100", root),
    "folder": load_folder,
    "arrays": load_arrays,
    "parquet": load_parquet,
    IDS: load_ids,
}
