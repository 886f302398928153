"""The reader of dataset.h5: the study's images, split, with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

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
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.h5["train/images"].shape[1:]

    @property
    def sizes(self) -> dict[str, int]:
        """The number of images of each split."""
        return {name: len(group["ids"]) for name, group in self.h5.items()}

    @property
    def fit_split(self) -> str:
        """The split that maps are fitted on: one of its own if there is one, else the training images."""
        return "fit" if "fit" in self.h5 else "train"

    def split(self, name: str, most: int | None = None) -> Split:
        """A split, or its first `most` images."""
        group = self.h5[name]
        return Split(group["images"], group["labels"][:most], group["ids"][:most])
