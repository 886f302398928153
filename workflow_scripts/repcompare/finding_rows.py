"""The rows of findings.csv: one a finding and version of its test, the measure or family it is of."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

# What decides, where a study has it: one measure and one family of maps, named beforehand.
MEASURE = "cka_debiased"
WITHIN_CLASSES = "cka_within_class"
FAMILY = "least_squares"


class Resampling(NamedTuple):
    """The config's `statistics`."""

    permutations: int
    bootstraps: int
    seed: int

    def generator(self, purpose: int) -> np.random.Generator:
        """Numbers of their own for each purpose, so that no test depends on another."""
        return np.random.default_rng([self.seed, purpose])


class Row(NamedTuple):
    """One test. `effect` has the interval `low` to `high`; NaN with a reason in `note`.

    `architecture` names the one that a row is of; `n_pairs` are ordered pairs for the findings on
    maps and transfer, else unordered. `verdict` stands in the row that decides a finding.
    """

    finding: str
    version: str
    measure: str
    architecture: str = ""
    verdict: str = ""
    effect: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    n_pairs: int = 0
    n_models: int = 0
    resamples: int = 0
    seed: int = 0
    note: str = ""

    def noted(self, *notes: str) -> "Row":
        """The row with further notes."""
        parts = [part for note in (self.note, *notes) for part in note.split("; ") if part]
        return self._replace(note="; ".join(dict.fromkeys(parts)))

    @property
    def too_few_permutations(self) -> bool:
        """Whether its note says that no p below 0.05 was possible."""
        return "distinct permutations" in self.note

    @property
    def above(self) -> bool:
        """Whether the interval lies above 0."""
        return self.low > 0

    @property
    def below(self) -> bool:
        """Whether the interval lies below 0."""
        return self.high < 0


def as_table(rows: Iterable[Row]) -> pd.DataFrame:
    """The rows as a table."""
    return pd.DataFrame(list(rows), columns=Row._fields)


def chosen(names: Iterable[str], wanted: str) -> str:
    """`wanted` if it is among the names, else the first of them."""
    names = list(names)
    return wanted if wanted in names or not names else names[0]


def left_out(names: Iterable[str]) -> str:
    """The note that says which models a test leaves out."""
    names = list(names)
    return f"without {', '.join(names)}: no pair of it has a value" if names else ""
