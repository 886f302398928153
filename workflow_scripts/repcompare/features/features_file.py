"""The reader of features.h5: what one model uses in the images of the probe set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import h5py
import numpy as np

from repcompare.storage.hdf5 import ModelFile


@dataclass(frozen=True, eq=False)
class StoredInversions:
    """Images that the model represents like the clean ones, found from one kind of start."""

    group: h5py.Group

    @property
    def images(self) -> h5py.Dataset:
        """uint8 (n, C, H, W), read as it is sliced."""
        return self.group["images"]

    @property
    def residual(self) -> np.ndarray:
        """The relative distance of the representations that is left, float32 (n,)."""
        return self.group["residual"][:]

    @property
    def representation(self) -> np.ndarray:
        """What the model makes of them, float32 (n, d)."""
        return self.group["representation"][:]


class InputFeatures(ModelFile):
    """One model's gradients and inversions. Written by `stages.extract_features`."""

    @property
    def gradient(self) -> h5py.Dataset:
        """Of the margin of the label by the image, its largest absolute value 1, or 0 if there is none.

        float16 (n, C, H, W), read as it is sliced.
        """
        return self.h5["gradient"]

    @cached_property
    def correct(self) -> np.ndarray:
        """Which images the model classifies correctly, bool (n,)."""
        return self.h5["prediction"][:] == self.labels

    @cached_property
    def representation(self) -> np.ndarray:
        """What the model makes of the images, float32 (n, d)."""
        return self.h5["representation"][:]

    @property
    def tolerance(self) -> float:
        """The largest residual of an inversion that counts as found."""
        return float(self.attribute("tolerance"))

    def inversions(self, start: str) -> StoredInversions:
        """Those from one kind of start, `noise` or another `image`."""
        return StoredInversions(self.h5[f"inversion/{start}"])
