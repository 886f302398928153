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
    count = len(replicates)
    if count < 2 or not np.isfinite(replicates).all():
        return np.nan, np.nan
    spread = np.sum((replicates - replicates.mean()) ** 2)
    half = stdtrit(count - 1, (1 + CONFIDENCE) / 2) * np.sqrt(spread * (count - 1) / count)
    return float(value - half), float(value + half)


def without_each_group(values: np.ndarray) -> np.ndarray:
    """Means (G,) of `values` (n,) over the samples that are not in group g."""
    sums, sizes = by_group(values), by_group(np.ones(len(values)))
    return (sums.sum() - sums) / (sizes.sum() - sizes)
