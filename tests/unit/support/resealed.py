"""HDF5 files of a study, changed as their writer could have written them."""

import contextlib
from pathlib import Path

import h5py

from repcompare.storage.seals import HEAD_BYTES, write_head


@contextlib.contextmanager
def resealed(path):
    """Yield a file to change, or a new one to fill; its head is right, its attributes are what they were."""
    there = Path(path).exists()
    with h5py.File(path, "a", userblock_size=None if there else HEAD_BYTES) as file:
        yield file
    write_head(path)
