"""Images that are known by their ids alone, for studies of activations: a table of id, label, split."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from repcompare.data.catalogue import DataError
from repcompare.data.raw_files import TEST_NAMES, test_name
from repcompare.data.splits import Images, RawDataset

COLUMNS = ("id", "label", "split")
SPLITS = ("train", *TEST_NAMES)


def load_ids(root: Path) -> RawDataset:
    """The ids of a CSV file, with their labels and splits if it has those columns; no images.

    Without labels there are no class names; without splits all are training images, of which test
    images must be held out. Where the split says so there may be test images alone.

    Raises:
        DataError: the file is not there, or not as it must be.
    """
    columns = _columns(root)
    ids = columns["id"]
    _require_distinct(root, ids)
    names, labels = _labels(root, columns.get("label"), len(ids))
    given = columns.get("split")
    splits = given or ["train"] * len(ids)
    if wrong := [name for name in splits if name not in SPLITS]:
        raise DataError(f"data.root: {root}: split {wrong[0]!r}, allowed: {', '.join(SPLITS)}")
    test = test_name(splits)

    def of(split: str) -> Images:
        places = np.array([place for place, name in enumerate(splits) if name == split], np.intp)
        return Images.own((), labels[places], [ids[place] for place in places], _no_images)

    return RawDataset(names, of("train"), of(test) if test else None, str(root))


def _columns(root: Path) -> dict[str, list[str]]:
    if not root.is_file():
        raise DataError(f"data.root: {root}: no such file")
    with root.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        try:
            header = next(rows, [])
            content = list(rows)
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"data.root: {root}: not a CSV file in UTF-8 ({error})") from error
    unknown = [name for name in header if name not in COLUMNS]
    if "id" not in header or unknown or len(set(header)) < len(header):
        text = f"columns {', '.join(header) or 'none'}, allowed: id, and label and split"
        raise DataError(f"data.root: {root}: {text}")
    for number, row in enumerate(content, start=2):
        if len(row) != len(header) or not all(row):
            text = f"line {number}: {len([cell for cell in row if cell])} values"
            raise DataError(f"data.root: {root}: {text}, allowed: {len(header)}")
    if not content:
        raise DataError(f"data.root: {root}: holds no ids")
    return dict(zip(header, map(list, zip(*content, strict=True)), strict=True))


def _require_distinct(root: Path, ids: list[str]) -> None:
    double = [name for name, count in Counter(ids).items() if count > 1]
    if double:
        text = f"{len(double)} ids are there more than once ({', '.join(double[:3])})"
        raise DataError(f"data.root: {root}: {text}")


def _labels(root: Path, given: list[str] | None, n: int) -> tuple[tuple[str, ...], np.ndarray]:
    """The classes, numbers in their order, and the place of each label among them (n,)."""
    if given is None:
        return (), np.zeros(n, np.int64)
    names = sorted(
        set(given), key=lambda name: (not name.isdecimal(), len(name) * name.isdecimal(), name)
    )
    places = {name: place for place, name in enumerate(names)}
    return tuple(names), np.array([places[name] for name in given], np.int64)


def _no_images(places: np.ndarray) -> Iterator[np.ndarray]:
    del places
    return iter(())
