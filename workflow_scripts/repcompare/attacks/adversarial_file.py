"""The reader of adversarial.h5: one model's perturbed images under every attack and ball."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import h5py
import numpy as np

from repcompare.storage.hdf5 import ModelFile


class Condition(NamedTuple):
    """What images were made under: an attack by name, and its ball."""

    attack: str
    norm: str
    epsilon: float
    epsilon_label: str


@dataclass(frozen=True, eq=False)
class StoredAttack:
    """One group of the file: n images under one condition, and what the attacked model makes of them."""

    group: h5py.Group

    @property
    def condition(self) -> Condition:
        """What they were made under."""
        found = self.group.attrs
        return Condition(
            found["attack"], found["norm"], float(found["epsilon"]), found["epsilon_label"]
        )

    @property
    def images(self) -> h5py.Dataset:
        """uint8 (n, C, H, W), or float32 in [0, 1] if they are not rounded; read as it is sliced."""
        return self.group["images"]

    def grey_levels(self, which: slice | np.ndarray) -> np.ndarray:
        """Some of the images from 0 to 255, uint8 (m, C, H, W), or float32 if they are not rounded."""
        images = self.images[which]
        return images if images.dtype == np.uint8 else images * 255

    @property
    def prediction(self) -> np.ndarray:
        """The model's answers, int64 (n,)."""
        return self.group["prediction"][:]

    @property
    def loss(self) -> np.ndarray:
        """Cross-entropy of the labels, float32 (n,)."""
        return self.group["loss"][:]

    @property
    def success(self) -> np.ndarray:
        """Whether the label is missed, or the target met, bool (n,)."""
        return self.group["success"][:]

    @property
    def linf(self) -> np.ndarray:
        """The largest change of a pixel in [0, 1], float64 (n,)."""
        return self.group["linf"][:]

    @property
    def l2(self) -> np.ndarray:
        """The Euclidean length of the change, float64 (n,)."""
        return self.group["l2"][:]

    @property
    def objective(self) -> np.ndarray | None:
        """What is ascended, before each step, float32 (n, steps); None of noise."""
        return self.group["objective"][:] if "objective" in self.group else None

    @property
    def zero_gradient(self) -> np.ndarray:
        """Where no pixel has a gradient, bool (n, steps)."""
        return self.group["zero_gradient"][:]

    def setting(self, name: str, default: Any) -> Any:
        """A setting of the search; `default` of noise, which has none."""
        return self.group.attrs.get(f"search_{name}", default)


class AdversarialImages(ModelFile):
    """One model's adversarial images, of the first test images. Written by `stages.attack`."""

    @cached_property
    def clean_prediction(self) -> np.ndarray:
        """The model's answers to them, int64 (n,)."""
        return self.h5["clean_prediction"][:]

    @property
    def correct(self) -> np.ndarray:
        """Which of them it classifies correctly, bool (n,)."""
        return self.clean_prediction == self.labels

    @property
    def attacks(self) -> dict[str, StoredAttack]:
        """The perturbed images by the name of their condition, such as `pgd-linf-8_255`."""
        return {name: StoredAttack(group) for name, group in self.h5["attacks"].items()}

    @property
    def quantised(self) -> bool:
        """Whether the images have 8 bits."""
        return all(stored.images.dtype == np.uint8 for stored in self.attacks.values())

    @property
    def growth(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By norm: ascending ε, and the share of images fooled there or at a smaller one."""
        groups = self.h5.get("growth", {})
        return {norm: (g["epsilon"][:], g["success_rate"][:]) for norm, g in groups.items()}
