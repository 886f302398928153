"""Means over architectures in general: each architecture is left out in turn, with all its models.

The delete-one-cluster jackknife (Efron & Stein 1981, doi:10.1214/aos/1176345462), with Student's t.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from repcompare.statistics.jackknife import CONFIDENCE


class Mean(NamedTuple):
    """A mean over architectures, its 95 % interval, and its standard error; NaN below three of them."""

    effect: float
    low: float
    high: float
    error: float
    architectures: int

    @classmethod
    def of(cls, effect: float, variance: float, architectures: int) -> "Mean":
        """With Student's t of `architectures` − 1 degrees of freedom."""
        error = float(np.sqrt(variance))
        half = stdtrit(max(architectures - 1, 1), (1 + CONFIDENCE) / 2) * error
        return cls(float(effect), effect - half, effect + half, error, architectures)

    def p_of(self, value: float) -> float:
        """The two-sided p of the hypothesis that it is `value`."""
        if not self.error > 0:
            return np.nan
        return 2 * float(stdtr(self.architectures - 1, -abs(self.effect - value) / self.error))


def variance(left: np.ndarray) -> float:
    """The jackknife's variance of a value that is `left` (A,) without each architecture.

    NaN with fewer than three, or if one of `left` is.
    """
    count = len(left)
    return np.nan if count < 3 else float((count - 1) / count * ((left - left.mean()) ** 2).sum())


def jackknifed(effect: float, left: np.ndarray, further: float = 0.0) -> Mean:
    """A mean from what it is without each architecture, `left` (A,); see `variance`.

    `further` is a standard error of another kind, which is added.
    """
    return Mean.of(effect, variance(left) + further**2, len(left))


def pair_means(
    values: np.ndarray, used: np.ndarray, architecture: np.ndarray
) -> tuple[float, np.ndarray]:
    """The mean of a matrix over pairs, and without each architecture that has some of them.

    NaN where no pair is left.

    Args:
        values: (M, M); read only where `used`.
        used: bool (M, M), True somewhere.
        architecture: (M,) counts from 0.
    """
    left = []
    for out in np.unique(architecture[used.any(0) | used.any(1)]):
        others = architecture != out
        kept = used & np.outer(others, others)
        left.append(values[kept].mean() if kept.any() else np.nan)
    return float(values[used].mean()), np.array(left)
