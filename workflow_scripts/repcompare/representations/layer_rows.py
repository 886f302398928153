"""The layers of one split on their way to activations.h5, some images at a time."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from repcompare.representations.wide import coordinates
from repcompare.storage.files import allocate
from repcompare.storage.hdf5 import row_chunk

# Units of a flattened layer that are read back at a time, at least.
UNITS_PER_BLOCK = 1024


class LayerRows(contextlib.AbstractContextManager):
    """Layers of n images, stored in a group of a file as they come.

    Layers go to the file as they are, float32 (n, d); flattened maps of more units than there are
    images as their `wide.coordinates`, (n, n − 1), with their `units` and `dead_units` as attributes.
    Until all images are there these wait in temporary files, so that memory does not grow with d.
    """

    def __init__(self, group: Any, n: int, scratch: Path) -> None:
        """`group` is of HDF5; temporary files lie in `scratch`, and vanish whatever happens."""
        self.group, self.n, self.scratch = group, n, scratch
        self._files = contextlib.ExitStack()
        self._waiting: dict[str, np.ndarray] = {}

    def add(self, name: str, rows: slice, values: np.ndarray, *, flattened: bool = False) -> None:
        """Some rows of a layer, (k, d)."""
        width = values.shape[1]
        if flattened and width >= self.n > 1:
            if name not in self._waiting:
                unnamed = tempfile.TemporaryFile(dir=self.scratch)  # noqa: SIM115 (the stack closes it)
                file = self._files.enter_context(unnamed)
                shape = self.n, width
                self._waiting[name] = np.memmap(file, np.float32, "w+", shape=shape)
                allocate(file.fileno())
            self._waiting[name][rows] = values
            return
        if name not in self.group:
            chunks = row_chunk((self.n, width))
            self.group.create_dataset(name, (self.n, width), np.float32, chunks=chunks)
        self.group[name][rows] = values

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._files:
            if kind is None:
                for name, whole in self._waiting.items():
                    self._write(name, whole)

    def _write(self, name: str, whole: np.ndarray) -> None:
        found = coordinates(_by_units(whole), self.n)
        chunks = row_chunk((self.n, self.n - 1))
        rows = found.rows.astype(np.float32)
        stored = self.group.create_dataset(name, data=rows, chunks=chunks)
        stored.attrs["units"], stored.attrs["dead_units"] = whole.shape[1], found.dead_units


def _by_units(whole: np.ndarray) -> Iterator[np.ndarray]:
    """The units (n, d), as many at a time as there are images: an update costs as much as either."""
    n, width = whole.shape
    size = max(n, UNITS_PER_BLOCK)
    return (whole[:, start : start + size] for start in range(0, width, size))
