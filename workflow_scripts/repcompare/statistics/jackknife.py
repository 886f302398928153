"""The delete-a-group jackknife: groups of samples, and intervals from what is left without each."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

# Sample i is in group i mod `GROUPS`.
GROUPS = 16

# No interval is given unless every group has two samples.
FEWEST_SAMPLES = 2 * GROUPS

# Of all intervals of the study.
CONFIDENCE = 0.95


def by_group(values: np.ndarray) -> np.ndarray:
    """Sums (G,) of `values` (n,) over each group."""
    return np.bincount(np.arange(len(values)) % GROUPS, values, minlength=GROUPS)


def interval(value: float, replicates: np.ndarray) -> tuple[float, float]:
    """The interval of `CONFIDENCE` about `value` from replicates (G,), each without one group.

    Student's t with G − 1 degrees of freedom (Kott 2001, the delete-a-group jackknife). NaN if a
    replicate is.
    """
    half = stdtrit(len(replicates) - 1, (1 + CONFIDENCE) / 2) * standard_error(replicates)
    return float(value - half), float(value + half)


def standard_error(replicates: np.ndarray) -> float:
    """That of a value from its replicates (G,). NaN if a replicate is, or if there are less than two."""
    count = len(replicates)
    if count < 2 or not np.isfinite(replicates).all():
        return np.nan
    return float(np.sqrt(np.sum((replicates - replicates.mean()) ** 2) * (count - 1) / count))


def bias(value: float, replicates: np.ndarray) -> float:
    """By how much a value exceeds what it estimates, on average, from its replicates (G,).

    Quenouille (1956): a bias in proportion to 1/n grows by 1/(G − 1) of it without a group. NaN if a
    replicate is, or if there are less than two.
    """
    count = len(replicates)
    if count < 2 or not np.isfinite(replicates).all():
        return np.nan
    return float((count - 1) * (replicates.mean() - value))


def without_each_group(values: np.ndarray) -> np.ndarray:
    """Means (G,) of `values` (n,) over the samples that are not in group g."""
    sums, sizes = by_group(values), by_group(np.ones(len(values)))
    return (sums.sum() - sums) / (sizes.sum() - sizes)
