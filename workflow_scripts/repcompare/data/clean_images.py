"""The clean images of files that hold only their ids: the data file has them."""

import numpy as np

from repcompare.data.dataset_file import Dataset, Split
from repcompare.storage.files import MismatchError
from repcompare.storage.hdf5 import StoredFile, require_same_data


def clean_split(file: StoredFile, data: Dataset) -> Split:
    """The images that a file was made from, the first of the test split.

    Raises:
        MismatchError: it was made from another data file, or from other images of it.
    """
    require_same_data([file, data])
    ids = file.ids
    test = data.split("test", len(ids))
    if not np.array_equal(ids, test.ids):
        raise MismatchError(f"{file.path} and {data.path} hold different test images")
    return test


def clean_images(file: StoredFile, data: Dataset) -> np.ndarray:
    """Those images: uint8 (n, C, H, W). Raises as `clean_split` does."""
    test = clean_split(file, data)
    return test.images[: len(test)]
