"""Parquet files as Hugging Face writes them: images as files in bytes, labels as integers."""

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repcompare.data.arrays_file import require_labels
from repcompare.data.catalogue import DataError
from repcompare.data.photographs import read_all
from repcompare.data.raw_files import parquet_files, test_name
from repcompare.data.splits import Images, RawDataset

LOG = logging.getLogger(__name__)

# Rows, and bytes of a file, in memory at a time.
ROWS, BUFFER = 64, 2**20


def load_parquet(root: Path, size: int, crop: float) -> RawDataset:
    """The columns `image` and `label` of a file, or of the files of a folder.

    Images are known by their split and the file name that they came with, if every one of a split
    has another; else by split and place.

    Raises:
        DataError: files that are not as they must be, or pyarrow is not installed.
    """
    files = parquet_files(root)
    labels = {split: np.concatenate(list(map(_labels, paths))) for split, paths in files.items()}
    for split, given in labels.items():
        if not len(given):
            raise DataError(f"data.root: {root}: no images of {split}")
    names = _class_names(files["train"][0]) or tuple(map(str, range(labels["train"].max() + 1)))

    def images(split: str) -> Images:
        require_labels(f"{root}: label of {split}", labels[split], len(names))
        ids = _ids(split, files[split])

        def read(places: np.ndarray) -> Iterator[np.ndarray]:
            return read_all(_encoded(files[split], ids, places), size, crop)

        return Images.own((3, size, size), labels[split], ids, read)

    test = test_name(files)
    return RawDataset(names, images("train"), images(test) if test else None, str(root))


def _opened(path: Path) -> Any:
    """The file, its columns checked. pyarrow is imported only here: nothing else needs it."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            "data.name: parquet: pyarrow is not installed: pip install pyarrow"
        ) from error
    try:
        file = pyarrow.parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"data.root: cannot read {path} (not a whole Parquet file)") from error
    schema = file.schema_arrow
    fields = {name: schema.field(name).type for name in schema.names}
    image, label = (fields.get(name, pyarrow.null()) for name in ("image", "label"))
    encoded = pyarrow.types.is_struct(image) and image.get_field_index("bytes") >= 0
    if not encoded or "label" not in fields:
        there = ", ".join(f"{name} ({kind})" for name, kind in fields.items())
        text = f"has {there}, allowed: image, with bytes in it, and label"
        raise DataError(f"data.root: {path}: {text}")
    if not pyarrow.types.is_integer(label):
        raise DataError(f"data.root: {path}: label is {label}, allowed: integers")
    return file


def _labels(path: Path) -> np.ndarray:
    column = _opened(path).read(columns=["label"]).column("label")
    if column.null_count:
        raise DataError(f"data.root: {path}: {column.null_count} images without a label")
    return column.to_numpy().astype(np.int64)


def _class_names(path: Path) -> tuple[str, ...]:
    """The names of the labels, as Hugging Face's libraries note them; none if they have not."""
    metadata = _opened(path).schema_arrow.metadata or {}
    said = json.loads(metadata.get(b"huggingface", b"{}"))
    label = said.get("info", {}).get("features", {}).get("label", {})
    return tuple(label.get("names", ()))


def _ids(split: str, paths: Sequence[Path]) -> list[str]:
    names: list[str | None] = []
    for path in paths:
        file = _opened(path)
        if file.schema_arrow.field("image").type.get_field_index("path") < 0:
            names += [None] * file.metadata.num_rows
        else:
            column = file.read(columns=["image.path"]).column("image").combine_chunks()
            names += column.field("path").to_pylist()
    if None not in names and len(set(names)) == len(names):
        return [f"{split}/{name}" for name in names]
    LOG.info("images of %s have no file names of their own and are known by their place", split)
    return [f"{split}/{place}" for place in range(len(names))]


def _encoded(
    paths: Sequence[Path], names: Sequence[str], places: np.ndarray
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the images at ascending places, counted through all files."""
    first = 0
    for path in paths:
        for batch in _opened(path).iter_batches(ROWS, columns=["image.bytes"]):
            last = first + len(batch)
            content = batch.column(0).field("bytes")
            for place in places[slice(*np.searchsorted(places, (first, last)))]:
                yield names[place], content[place - first].as_py() or b""
            first = last
