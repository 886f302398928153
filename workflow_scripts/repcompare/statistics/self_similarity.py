"""How much more similar an architecture's models are to one another than to other models.

Δ_a = mean similarity of the pairs of architecture a − mean of its pairs with other architectures,
for all architectures at once, against permuted architecture labels.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from repcompare.statistics.pair_design import ROUNDING, PairDesign
from repcompare.statistics.permutations import LEVEL, chunks, moved_by, p_value


class Differences(NamedTuple):
    """Δ of every architecture, (A,) each, and means of them.

    `p` is adjusted for looking at all of them, `low` and `high` hold for all of them together;
    `p_mean`, `mean_low` and `mean_high` are of `mean`, the mean of the defined Δ. NaN where an
    architecture has no pair of its own, or none to compare with.
    """

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    mean: float
    mean_low: float
    mean_high: float
    p_mean: float


def architecture_differences(
    x: np.ndarray,
    architecture: np.ndarray,
    permutations: np.ndarray,
    compared: np.ndarray | None = None,
) -> Differences:
    """Δ_a of a symmetric similarity matrix, tested by max-T over architectures (`max_t`).

    Models trade their labels. Exact if models are exchangeable where labels mean nothing.

    Args:
        x: (M, M) symmetric, NaN where a pair has no value; the diagonal is not read.
        architecture: (M,), counted from 0.
        permutations: (B, M) of all models, without the identity.
        compared: bool (A, A), the architectures that each is compared with; None: all others.
    """
    labels = np.eye(architecture.max() + 1)[architecture]
    others = (
        1 - np.eye(labels.shape[1])
        if compared is None
        else compared & ~np.eye(labels.shape[1], dtype=bool)
    )
    known = np.isfinite(x) & ~np.eye(len(x), dtype=bool)
    level = x[known].mean() if known.any() else 0.0
    filled = np.where(known, x - level, 0.0)
    own = known & (architecture[:, None] == architecture)
    everything = bool(known.sum() == known.size - len(known))

    def differences(matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
        if everything and compared is None:
            return whole_differences(matrix, architecture, rows)
        found = np.empty((len(rows), labels.shape[1]))
        for part in chunks(len(rows), matrix.size):
            sums = block_sums(matrix, labels, rows[part])
            # Where every pair has a value, every permutation has the same numbers of them.
            pairs = block_sums(known.astype(float), labels, rows[part][: 1 if everything else None])
            inner, inner_pairs = (np.diagonal(each, axis1=1, axis2=2) for each in (sums, pairs))
            outer, outer_pairs = ((each * others).sum(axis=2) for each in (sums, pairs))
            with np.errstate(divide="ignore", invalid="ignore"):
                found[part] = inner / inner_pairs - outer / outer_pairs
        return found

    def permuted(removed: np.ndarray) -> np.ndarray:
        return differences(np.where(own, filled - removed[architecture], filled), permutations)

    observed = differences(filled, np.arange(len(x))[None])[0]
    # Of architectures with as many models, compared with as many others, Δ varies alike.
    sizes = labels.sum(axis=0)
    alike = np.unique(np.stack([sizes, others @ sizes]), axis=1, return_inverse=True)[1]
    return max_t(observed, permuted, alike, free=int(known.sum()) // 2 - 1)


def whole_differences(matrix: np.ndarray, architecture: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Δ (B, A) of a matrix (M, M), 0 on its diagonal, that has a value for every pair.

    A model's pairs with others are its row less its own architecture's: only those are looked up.
    """
    found = np.full((len(rows), architecture.max() + 1), np.nan)
    totals = matrix.sum(axis=1)
    for place in range(found.shape[1]):
        members = rows[:, architecture == place]
        own = members.shape[1]
        pairs, others = own * (own - 1), own * (len(matrix) - own)
        if not pairs or not others:
            continue
        for part in chunks(len(rows), own**2):
            chosen = members[part]
            inner = matrix[chosen[:, :, None], chosen[:, None, :]].sum(axis=(1, 2))
            outer = totals[chosen].sum(axis=1) - inner
            found[part, place] = inner / pairs - outer / others
    return found


def block_sums(matrix: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Sums (B, A, A) of a matrix (M, M), permuted by every row (B, M), over pairs of labels."""
    count, size = rows.shape
    half = moved_by(matrix, rows).reshape(count * size, size) @ labels
    return labels.T @ half.reshape(count, size, -1)


def interaction_differences(
    x: np.ndarray, architecture: np.ndarray, permutations: np.ndarray
) -> Differences:
    """δ_a of x_ij = q_i + q_j + δ_a [i, j both of a] + ε: Δ without what models bring to any pair.

    A model that resembles every other, such as a precise one, raises both halves of Δ, but not
    equally: with architectures of unlike quality Δ is not 0. δ is, and its test is exact if ε is
    exchangeable, whatever q. Arguments as for `architecture_differences`; NaN throughout where
    q and δ cannot be told apart.
    """
    count = architecture.max() + 1
    known = np.isfinite(x) & ~np.eye(len(x), dtype=bool)
    observed = np.full(count, np.nan)
    design = PairDesign.of(known)
    same = (architecture[:, None] == np.arange(count)).astype(float)
    columns = np.stack([design.residual(np.outer(each, each)) for each in same.T], axis=1)
    gram = columns.T @ columns
    used = np.diag(gram) > 0
    gram = gram[np.ix_(used, used)]
    if design.free <= count or not used.any() or np.linalg.cond(gram) > 1e8:
        nothing = np.zeros(count, int)
        return max_t(observed, lambda removed: np.empty((0, len(removed))), nothing, free=0)
    columns = columns[:, used]
    solve = np.linalg.inv(gram)
    e_x = design.residual(x)
    observed[used] = solve @ (columns.T @ e_x)

    def permuted(removed: np.ndarray) -> np.ndarray:
        matrix = np.zeros_like(x)
        matrix[design.rows, design.columns] = e_x - columns @ removed[used]
        found = np.full((len(permutations), count), np.nan)
        for part in chunks(len(permutations), matrix.size):
            moved = moved_by(matrix, permutations[part])[:, design.rows, design.columns]
            found[part][:, used] = moved @ columns @ solve
        return found

    alike = np.unique(same.sum(axis=0), return_inverse=True)[1]
    return max_t(observed, permuted, alike, free=int(known.sum()) // 2 - len(x))


def max_t(
    observed: np.ndarray,
    permuted: Callable[[np.ndarray], np.ndarray],
    alike: np.ndarray,
    free: int,
) -> Differences:
    """Adjusted p and simultaneous intervals of several Δ, and of their mean.

    Each Δ is divided by its standard deviation over the permutations, pooled over those that vary
    alike, and |Δ_a| held against the largest of every permutation (max-T). What is found is taken
    out of its pairs and the rest tested again, lest one large Δ hides the others; unlike in Westfall
    and Young's (1993) step-down the effect itself is taken out, not the hypothesis alone. The
    interval holds the values that the last step's permutations do not refuse; as what was taken out
    was estimated, it is wider by √(free / (free − effects taken out)).

    Args:
        observed: (A,), NaN where there is no Δ.
        permuted: gives the Δ (B, A) under permuted labels once effects (A,) are taken out.
        alike: int (A,), the same number for Δ of the same distribution: labels that trade places
            must tie, whatever the draws.
        free: degrees of freedom of the pairs before any effect is taken out.
    """
    defined = np.isfinite(observed)
    low, high, p = (np.full(len(observed), np.nan) for _ in range(3))
    if not defined.any():
        return Differences(observed, low, high, p, *[np.nan] * 4)
    values, kinds = observed[defined], alike[defined]
    removed, found, reached = np.zeros(len(observed)), np.zeros(len(values), bool), 0.0
    adjusted = np.full(len(values), np.nan)
    while True:
        # Where pairs are missing, an order of the labels may leave no Δ a pair.
        draws = with_values(permuted(removed)[:, defined])
        # The arrangement at hand counts too, or it would not be one among equals.
        spread = pooled(np.nanstd(np.vstack([draws, values - removed[defined]]), axis=0), kinds)
        spread = np.where(spread > ROUNDING * np.abs(values).max(), spread, np.inf)
        largest = np.nanmax(np.abs(draws) / spread, axis=1)
        if not removed.any():
            average = float(values.mean())
            means = np.abs(np.nanmean(draws, axis=1))
        step = np.array([p_value(largest, value) for value in np.abs(values) / spread])
        adjusted[~found] = np.maximum(step, reached)[~found]
        new = ~found & (adjusted <= LEVEL)
        if not new.any():
            break
        reached = adjusted[new].max()
        found |= new
        removed[defined] = np.where(found, values, 0.0)
    wider = np.sqrt(free / max(free - found.sum(), 1))
    half = critical(largest) * wider * np.where(np.isfinite(spread), spread, np.nan)
    p[defined], low[defined], high[defined] = adjusted, values - half, values + half
    off = critical(means)
    return Differences(
        observed,
        low,
        high,
        p,
        mean=average,
        mean_low=average - off,
        mean_high=average + off,
        p_mean=p_value(means, abs(average)),
    )


def pooled(spread: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Standard deviations (A,), of each kind the root of the mean of their squares."""
    found = np.empty_like(spread)
    for kind in np.unique(kinds):
        found[kinds == kind] = np.sqrt(np.mean(spread[kinds == kind] ** 2))
    return found


def with_values(draws: np.ndarray) -> np.ndarray:
    """The rows of (B, A) that have a value."""
    known = np.isfinite(draws).any(axis=1)
    return draws if known.all() else draws[known]


def critical(statistics: np.ndarray) -> float:
    """The largest value whose p is above `LEVEL`; infinite if there are too few statistics."""
    place = int(np.floor(LEVEL * (1 + len(statistics)) + ROUNDING))
    return float(np.sort(statistics)[::-1][place - 1]) if place else np.inf
