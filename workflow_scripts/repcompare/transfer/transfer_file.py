"""The reader of a block's transfer.h5: what every target makes of every source's images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import h5py
import numpy as np

from repcompare.storage.hdf5 import StoredFile


@dataclass(frozen=True, eq=False)
class TargetAnswers:
    """What `target` answers to the n images that `source` was attacked on."""

    source: str
    target: str
    group: h5py.Group

    @cached_property
    def conditions(self) -> list[str]:
        """The names of the conditions, in the order of the rows."""
        return list(self.group.attrs["conditions"])

    @property
    def clean_prediction(self) -> np.ndarray:
        """To the clean images, int64 (n,)."""
        return self.group["clean_prediction"][:]

    @property
    def clean_margin(self) -> np.ndarray:
        """The margin of the label on the clean images, float32 (n,)."""
        return self.group["clean_margin"][:]

    def prediction(self, condition: str) -> np.ndarray:
        """To the images of a condition, int64 (n,). Raises ValueError if there are none."""
        return self.group["prediction"][self.conditions.index(condition)]

    def margin(self, condition: str) -> np.ndarray:
        """The margin of the label on the images of a condition, float32 (n,)."""
        return self.group["margin"][self.conditions.index(condition)]


class TransferAnswers(StoredFile):
    """The answers of a block's models. Written by `stages.evaluate_transfer`."""

    @property
    def model_digests(self) -> dict[str, str]:
        """The digest of the weights of each model of the block, by its name."""
        names, digests = self.attribute("models"), self.attribute("model_digests")
        return dict(zip(names, digests, strict=True))

    def pairs(self) -> Iterator[TargetAnswers]:
        """Every ordered pair that is there."""
        names = list(self.attribute("models"))
        for source in names:
            for target in names:
                if source in self.h5 and target in self.h5[source]:
                    yield TargetAnswers(source, target, self.h5[f"{source}/{target}"])
