"""A model as the comparisons read it: one activations file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from repcompare.names import REPRESENTATION
from repcompare.representations.moments import (
    Factorisation,
    Rows,
    factorise,
    weighted_class_means,
)
from repcompare.representations.representation import Representation
from repcompare.storage.files import MismatchError
from repcompare.storage.hdf5 import ModelFile, require_same_data


@dataclass(frozen=True, eq=False)
class TargetClassifier:
    """The target's final layer, weight (K, d_b) and bias (K,), and its test split.

    `logits` (n, K) are the target's own, `labels` (n,) the true classes.
    """

    weight: np.ndarray
    bias: np.ndarray
    logits: np.ndarray
    labels: np.ndarray

    @cached_property
    def predictions(self) -> np.ndarray:
        """The target's own predictions (n,)."""
        return np.argmax(self.logits, axis=1)


class ModelActivations(ModelFile):
    """What one model computes on the images that networks are compared on.

    Written by `stages.dump_activations`.
    """

    @property
    def architecture(self) -> str:
        """Its architecture."""
        return str(self.attribute("architecture"))

    @property
    def precision(self) -> str:
        """The arithmetic of the network."""
        return str(self.attribute("precision"))

    @property
    def fit_split(self) -> str:
        """The split of the data file that the fit images are of."""
        return str(self.attribute("fit_images"))

    @property
    def layers(self) -> list[str]:
        """The layers it stores, in the network's order; the representation is the last."""
        return list(self.attribute("layers"))

    @property
    def fit_rows(self) -> Rows:
        """The representation on the fit split."""
        return self.h5[f"fit/{REPRESENTATION}"]

    @cached_property
    def fit(self) -> Factorisation:
        """Its factorisation."""
        return factorise(self.fit_rows)

    @cached_property
    def fit_labels(self) -> np.ndarray | None:
        """The classes of the fit images, int64 (n,); None if they are not known."""
        return self.h5["fit/labels"][:] if "fit/labels" in self.h5 else None

    @cached_property
    def fit_classes(self) -> np.ndarray | None:
        """`moments.weighted_class_means` on the fit split; None if the classes are not known."""
        if self.fit_labels is None:
            return None
        return weighted_class_means(self.fit_rows, self.fit, self.fit_labels)

    @cached_property
    def test(self) -> Representation:
        """The representation on the test split."""
        return self.layer(REPRESENTATION)

    @cached_property
    def test_labels(self) -> np.ndarray | None:
        """The classes of the test images, int64 (n,); None if they are not known."""
        return self.h5["test/labels"][:] if "test/labels" in self.h5 else None

    @cached_property
    def classifier(self) -> TargetClassifier | None:
        """What answers when a map leads to this model; None if it has no linear classifier."""
        if "classifier" not in self.h5 or self.test_labels is None:
            return None
        return TargetClassifier(
            self.h5["classifier/weight"][:],
            self.h5["classifier/bias"][:],
            self.h5["test/logits"][:],
            self.test_labels,
        )

    @cached_property
    def predictions(self) -> np.ndarray | None:
        """The model's answers to the test images, int64 (n,); None if it has none."""
        return np.argmax(self.h5["test/logits"][:], axis=1) if "test/logits" in self.h5 else None

    def layer(self, name: str) -> Representation:
        """A layer on the test split."""
        rows = self.h5[f"test/{name}"]
        flattened = rows.attrs.get("units")
        return Representation.of(rows, self.test_labels, self.predictions, flattened=flattened)

    def dead_units(self, name: str) -> int | None:
        """Units of a layer of flattened maps that never vary; None of another, whose rows tell it."""
        return self.h5[f"test/{name}"].attrs.get("dead_units")

    def ids_of(self, split: str) -> np.ndarray:
        """The ids of the images of `fit` or `test`, int64 (n,)."""
        return self.h5[f"{split}/ids"][:]

    def untrained(self, control: str, split: str) -> Rows | None:
        """The representation (n, d) of a network of `names.UNTRAINED`; None if it is not there."""
        return self.h5[f"{control}/{split}"] if control in self.h5 else None


def check_same_images(files: Sequence[ModelActivations]) -> None:
    """Raise MismatchError unless all activations are of the same data and images."""
    require_same_data(files)
    for file in files[1:]:
        for split in ("fit", "test"):
            if not np.array_equal(file.ids_of(split), files[0].ids_of(split)):
                raise MismatchError(
                    f"{file.path} and {files[0].path} hold different {split} images"
                )
