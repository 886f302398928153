"""Activations that others computed: arrays in a file, and the ids of their images."""

from __future__ import annotations

import contextlib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from repcompare.names import REPRESENTATION
from repcompare.registry import known
from repcompare.storage.opening import opened

# Beside a file of arrays that does not hold its ids: one a line, in the order of the rows.
FILE_NAMES = "file_names.txt"
IDS = "ids"


class ActivationsError(ValueError):
    """A file of activations that cannot be read, or is not what it should be."""


class OwnActivations:
    """The layers of a file, and which row of them is of which image.

    `ids` (n,) are text; a number counts as its digits. `layers` names arrays of n rows, read when
    they are sliced: (n, d), or maps (n, C, H, W) or (n, H, W, C).
    """

    def __init__(self, path: Path, arrays: Mapping[str, Any], names: Mapping[str, str]) -> None:
        """Find the ids, and the layers by the `names` that the study gives them.

        Without a name for the representation it is the array called so, or the only one.
        """
        self.path = path
        self.ids = _ids(path, arrays)
        given = [name for name in arrays if name != IDS]
        found = dict(names) | {name: name for name in given if name not in names.values()}
        if REPRESENTATION not in found and len(given) == 1:
            found[REPRESENTATION] = given[0]
        if REPRESENTATION not in found:
            text = f"no array {REPRESENTATION} in it, but {', '.join(given) or 'nothing'}"
            raise ActivationsError(f"{text}; say in layers which one is the representation")
        for layer, name in found.items():
            if name not in given:
                there = ", ".join(given) or "nothing"
                raise ActivationsError(f"no array {name} for {layer} in it, but {there}")
        self.layers = found
        self._arrays = arrays

    def layer(self, name: str, pool: str = "mean") -> Layer:
        """One layer, by the study's name for it. Raises ActivationsError if it has no such rows.

        Maps are averaged over their positions, or with `pool` as `flatten` keep them, but for those
        of the representation.
        """
        stored, of_layer = self.layers[name], "mean" if name == REPRESENTATION else pool
        return Layer(stored, self._arrays[stored], len(self.ids), of_layer)

    def places(self, wanted: list[str]) -> np.ndarray:
        """The rows of images by their ids, int64 (n,).

        Raises ActivationsError, naming three, if some have no row.
        """
        rows = {name: place for place, name in enumerate(self.ids)}
        if missing := [name for name in wanted if name not in rows]:
            text = f"{len(missing)} of {len(wanted)} ids missing ({', '.join(missing[:3])})"
            raise ActivationsError(f"{text}; its own are like {self.ids[0]}")
        return np.array([rows[name] for name in wanted], np.int64)


class Layer:
    """The rows of one array, each as one vector."""

    def __init__(self, name: str, array: Any, n: int, pool: str) -> None:
        """Raises ActivationsError unless it holds numbers, and n rows of a shape that is known."""
        self.name, self.array, shape = name, array, array.shape
        self.flattened = pool == "flatten" and len(shape) == 4
        if np.dtype(array.dtype).kind not in "fiu":
            raise ActivationsError(f"{name} is {array.dtype}, allowed: numbers")
        if not shape or shape[0] != n:
            raise ActivationsError(f"{name} is {shape}, but there are {n} ids")
        self.means_over = {2: (), 4: _positions(shape)}.get(len(shape))
        if self.means_over is None:
            allowed = "(n, d), or maps (n, C, H, W) or (n, H, W, C) with H equal to W"
            raise ActivationsError(f"{name} is {shape}, allowed: {allowed}")

    def rows(self, places: np.ndarray) -> np.ndarray:
        """The rows at some places (n,), float32 (n, d), maps as `OwnActivations.layer` says.

        Raises ActivationsError if a value is not finite.
        """
        order = np.argsort(places)
        found = np.empty((len(places), self.width), np.float32)
        # HDF5 reads rows in ascending order alone.
        block = np.asarray(self.array[places[order]], np.float32)
        if self.flattened:
            block = block.reshape(len(block), -1)
        elif self.means_over:
            block = block.mean(axis=self.means_over)
        found[order] = block
        if not np.isfinite(found).all():
            row = places[np.flatnonzero(~np.isfinite(found).all(axis=1))[0]]
            raise ActivationsError(f"{self.name}[{row}] is not finite")
        return found

    @property
    def width(self) -> int:
        """The number of units d."""
        if self.flattened:
            return int(np.prod(self.array.shape[1:]))
        over = self.means_over or ()
        (width,) = (size for axis, size in enumerate(self.array.shape) if axis and axis not in over)
        return width

    @property
    def bytes_a_row(self) -> int:
        """What one image takes in memory, as it is stored."""
        return int(np.prod(self.array.shape[1:])) * np.dtype(self.array.dtype).itemsize


def _positions(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes of the positions of maps: squares, before or behind the channels."""
    if len(shape) == 4 and shape[2] == shape[3]:
        return 2, 3
    if len(shape) == 4 and shape[1] == shape[2]:
        return 1, 2
    return None


@contextlib.contextmanager
def open_activations(path: str | Path, names: Mapping[str, str]) -> Iterator[OwnActivations]:
    """Open a file of activations: .npy, .npz, .h5, .hdf5 or .safetensors.

    Args:
        path: the file; ids stand in its array `ids`, or in a file_names.txt beside it.
        names: which array each layer of the study is; those that are not named keep their names.

    Raises:
        ActivationsError: it cannot be read, or is not what it should be.
    """
    path = Path(path)
    reader = known(READERS, path.suffix, "architectures.NAME.activations, a file ending in")
    with contextlib.ExitStack() as stack:
        try:
            arrays = stack.enter_context(reader(path))
        except (FileNotFoundError, ActivationsError):
            raise
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ActivationsError(f"not a whole {path.suffix} file ({error})") from error
        yield OwnActivations(path, arrays, names)


@contextlib.contextmanager
def _npy(path: Path) -> Iterator[Mapping[str, Any]]:
    yield {path.stem: np.load(path, mmap_mode="r", allow_pickle=False)}


@contextlib.contextmanager
def _npz(path: Path) -> Iterator[Mapping[str, Any]]:
    with np.load(path, allow_pickle=False) as file:
        yield {name: file[name] for name in file.files}


@contextlib.contextmanager
def _hdf5(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        whole = opened(path)
    except ValueError as error:
        raise ActivationsError(str(error)) from error
    with whole as file:
        found: dict[str, h5py.Dataset] = {}
        file.visititems(
            lambda name, item: (
                found.__setitem__(name, item) if isinstance(item, h5py.Dataset) else None
            )
        )
        yield found


@contextlib.contextmanager
def _safetensors(path: Path) -> Iterator[Mapping[str, Any]]:
    import safetensors
    from safetensors.numpy import load_file

    try:
        yield load_file(path)
    except (safetensors.SafetensorError, TypeError) as error:
        raise ActivationsError(f"not a whole .safetensors file ({error})") from error


READERS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Mapping[str, Any]]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".safetensors": _safetensors,
}


def _ids(path: Path, arrays: Mapping[str, Any]) -> list[str]:
    """The ids of the rows, of the file or beside it."""
    if IDS in arrays:
        values = np.asarray(arrays[IDS][:])
        if values.ndim != 1 or values.dtype.kind not in "iuUSO":
            text = f"{IDS} is {values.dtype} {values.shape}, allowed: integers or text (n,)"
            raise ActivationsError(text)
        found = [
            value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values
        ]
    else:
        beside = path.with_name(FILE_NAMES)
        if not beside.is_file():
            raise ActivationsError(f"no array {IDS} in it, and no {FILE_NAMES} beside it")
        found = beside.read_text(encoding="utf-8").splitlines()
    if double := [name for name, count in Counter(found).items() if count > 1]:
        raise ActivationsError(
            f"{len(double)} ids are there more than once ({', '.join(double[:3])})"
        )
    if not found:
        raise ActivationsError("holds no ids")
    return found
