"""The reader of a file of arrays: images and labels of one's own, in .npz or HDF5."""

import math
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from repcompare.data import npz
from repcompare.data.catalogue import DataError
from repcompare.data.npz import Header
from repcompare.data.raw_files import array_splits, arrays_file, image_axes, test_name
from repcompare.data.splits import Images, RawDataset
from repcompare.storage.hdf5 import row_slices
from repcompare.storage.opening import opened

FLOATS = "uint8, or floats from 0 to 1"


class NpzArrays:
    """Arrays that numpy saved, read row by row."""

    def __init__(self, path: Path) -> None:
        """Raises DataError if it is no such file."""
        self.path, self.headers = path, npz.headers(path)

    def whole(self, name: str) -> np.ndarray:
        """A small array."""
        with npz.values(self.path, name) as (header, stream):
            return np.frombuffer(stream.read(), header.dtype).reshape(header.shape)

    def rows(self, name: str, index: np.ndarray) -> Iterator[np.ndarray]:
        """The rows of an array at ascending places."""
        with npz.values(self.path, name) as (header, stream):
            size = math.prod(header.shape[1:]) * np.dtype(header.dtype).itemsize
            done = 0
            for place in index.tolist():
                stream.seek((place - done) * size, 1)
                row = np.frombuffer(stream.read(size), header.dtype)
                yield row.reshape(header.shape[1:])
                done = place + 1


class Hdf5Arrays:
    """Arrays at the top of an HDF5 file, read by blocks of rows."""

    def __init__(self, path: Path) -> None:
        """Raises DataError if it is no such file."""
        self.path = path
        try:
            with opened(path) as file:
                arrays = {k: v for k, v in file.items() if isinstance(v, h5py.Dataset)}
                self.headers = {k: Header(v.dtype.str, v.shape) for k, v in arrays.items()}
        except OSError as error:
            raise DataError(f"data.root: cannot read {path} (not a whole HDF5 file)") from error
        except ValueError as error:
            raise DataError(f"data.root: {path}: {error}") from error

    def whole(self, name: str) -> np.ndarray:
        """A small array; text as such."""
        with opened(self.path) as file:
            array = file[name]
            return array.asstr()[:] if h5py.check_string_dtype(array.dtype) else array[:]

    def rows(self, name: str, index: np.ndarray) -> Iterator[np.ndarray]:
        """The rows of an array at ascending places."""
        with opened(self.path) as file:
            for rows in row_slices(file[name].shape, file[name].dtype):
                here = index[slice(*np.searchsorted(index, (rows.start, rows.stop)))]
                if len(here):
                    block = file[name][rows]
                    yield from (block[place - rows.start] for place in here)


def load_arrays(root: Path) -> RawDataset:
    """The arrays `{split}_images` and `{split}_labels`, with `class_names` and `{split}_ids` if any.

    Images without ids are known by their split and place.

    Raises:
        DataError: arrays that are missing, or not as they must be.
    """
    path = arrays_file(root)
    file = (NpzArrays if path.suffix == ".npz" else Hdf5Arrays)(path)
    splits = array_splits(file.headers)
    if "train" not in splits:
        there = ", ".join(file.headers) or "nothing"
        raise DataError(f"data.root: {path}: no train_images in it, but {there}")
    test = test_name(splits)
    labels = {split: _labels(file, split) for split in ("train", test) if split}
    names = _class_names(file, labels["train"])
    for split, given in labels.items():
        require_labels(f"{split}_labels", given, len(names))
    shapes = {split: _shape(file, split) for split in labels}
    if test and shapes[test] != shapes["train"]:
        text = f"of {shapes[test]}, but train_images of {shapes['train']} (C, H, W)"
        raise DataError(f"data.root: {test}_images are {text}")

    def images(split: str) -> Images:
        return Images.own(
            shapes[split],
            labels[split],
            _ids(file, split, len(labels[split])),
            lambda places: _eight_bits(file, f"{split}_images", places),
        )

    return RawDataset(names, images("train"), images(test) if test else None, str(path))


def require_labels(what: str, labels: np.ndarray, classes: int) -> None:
    """Raise DataError unless all are places in the list of classes."""
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise DataError(f"data.root: {what}: {wrong[0]}, allowed: 0 to {classes - 1}, the classes")


def _shape(file: NpzArrays | Hdf5Arrays, split: str) -> tuple[int, int, int]:
    name = f"{split}_images"
    header = file.headers[name]
    dtype = np.dtype(header.dtype)
    if dtype != np.uint8 and dtype.kind != "f":
        raise DataError(f"data.root: {name} is {dtype}, allowed: {FLOATS}")
    size, channels, _ = image_axes(name, header.shape)
    return channels, size, size


def _labels(file: NpzArrays | Hdf5Arrays, split: str) -> np.ndarray:
    name, number = f"{split}_labels", file.headers[f"{split}_images"].shape[0]
    if name not in file.headers:
        raise DataError(f"data.root: {file.path}: {split}_images, but no {name}")
    header = file.headers[name]
    if np.dtype(header.dtype).kind not in "iu" or header.shape != (number,):
        text = f"{np.dtype(header.dtype)} {header.shape}, allowed: integers ({number},)"
        raise DataError(f"data.root: {name} is {text}, as many as images")
    if not number:
        raise DataError(f"data.root: {split}_images: holds no images")
    return file.whole(name).astype(np.int64)


def _class_names(file: NpzArrays | Hdf5Arrays, labels: np.ndarray) -> tuple[str, ...]:
    """The classes as the file names them, or by numbers up to the largest label of training."""
    if "class_names" not in file.headers:
        return tuple(map(str, range(labels.max() + 1)))
    names = tuple(map(_text, file.whole("class_names").ravel()))
    if len(set(names)) < len(names):
        raise DataError(f"data.root: {file.path}: class_names has a name twice")
    return names


def _ids(file: NpzArrays | Hdf5Arrays, split: str, number: int) -> list[str]:
    name = f"{split}_ids"
    if name not in file.headers:
        return [f"{split}/{place}" for place in range(number)]
    header = file.headers[name]
    if np.dtype(header.dtype).kind not in "iuUSO" or header.shape != (number,):
        text = f"{np.dtype(header.dtype)} {header.shape}, allowed: integers or text ({number},)"
        raise DataError(f"data.root: {name} is {text}")
    return list(map(_text, file.whole(name)))


def _text(value: object) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _eight_bits(
    file: NpzArrays | Hdf5Arrays, name: str, places: np.ndarray
) -> Iterator[np.ndarray]:
    """The images uint8 (C, H, W) at ascending places."""
    _, _, axes = image_axes(name, file.headers[name].shape)
    for place, image in zip(places, file.rows(name, places), strict=True):
        if image.dtype != np.uint8:
            low, high = image.min(), image.max()
            # Not a number is in no order.
            if not (low >= 0 and high <= 1):
                text = f"{name}[{place}] has values from {low:g} to {high:g}"
                raise DataError(f"data.root: {text}, allowed: {FLOATS}")
            image = np.rint(image * 255).astype(np.uint8)
        if axes == "NHW":
            yield image[None]
        else:
            yield image.transpose(2, 0, 1) if axes == "NHWC" else image
