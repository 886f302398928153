"""How much more similar an architecture's models are to one another than what each brings to every pair.

δ_a of x_ij = q_i + q_j + δ_a [i, j both of a] + ε: a model that resembles every other, such as a precise
one, has a large q and adds nothing to δ. What holds for architectures in general is read from how δ
varies between those that there are, without permutations.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from repcompare.statistics.over_architectures import Mean, jackknifed
from repcompare.statistics.permutations import LEVEL

# Of a number, below which it is rounding; of what a pivot might be, below which it is.
ROUNDING, PIVOT = 1e-9, 1e-6


class Contrasts(NamedTuple):
    """Each architecture's δ less the mean of the others', (A,) each; NaN where there is no δ.

    `p` is one-sided, adjusted for looking at all of them (Bonferroni); `low` and `high` are the bounds
    of such tests: each of them is passed by chance in 5 % of studies at most, over all architectures.
    """

    effect: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def excess(x: np.ndarray, architecture: np.ndarray) -> np.ndarray:
    """δ (A,) by least squares over all pairs that have a value.

    NaN where an architecture has no pair of its own, or its δ cannot be told from the models' effects.

    Args:
        x: (M, M) symmetric, NaN where a pair has no value; the diagonal is not read.
        architecture: (M,), counted from 0.
    """
    return solved(*pair_sums(x, architecture), architecture)


def excess_without_each(x: np.ndarray, architecture: np.ndarray) -> np.ndarray:
    """`excess` (A, A) without the architecture of each row, which is NaN itself."""
    known, sums = pair_sums(x, architecture)
    found = np.full((sums.shape[1], sums.shape[1]), np.nan)
    for out in range(len(found)):
        kept, others = architecture != out, np.arange(len(found)) != out
        if kept.any():
            places = architecture[kept] - (architecture[kept] > out)
            left = known[np.ix_(kept, kept)], sums[np.ix_(kept, others)]
            found[out, others] = solved(*left, places)
    return found


def pair_sums(x: np.ndarray, architecture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which pairs have a value, bool (M, M), and the sum of each model's with each architecture.

    (M, A), of x less its mean: δ knows nothing of it, and rounding is less.
    """
    known = np.isfinite(x) & ~np.eye(len(x), dtype=bool)
    values = np.where(known, x - (x[known].mean() if known.any() else 0.0), 0.0)
    return known, values @ np.eye(int(architecture.max()) + 1)[architecture]


def solved(known: np.ndarray, sums: np.ndarray, architecture: np.ndarray) -> np.ndarray:
    """δ (A,) from `pair_sums`."""
    models, count = sums.shape
    of_models = sums.sum(axis=1)
    of_own = np.bincount(architecture, sums[np.arange(models), architecture], count) / 2
    if known.sum() == models * (models - 1):
        found = of_all_pairs(of_models, of_own, architecture)
        if found is not None:
            return found
    # The normal equations of q and δ.
    own = (known & (architecture[:, None] == architecture)).sum(axis=1)
    inner = own[:, None] * np.eye(count)[architecture]
    ends = known + np.diag(known.sum(axis=1).astype(float))
    gram = np.block([[ends, inner], [inner.T, np.diag(inner.sum(axis=0) / 2)]])
    inverse = np.linalg.pinv(gram, rcond=ROUNDING, hermitian=True)
    told = np.abs(gram @ inverse - np.eye(len(gram))).max(axis=0)[models:] < 1e-6
    effects = (inverse @ np.concatenate([of_models, of_own]))[models:]
    return np.where(told, effects, np.nan)


def of_all_pairs(
    of_models: np.ndarray, of_own: np.ndarray, architecture: np.ndarray
) -> np.ndarray | None:
    """δ (A,) where every pair has a value; None where some cannot be told from the models' effects.

    Of M models the normal equations of q are (M − 2) I + 1 1ᵀ, and without q those of δ a diagonal
    and a product of one vector: no system is solved.

    Args:
        of_models: (M,), the sum of each model's pairs.
        of_own: (A,), the sum of each architecture's own pairs.
        architecture: (M,), counted from 0.
    """
    models, sizes = len(of_models), np.bincount(architecture)
    several = sizes > 1
    if models < 3 or not several.any():
        return None
    n = sizes[several].astype(float)
    without = (of_models - of_models.sum() / (2 * models - 2)) / (models - 2)
    left = of_own - (sizes - 1) * np.bincount(architecture, without)
    diagonal = n * (n - 1) * (0.5 - (n - 1) / (models - 2))
    vector, weight = n * (n - 1), 1 / ((models - 2) * (2 * models - 2))
    if (np.abs(diagonal) <= PIVOT * vector).any():
        return None
    scaled = vector / diagonal
    shared = 1 + weight * vector @ scaled
    if abs(shared) <= PIVOT:
        return None
    found = np.full(len(sizes), np.nan)
    found[several] = left[several] / diagonal - weight * scaled * (scaled @ left[several]) / shared
    return found


def contrasts(delta: np.ndarray) -> Contrasts:
    """Which δ (A,) stands out: each against what another architecture's would be, given the others.

    Student's t of a further value of a normal sample; needs four architectures.
    """
    defined = np.isfinite(delta)
    effect, low, high, p = (np.full(len(delta), np.nan) for _ in range(4))
    values, count = delta[defined], int(defined.sum())
    if count < 4:
        return Contrasts(effect, low, high, p)
    others = [np.delete(values, place) for place in range(count)]
    difference = values - np.array([each.mean() for each in others])
    spread = np.array([each.std(ddof=1) for each in others]) * np.sqrt(1 + 1 / (count - 1))
    half = stdtrit(count - 2, 1 - LEVEL / count) * spread
    with np.errstate(divide="ignore", invalid="ignore"):
        single = stdtr(count - 2, -difference / spread)
    effect[defined], low[defined], high[defined] = difference, difference - half, difference + half
    p[defined] = np.minimum(count * np.nan_to_num(single, nan=0.5), 1.0)
    return Contrasts(effect, low, high, p)


def mean_excess(x: np.ndarray, architecture: np.ndarray, used: np.ndarray) -> Mean:
    """The mean δ over the architectures `used`, bool (A,), that have one, with a jackknife interval.

    Every one of them is left out in turn, with all pairs of its models (Efron & Stein 1981), so that
    the interval is of architectures in general. Student's t. No interval
    of fewer than three of them, or of fewer than four architectures in all.
    """
    delta = excess(x, architecture)
    averaged = np.flatnonzero(used & np.isfinite(delta))
    effect = float(delta[averaged].mean()) if len(averaged) else np.nan
    without = excess_without_each(x, architecture)
    left = [without[out, averaged[averaged != out]] for out in averaged]
    return jackknifed(effect, np.array([each.mean() if len(each) else np.nan for each in left]))


def own_pairs(x: np.ndarray, architecture: np.ndarray) -> np.ndarray:
    """The mean similarity of each architecture's own pairs less the mean of the others', (A,)."""
    count = int(architecture.max()) + 1
    known = np.isfinite(x) & ~np.eye(len(x), dtype=bool)
    means = np.full(count, np.nan)
    for place in range(count):
        own = known & np.outer(architecture == place, architecture == place)
        if own.any():
            means[place] = x[own].mean()
    defined = np.isfinite(means)
    if defined.sum() < 2:
        return np.full(count, np.nan)
    others = (np.nansum(means) - means) / (defined.sum() - 1)
    return means - others
