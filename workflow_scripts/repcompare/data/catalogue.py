"""The data sets' facts, known without loading them.

Read while the workflow is parsed: neither torch nor numpy is imported.
"""

from typing import NamedTuple


class DataSet(NamedTuple):
    """Side of the square images in pixels, their channels, the images in each split, classes."""

    size: int
    channels: int
    train: int
    test: int
    classes: int


DATA_SETS = {
    "digits": DataSet(8, 1, 1200, 597, 10),
    "fashion_mnist": DataSet(28, 1, 60000, 10000, 10),
    "cifar10": DataSet(32, 3, 50000, 10000, 10),
    "cifar100": DataSet(32, 3, 50000, 10000, 100),
}
