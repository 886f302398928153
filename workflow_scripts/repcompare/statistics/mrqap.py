"""Regression of transfer on geometry over ordered pairs, tested by permuting models.

y_ij = source_i + target_j + β x_ij + (terms of the pair) + ε_ij. Pairs share models, so ε is not
independent; what is assumed under the null is that ε keeps its distribution when models trade
places within the design. Then permuting the rows and columns of x together gives the test
(multiple regression quadratic assignment procedure; Krackhardt 1988, doi:10.1016/0378-8733(88)90004-4).
"""

from typing import NamedTuple

import numpy as np

from repcompare.statistics.pair_design import ROUNDING, PairDesign
from repcompare.statistics.permutations import (
    LEVEL,
    chunks,
    moved_by,
    p_value,
    products_of_wholes,
)

# Without so many degrees of freedom after the nuisance terms there is no slope.
FEWEST_FREE = 3

# One value looked up by both ends takes as long as so many of a matrix that is moved as a whole.
SINGLE = 8


class Fit(NamedTuple):
    """A slope, the partial correlation, and the permutations' p and interval; NaN if undefined.

    `n_pairs` ordered pairs with `free` degrees of freedom after the node effects and other terms.
    `note` says why the slope is undefined, or that pairs were missing.
    """

    slope: float
    low: float
    high: float
    p: float
    partial: float
    n_pairs: int
    free: int
    note: str


def mrqap(
    x: np.ndarray,
    y: np.ndarray,
    permutations: np.ndarray,
    *,
    within: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    terms: np.ndarray | None = None,
    whole: np.ndarray | None = None,
) -> Fit:
    """β of y_ij = source_i + target_j + β x_ij + terms, its permutation p and interval.

    What is permuted is the residual of x given all other terms, which is then freed of them again
    where it has come to lie (double semi-partialing; Dekker, Krackhardt & Snijders 2007,
    doi:10.1007/s11336-007-9016-1); the statistic is the pivotal |t| of β. Where permutations keep
    the terms' space, as those of `statistics.permutations` keep node effects and groups, this is the
    procedure of Freedman & Lane (1983, doi:10.1080/07350015.1983.10509354) term by term, and the
    test is exact. Terms that move, and missing pairs, make it approximate.

    The interval holds every slope that the same test does not refuse at 5 %, so it excludes 0 just
    where p ≤ 0.05. It is unbounded where fewer than 20 permutations can tell slopes apart.

    Args:
        x, y: (M, M) by source and target; NaN where a pair has no value. The diagonal is not read.
        permutations: (B, M), without the identity.
        within: bool (M, M), the pairs to use; None: all. Must be kept by every permutation.
        groups: int (M, M), pairs that share an effect, such as those of one architecture; None: all
            of one group. Every permutation must carry whole groups into groups.
        terms: (k, M, M) further terms of the regression, which permutations may move.
        whole: (M,), the architecture of each model if every permutation carries architectures whole,
            as those of `of_architectures`: the same numbers sooner.
    """
    wanted = np.ones_like(x, dtype=bool) if within is None else within
    wanted = wanted & ~np.eye(len(x), dtype=bool)
    observed = wanted & np.isfinite(x) & np.isfinite(y)
    missing = int(wanted.sum() - observed.sum())
    design = PairDesign.of(observed, groups, terms)
    n, free = len(design.rows), design.free
    note = f"{missing} of {wanted.sum()} ordered pairs have no value" if missing else ""
    nothing = dict.fromkeys(("slope", "low", "high", "p", "partial"), np.nan)
    if free < FEWEST_FREE:
        why = f"{n} ordered pairs leave {max(free, 0)} degrees of freedom, {FEWEST_FREE} are needed"
        return Fit(**nothing, n_pairs=n, free=free, note=joined(note, why))
    e_x, e_y = design.residual(x), design.residual(y)
    length = np.sqrt(e_x @ e_x)
    if not e_x.any():
        why = "the similarity does not vary once source and target effects are removed"
        return Fit(**nothing, n_pairs=n, free=free, note=joined(note, why))
    if not e_y.any():
        why = "transfer does not vary once source and target effects are removed"
        return Fit(**nothing, n_pairs=n, free=free, note=joined(note, why))
    kept = not missing and terms is None
    with_y, with_x = permuted_products(
        design, e_x, np.stack([e_y, e_x], axis=1), permutations, kept=kept, whole=whole
    )
    observed_y = e_x @ e_y / length
    slope = observed_y / length
    low, high = accepted_slopes(with_y, with_x, observed_y, length)
    return Fit(
        slope=float(slope),
        low=low,
        high=high,
        # |t| = |ρ| √(free − 1) / √(1 − ρ²) grows with |ρ|, and ‖e_y‖ is the same for all.
        p=p_value(np.abs(with_y), abs(observed_y)),
        partial=float(observed_y / np.sqrt(e_y @ e_y)),
        n_pairs=n,
        free=free,
        note=note,
    )


def permuted_products(
    design: PairDesign,
    e_x: np.ndarray,
    against: np.ndarray,
    permutations: np.ndarray,
    *,
    kept: bool,
    whole: np.ndarray | None = None,
) -> np.ndarray:
    """Inner products of the permuted predictor, at unit length, with columns of `against` (n, k).

    `e_x` (n,) is the residual of x; a permuted pair without a value has residual 0. `kept` says that
    every permutation keeps the pairs and the terms' space, so that a permuted residual is one;
    `whole` as for `mrqap`. Returns (k, B), 0 where nothing of the permuted predictor is left.
    """
    size, rows, columns = design.models, design.rows, design.columns
    matrix, targets = np.zeros((size, size)), np.zeros((against.shape[1], size, size))
    matrix[rows, columns] = e_x
    targets[:, rows, columns] = against.T
    if kept and whole is not None:
        return products_of_wholes(matrix, targets, permutations, whole) / np.sqrt(e_x @ e_x)
    products = np.zeros((len(targets), len(permutations)))
    squares = np.full(len(permutations), e_x @ e_x)
    few = SINGLE * len(rows) < matrix.size
    for part in chunks(len(permutations), matrix.size):
        places = permutations[part]
        if few:
            values = matrix[places[:, rows], places[:, columns]].T
            products[:, part] = against.T @ values
        else:
            moved = moved_by(matrix, places)
            products[:, part] = targets.reshape(len(targets), -1) @ moved.reshape(len(moved), -1).T
            values = moved[:, rows, columns].T if not kept else np.empty(0)
        if not kept:
            squares[part] = (values**2).sum(axis=0) - design.taken_out(values)
    # Columns of `against` are orthogonal to the terms, so only the length needs them.
    left = squares > (ROUNDING * np.abs(e_x).max()) ** 2 * len(e_x)
    return np.where(left, products, 0.0) / np.sqrt(np.where(left, squares, 1.0))


def accepted_slopes(
    with_y: np.ndarray, with_x: np.ndarray, observed_y: float, length: float
) -> tuple[float, float]:
    """The slopes β₀ at which y − β₀x has a permutation p above `LEVEL`, as (low, high).

    With a = ⟨e_y, ·⟩ and c = ⟨e_x, ·⟩ of the predictor at unit length, permutation b reaches the
    observed statistic where |a_b − β₀c_b| ≥ |a − β₀c|. As |c_b| ≤ c, that is the interval from
    (a ∓ a_b)/(c ∓ c_b); all of them hold a/c, so the limits are order statistics of the ends.
    """
    minus, plus = length - with_x, length + with_x
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(observed_y - with_y) / minus, (observed_y + with_y) / plus])
    # A permutation that gives x itself back, or its negative, reaches the statistic at any slope.
    same = (minus <= ROUNDING * length) | (plus <= ROUNDING * length)
    lows = np.append(np.where(same, -np.inf, ends.min(axis=0)), -np.inf)
    highs = np.append(np.where(same, np.inf, ends.max(axis=0)), np.inf)
    # β₀ is refused while no more than LEVEL of all permutations, the identity too, reach it.
    refused = int(np.floor(LEVEL * len(lows) + ROUNDING))
    return float(np.sort(lows)[refused]), float(np.sort(highs)[::-1][refused])


def mantel(x: np.ndarray, y: np.ndarray, permutations: np.ndarray) -> tuple[float, float, int]:
    """Correlation of two matrices over their ordered pairs, and p of |r| under permuted models.

    Mantel 1967, Cancer Research 27:209. It knows nothing of node effects and, if models of all
    architectures are permuted, nothing of architectures: it is shown beside, not decided by.

    Args:
        x, y: (M, M), NaN where a pair has no value; ranks for Spearman's correlation.
        permutations: (B, M), without the identity.

    Returns:
        r, p and the number of ordered pairs; r and p NaN for fewer than 3 pairs or if x or y is
        constant.
    """
    design = PairDesign.of(np.isfinite(x) & np.isfinite(y), nodes=False)
    count = len(design.rows)
    if count < 3:
        return np.nan, np.nan, count
    e_x, e_y = design.residual(x), design.residual(y)
    if not e_x.any() or not e_y.any():
        return np.nan, np.nan, count
    unit = e_y / np.sqrt(e_y @ e_y)
    kept = count == len(x) * (len(x) - 1)
    (products,) = permuted_products(design, e_x, unit[:, None], permutations, kept=kept)
    r = float(e_x @ unit / np.sqrt(e_x @ e_x))
    return r, p_value(np.abs(products), abs(r)), count


def joined(*notes: str) -> str:
    """Notes as one text."""
    return "; ".join(filter(None, notes))
