"""The study's tables as matrices of pairs of models, all in one order of the models."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from repcompare.statistics.jackknife import CONFIDENCE, GROUPS
from repcompare.tables.directions import mirrored
from repcompare.transfer.rates import empirical_logit
from repcompare.transfer.reference import Strength, rates_at
from repcompare.vocabulary import PRIMARY


@dataclass(frozen=True, eq=False)
class Models:
    """The models of a study in the order of every matrix, with what is known of each.

    `architecture` (M,) counts `architectures` from 0, `family` (M,) what architectures have in
    common; `accuracy` (on the test images) and `width` (of the representation) are (M,).
    """

    names: list[str]
    architectures: list[str]
    architecture: np.ndarray
    family: np.ndarray
    accuracy: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, models: pd.DataFrame, families: Mapping[str, str]) -> "Models":
        """From models.csv, by architecture and seed, and the family of each architecture.

        One that has none is of its own.
        """
        table = models.sort_values(["architecture", "seed"])
        place, names = pd.factorize(table["architecture"])
        family = table["architecture"].map(
            lambda name: ("family", families[name]) if name in families else ("", name)
        )
        return cls(
            list(table["model"]),
            list(names),
            place,
            pd.factorize(family)[0],
            table["test_accuracy"].to_numpy(float),
            table["representation_width"].to_numpy(float),
        )

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def seeds(self) -> np.ndarray:
        """The number of models of each architecture."""
        return np.bincount(self.architecture, minlength=len(self.architectures))

    @cached_property
    def same(self) -> np.ndarray:
        """Bool (M, M): pairs of one architecture, each model with itself too."""
        return self.architecture[:, None] == self.architecture

    @property
    def related(self) -> np.ndarray:
        """Bool (M, M): pairs of different architectures of one family."""
        return (self.family[:, None] == self.family) & ~self.same

    @property
    def kinds(self) -> np.ndarray:
        """Int (M, M): 2 for pairs of one architecture, 1 for others of one family, else 0."""
        return 2 * self.same + self.related

    @property
    def blocks(self) -> np.ndarray:
        """Int (M, M): the ordered pair of architectures that a pair of models is of."""
        return self.architecture[:, None] * len(self.architectures) + self.architecture

    def without(self, dropped: np.ndarray) -> "Models":
        """The models for which `dropped` (M,) is false."""
        kept = np.flatnonzero(~dropped)
        place, values = pd.factorize(self.architecture[kept])
        return Models(
            [self.names[model] for model in kept],
            [self.architectures[value] for value in values],
            place,
            self.family[kept],
            self.accuracy[kept],
            self.width[kept],
        )

    def matrix(self, table: pd.DataFrame, value: str) -> np.ndarray:
        """(M, M) from a table of ordered pairs, `source` and `target`; NaN where it has no row."""
        places = pd.Index(self.names)
        rows, columns = (places.get_indexer(table[end]) for end in ("source", "target"))
        known = (rows >= 0) & (columns >= 0)
        matrix = np.full((len(self), len(self)), np.nan)
        matrix[rows[known], columns[known]] = table[value].to_numpy(float)[known]
        return matrix

    def symmetric(self, table: pd.DataFrame, value: str) -> np.ndarray:
        """(M, M) from a table of unordered pairs, `model_a` and `model_b`."""
        return self.matrix(mirrored(table), value)

    def differences(self, values: np.ndarray) -> np.ndarray:
        """(M, M): how far apart two models are in `values` (M,)."""
        return np.abs(values[:, None] - values)


def pair_logits(
    models: Models, transfer: pd.DataFrame, attack: Strength, denominator: str = PRIMARY
) -> np.ndarray:
    """(M, M): the empirical logit of a rate of transfer at one strength."""
    table = rates_at(transfer, attack, denominator).dropna(subset="fooled")
    return models.matrix(
        table.assign(logit=empirical_logit(table["n"] * table["fooled"], table["n"])), "logit"
    )


def standard_errors(table: pd.DataFrame, low: str = "low", high: str = "high") -> pd.Series:
    """The standard errors behind jackknife intervals; 0 where a value has no interval."""
    half = (table[high] - table[low]) / 2
    return (half / stdtrit(GROUPS - 1, (1 + CONFIDENCE) / 2)).fillna(0.0)


def by_measure(models: Models, geometry: pd.DataFrame) -> Mapping[str, np.ndarray]:
    """The similarity matrix (M, M) of every measure of `tables.geometry.similarities`."""
    return {
        measure: models.symmetric(rows, "value")
        for measure, rows in geometry.groupby("measure", sort=False)
    }


def alone(matrices: list[np.ndarray]) -> np.ndarray:
    """Bool (M,): models without a single pair that has a value in all `matrices`."""
    known = np.logical_and.reduce([np.isfinite(matrix) for matrix in matrices])
    known &= ~np.eye(len(known), dtype=bool)
    return ~(known.any(axis=0) | known.any(axis=1))
