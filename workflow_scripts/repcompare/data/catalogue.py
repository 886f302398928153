"""The data sets' facts, known without loading them.

Read while the workflow is parsed: neither torch nor numpy is imported.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class DataError(ValueError):
    """A data set that cannot be found, or is not what it should be."""


class DataSet(NamedTuple):
    """Side of the square images in pixels, their channels, the images in each split, classes."""

    size: int
    channels: int
    train: int
    test: int
    classes: int


class Facts(NamedTuple):
    """What is known of a data set before its files are read; None: nothing yet."""

    size: int | None = None
    channels: int | None = None
    train: int | None = None
    test: int | None = None
    classes: int | None = None


DATA_SETS = {
    "digits": DataSet(8, 1, 1200, 597, 10),
    "fashion_mnist": DataSet(28, 1, 60000, 10000, 10),
    "cifar10": DataSet(32, 3, 50000, 10000, 10),
    "cifar100": DataSet(32, 3, 50000, 10000, 100),
}

# Images of one's own: the kinds of file they come in, and the keys that decide what is read of them.
# `ids` is a list of images of which only activations are there.
IDS = "ids"
OWN = {
    "folder": ("size", "crop", "test_samples"),
    "arrays": ("test_samples",),
    "parquet": ("size", "crop", "test_samples"),
    IDS: ("test_samples",),
}
NAMES = (*DATA_SETS, *OWN)


def settings(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the data file depends on, of the config's `data`: not where the raw files lie."""
    keys = ("name", "fit_samples", "train_samples", *OWN.get(data["name"], ()))
    return {key: data[key] for key in keys}
