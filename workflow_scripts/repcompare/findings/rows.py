"""The rows of findings.csv: one a finding and version of its test, the measure or family it is of."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd


class Resampling(NamedTuple):
    """The config's `statistics`."""

    permutations: int
    seed: int

    def generator(self, purpose: int) -> np.random.Generator:
        """Numbers of their own for each purpose, so that no test depends on another."""
        return np.random.default_rng([self.seed, purpose])


class Row(NamedTuple):
    """One test. `effect` has the interval `low` to `high`; NaN with a reason in `note`.

    `error` is its standard error where the interval is Student's t over architectures. Of slopes,
    `per_sd` and `per_sd_error` are the two per standard deviation of the pairs' similarity.

    `lacks` is the `vocabulary.Need` for want of which the row cannot answer, empty if it can.
    Verdicts go by it; `note` is for the reader alone, and nothing may depend on it.
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
    error: float = np.nan
    p: float = np.nan
    per_sd: float = np.nan
    per_sd_error: float = np.nan
    n_pairs: int = 0
    n_models: int = 0
    resamples: int = 0
    seed: int = 0
    left_out_agree: int = 0
    left_out_of: int = 0
    specifications_agree: int = 0
    specifications_of: int = 0
    lacks: str = ""
    note: str = ""

    def noted(self, note: str) -> "Row":
        """The row with a further note."""
        parts = [part for text in (self.note, note) for part in text.split("; ") if part]
        return self._replace(note="; ".join(dict.fromkeys(parts)))

    def lacking(self, need: str, note: str = "") -> "Row":
        """The row with a further need unmet, of which the first counts; none if `need` is empty."""
        return self._replace(lacks=self.lacks or need).noted(note)

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


def left_out(names: Iterable[str]) -> str:
    """The note that says which models a test leaves out."""
    names = list(names)
    return f"without {', '.join(names)}: no pair of it has a value" if names else ""
