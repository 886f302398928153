"""HDF5 files: written whole or not at all, saying what they were made from, and read by their owners.

The layout of each kind of file is known to one reader, a subclass of `StoredFile`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import DTypeLike

from repcompare.storage.files import MismatchError, read_json, replacing, require_equal, versions
from repcompare.storage.interruptions import postponed, whole
from repcompare.storage.opening import opened
from repcompare.storage.seals import (
    HEAD_BYTES,
    DamagedError,
    place,
    require_head,
    require_place,
    require_same_settings,
    write_head,
)

# Of a data set in memory at a time: rows, or bytes where those are fewer.
ROWS_PER_READ, BYTES_PER_READ = 4096, 64 * 2**20
# Images of CIFAR's size and smaller share chunks of rows, larger ones chunks of so many bytes:
# whoever reads one image must decompress its whole chunk.
SMALL_IMAGE, CHUNK_BYTES = 3 * 32 * 32, 64 * 2**10
# How numbers are compressed that repeat themselves; others gain too little for what it costs.
COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


@contextlib.contextmanager
def new_hdf5(path: str | os.PathLike, attributes: Mapping) -> Iterator[h5py.File]:
    """Yield an empty HDF5 file; on success it gets `attributes`, `digest`, `versions` and a head.

    `digest` is `content_digest` of what the block stored, so it does not depend on time or host: it is
    what other files say that they were made from. The head tells whether these bytes are those
    that were written.

    Raises:
        OSError: the file cannot be written, because the disk is full, say; it names `path`.
    """
    with replacing(path) as temporary:
        with Written(temporary) as written:
            file = h5py.File(written, "w", userblock_size=HEAD_BYTES)
            try:
                yield file
                file.attrs["digest"] = content_digest(file)
                file.attrs["versions"] = json.dumps(versions())
                file.attrs["written_as"] = place(path)
                for key, value in attributes.items():
                    file.attrs[key] = value
            finally:
                with postponed():
                    file.close()
        write_head(temporary)


class Written(io.FileIO):
    """A file for HDF5 to write to that bears a full disk.

    HDF5 that is told that it cannot write is left in pieces, which end the process in a segmentation
    fault. So it is told that all is well, and what went wrong is raised at the end of the block.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        """A new file, open for writing and reading."""
        super().__init__(path, "w+")
        self.failure: Exception | None = None

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        if self.failure:
            raise self.failure

    @whole
    def write(self, data: Any) -> int:
        """Write all of it, or nothing once a write has failed."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        while len(rest) and not self.failure:
            try:
                rest = rest[super().write(rest) :]
            except (OSError, ValueError) as error:
                self.failure = error
        return size

    @whole
    def truncate(self, size: int | None = None) -> int:
        """Make it as long as that, unless a write has failed."""
        try:
            return super().truncate(size)
        except (OSError, ValueError) as error:
            self.failure = self.failure or error
            return size or 0


def as_attribute(settings: Mapping[str, Any]) -> str:
    """The settings that a file was made by, as its attribute `settings`: JSON.

    Without the digest of `code`, and without what is said of the job's `inputs`.
    """
    own = {key: settings[key] for key in sorted(settings) if key not in ("code", "inputs")}
    return json.dumps(own)


def content_digest(group: h5py.Group) -> str:
    """SHA-256 (hex) over the names, types, shapes and bytes of every data set below `group`."""
    digest = hashlib.sha256()
    datasets: list[h5py.Dataset] = []
    group.visititems(
        lambda _, item: datasets.append(item) if isinstance(item, h5py.Dataset) else None
    )
    for dataset in sorted(datasets, key=lambda item: item.name):
        digest.update(f"{dataset.name} {dataset.dtype} {dataset.shape}".encode())
        if dataset.shape == ():
            digest.update(np.asarray(dataset[()]).tobytes())
        else:
            for rows in row_slices(dataset.shape, dataset.dtype):
                digest.update(np.ascontiguousarray(dataset[rows]).tobytes())
    return digest.hexdigest()


def rows_at_once(shape: Sequence[int], dtype: DTypeLike) -> int:
    """How many rows of an array (n, ...) are read or written at a time, at least one.

    As many as 64 MB hold, and 4,096 at most.
    """
    row = math.prod(shape[1:]) * np.dtype(dtype).itemsize
    return min(ROWS_PER_READ, max(1, BYTES_PER_READ // max(row, 1)))


def row_slices(shape: Sequence[int], dtype: DTypeLike) -> Iterator[slice]:
    """The slices of `rows_at_once` that cover the rows of an array (n, ...) in order."""
    size = rows_at_once(shape, dtype)
    return (slice(start, min(start + size, shape[0])) for start in range(0, shape[0], size))


def image_chunk(shape: Sequence[int], most: int = 1024) -> tuple[int, ...]:
    """The chunk that images (n, C, H, W) are stored by: `most` small ones, or 64 k values of large ones."""
    values = math.prod(shape[1:])
    images = most if values <= SMALL_IMAGE else max(1, CHUNK_BYTES // values)
    return min(images, shape[0]), *shape[1:]


def row_chunk(shape: Sequence[int], most: int = 1024) -> tuple[int, ...]:
    """The chunk that rows (n, ...) are stored by: at most so many rows, and of nearly equal numbers.

    HDF5 writes whole chunks: of 1,200 rows in chunks of 1,024 it would store 2,048.
    """
    count = -(-shape[0] // most)
    return -(-shape[0] // count), *shape[1:]


def store_rows(group: h5py.Group, name: str, rows: slice, n: int, values: np.ndarray) -> None:
    """Fill some rows of the data set `name`, which has n: it is made when the first come.

    Images, `values` of four dimensions, are compressed.
    """
    if name not in group:
        shape = (n, *values.shape[1:])
        storage: dict[str, Any] = {}
        if len(shape) == 4:
            # A batch is of whole chunks: the room of a compressed one that is written again is lost.
            batch = rows.stop - rows.start, *shape[1:]
            chunk = row_chunk(batch, most=image_chunk(shape, most=256)[0])
            storage = {"chunks": chunk, "compression": "gzip", "compression_opts": 1}
        group.create_dataset(name, shape, values.dtype, **storage)
    group[name][rows] = values


class StoredFile(contextlib.AbstractContextManager):
    """A finished HDF5 file, open for reading until it is closed.

    `h5` is the file itself, for the subclass that knows what is in it.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        """Open it.

        Raises:
            FileNotFoundError: there is no such file.
            DamagedError: it is not what was written there.
        """
        self.path = Path(path)
        require_head(path)
        try:
            self.h5 = opened(path)
        except (OSError, ValueError) as error:
            raise DamagedError(path, str(error)) from error
        try:
            require_place(path, self.h5.attrs.get("written_as", ""))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; what was read of it stays."""
        self.h5.close()

    def attribute(self, key: str) -> Any:
        """What the file says of itself under `key`. Raises KeyError if it does not."""
        return self.h5.attrs[key]

    def require_settings(self, expected: Mapping[str, Any]) -> None:
        """Raise DamagedError unless it was made by these settings, and maybe others."""
        made = json.loads(self.h5.attrs.get("settings", "{}"))
        require_same_settings(self.path, made, expected)

    @property
    def digest(self) -> str:
        """The digest of its content."""
        return self.attribute("digest")

    @property
    def versions(self) -> dict[str, str]:
        """The versions of Python and of packages that it was written with."""
        return json.loads(self.attribute("versions"))

    @property
    def data_digest(self) -> str:
        """The digest of the data file that it was made from."""
        return self.attribute("data_digest")

    @property
    def ids(self) -> np.ndarray:
        """The ids of its images, int64 (n,)."""
        return self.h5["ids"][:]

    @property
    def labels(self) -> np.ndarray:
        """The classes of its images, int64 (n,)."""
        return self.h5["labels"][:]


class ModelFile(StoredFile):
    """A file of what one model computes."""

    @property
    def name(self) -> str:
        """The model, `{architecture}/seed{seed}`."""
        return str(self.attribute("model"))

    @property
    def model_digest(self) -> str:
        """The digest of the model's weights."""
        return self.attribute("model_digest")

    def require_weights(self, model: str, model_digest: str) -> None:
        """Raise MismatchError unless it was made from these weights of `model`."""
        if self.model_digest != model_digest:
            raise MismatchError(
                f"{self.path} was made from other weights of {self.name} than those given for "
                f"{model}; delete it and call again"
            )

    def require_record(self, path: str | os.PathLike, settings: Mapping[str, Any]) -> None:
        """Raise MismatchError unless it was made from the weights that a record.json tells of.

        And DamagedError if that tells of a network that was made by other settings than these.
        """
        record = read_json(path)
        require_same_settings(path, record, settings)
        if self.model_digest != record["model_digest"]:
            text = f"{self.path} was made from other weights of {self.name} than {path} tells of"
            raise MismatchError(f"{text}; delete it and call again")


def require_same_data(files: Sequence[StoredFile]) -> None:
    """Raise MismatchError, naming two files, unless all were made from one data file."""
    require_equal("digest of the data", [(file.path, file.data_digest) for file in files])


def require_same_images(files: Sequence[StoredFile]) -> None:
    """Raise MismatchError, naming two files, unless all hold the same images in the same order."""
    for file in files[1:]:
        if not np.array_equal(file.ids, files[0].ids):
            raise MismatchError(f"{file.path} and {files[0].path} hold different images")
