"""A model as the comparisons read it: one activations file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import h5py
import numpy as np

from repcompare.names import REPRESENTATION
from repcompare.representations.moments import Factorisation, Rows, factorise
from repcompare.representations.representation import Representation
from repcompare.storage.files import MismatchError, require_equal


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


@dataclass(frozen=True, eq=False)
class ModelActivations:
    """One model of a block, read from its activations file."""

    file: h5py.File

    @property
    def name(self) -> str:
        """`{architecture}/seed{seed}`."""
        return self.file.attrs["model"]

    @property
    def architecture(self) -> str:
        """Its architecture."""
        return self.file.attrs["architecture"]

    @property
    def digest(self) -> str:
        """The digest of its activations."""
        return self.file.attrs["digest"]

    @property
    def layers(self) -> list[str]:
        """The layers it stores, in the network's order; the representation is the last."""
        return list(self.file.attrs["layers"])

    @property
    def fit_rows(self) -> Rows:
        """The representation on the fit split."""
        return self.file[f"fit/{REPRESENTATION}"]

    @cached_property
    def fit(self) -> Factorisation:
        """Its factorisation."""
        return factorise(self.fit_rows)

    @cached_property
    def test(self) -> Representation:
        """The representation on the test split."""
        return self.layer(REPRESENTATION)

    @cached_property
    def classifier(self) -> TargetClassifier:
        """What answers when a map leads to this model."""
        return TargetClassifier(
            self.file["classifier/weight"][:],
            self.file["classifier/bias"][:],
            self.file["test/logits"][:],
            self.file["test/labels"][:],
        )

    def layer(self, name: str) -> Representation:
        """A layer on the test split."""
        return Representation.of(
            self.file[f"test/{name}"], self.classifier.labels, self.classifier.predictions
        )


def check_same_images(files: Sequence[h5py.File]) -> None:
    """Raise MismatchError unless all activations are of the same data and images."""
    require_equal("digest of the data", [(f.filename, f.attrs["data_digest"]) for f in files])
    for file in files[1:]:
        for split in ("fit", "test"):
            if not np.array_equal(file[f"{split}/ids"], files[0][f"{split}/ids"]):
                raise MismatchError(
                    f"{file.filename} and {files[0].filename} hold different {split} images"
                )
