"""The reader of a block's evaluation.h5: what every target makes of every source's images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import h5py
import numpy as np

from repcompare.storage.hdf5 import StoredFile


@dataclass(frozen=True, eq=False)
class TargetAnswers:
    """What `target` makes of the images that `source` made."""

    source: str
    target: str
    h5: h5py.File

    @property
    def group(self) -> h5py.Group:
        """What is stored of the pair."""
        return self.h5[f"{self.source}/{self.target}"]

    @cached_property
    def conditions(self) -> list[str]:
        """The names of the conditions, in the order of the rows."""
        return list(self.group.attrs["conditions"])

    @property
    def clean_prediction(self) -> np.ndarray:
        """Its answers to the clean images, int (n,)."""
        return self.h5[f"clean/{self.target}/prediction"][:]

    @property
    def clean_margin(self) -> np.ndarray:
        """The margin of the label on the clean images, float32 (n,)."""
        return self.h5[f"clean/{self.target}/margin"][:]

    def prediction(self, condition: str) -> np.ndarray:
        """Its answers to the images of a condition, int (n,). Raises ValueError if there are none."""
        return self.group["prediction"][self.conditions.index(condition)]

    def margin(self, condition: str) -> np.ndarray:
        """The margin of the label on the images of a condition, float32 (n,)."""
        return self.group["margin"][self.conditions.index(condition)]

    def representation(self, start: str) -> np.ndarray:
        """How it represents the inversions from one kind of start, float32 (n, d).

        Up to a shift and a scale, and with the precision of float16.
        """
        return self.group[start][:].astype(np.float32)


class Evaluation(StoredFile):
    """What a block's models make of each other's images. Written by `stages.evaluate`."""

    @property
    def model_digests(self) -> dict[str, str]:
        """The digest of the weights of each model of the block, by its name."""
        return self._by_model("model_digests")

    @property
    def adversarial_digests(self) -> dict[str, str]:
        """The digest of each model's adversarial images, by its name."""
        return self._by_model("adversarial_digests")

    @property
    def features_digests(self) -> dict[str, str]:
        """The digest of each model's inversions, by its name."""
        return self._by_model("features_digests")

    def _by_model(self, key: str) -> dict[str, str]:
        return dict(zip(self.attribute("models"), self.attribute(key), strict=True))

    def pair(self, source: str, target: str) -> TargetAnswers:
        """One ordered pair."""
        return TargetAnswers(source, target, self.h5)

    def pairs(self) -> Iterator[TargetAnswers]:
        """Every ordered pair that is there."""
        names = list(self.attribute("models"))
        for source in names:
            for target in names:
                if source in self.h5 and target in self.h5[source]:
                    yield self.pair(source, target)
