"""The reader of dataset.h5: the study's images, split, with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import h5py
import numpy as np

from repcompare.storage.hdf5 import StoredFile


@dataclass(frozen=True, eq=False)
class Split:
    """One split: `ids` and `labels` int64 (n,), and `images` uint8 (n, C, H, W), read as sliced."""

    images: h5py.Dataset
    labels: np.ndarray
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


class Listed(NamedTuple):
    """Images by name: those of one's own by theirs, others by their ids.

    `ids` int64 (n,), and `labels` int64 (n,), None where there are none.
    """

    names: list[str]
    ids: np.ndarray
    labels: np.ndarray | None


class Dataset(StoredFile):
    """The study's data file. Written by `stages.prepare_data`."""

    @property
    def data_digest(self) -> str:
        """Its own digest, for it is the data that other files were made from."""
        return self.digest

    @property
    def class_names(self) -> list[str]:
        """The names of the classes, in the order of the labels."""
        return list(self.attribute("class_names"))

    @property
    def mean(self) -> np.ndarray:
        """The mean of each channel over the training images, float64 (C,), pixels in [0, 1]."""
        return self.attribute("mean")

    @property
    def std(self) -> np.ndarray:
        """The standard deviation of each channel over the training images, float64 (C,)."""
        return self.attribute("std")

    @property
    def has_images(self) -> bool:
        """Whether it holds images, and not only the ids that activations are known by."""
        return "images" in self.h5["train"]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W). Raises KeyError if it holds no images."""
        return self.h5["train/images"].shape[1:]

    def listed(self, name: str, most: int | None = None) -> Listed:
        """What is known of the images of a split, or of its first `most`, without the images."""
        group = self.h5[name]
        ids = group["ids"][:most]
        labels = group["labels"][:most] if "labels" in group else None
        if "names" not in group:
            return Listed(list(map(str, ids)), ids, labels)
        names = [name.decode("utf-8", "surrogateescape") for name in group["names"][:most]]
        return Listed(names, ids, labels)

    @property
    def sizes(self) -> dict[str, int]:
        """The number of images of each split."""
        return {name: len(group["ids"]) for name, group in self.h5.items()}

    @property
    def fit_split(self) -> str:
        """The split that maps are fitted on: one of its own if there is one, else the training images."""
        return "fit" if "fit" in self.h5 else "train"

    def split(self, name: str, most: int | None = None) -> Split:
        """A split, or its first `most` images. Raises KeyError if it holds no images, or no labels."""
        group = self.h5[name]
        return Split(group["images"], group["labels"][:most], group["ids"][:most])
