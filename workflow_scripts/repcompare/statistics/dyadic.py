"""Slopes of values of ordered pairs on others, for architectures in general.

y_ij = source_i + target_j + β x_ij + group_ij + further terms + ε_ij, where β may differ between
architectures and pairs that share an architecture are not independent. Every architecture is left
out in turn, with all pairs of its models.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from repcompare.statistics.mrqap import FEWEST_FREE
from repcompare.statistics.over_architectures import Mean, variance
from repcompare.statistics.pair_design import ROUNDING, PairDesign, columns_first


class Slope(NamedTuple):
    """β as it is and divided by the reliability of x, a share: the part that is not error.

    `pairs` is their number. All is NaN where nothing of x is left; `corrected` is where the
    reliability is 0 or less.
    """

    plain: Mean
    corrected: Mean
    reliability: float
    pairs: int


def dyadic_slopes(
    x: Sequence[np.ndarray],
    y: Sequence[np.ndarray],
    error: Sequence[np.ndarray],
    architecture: np.ndarray,
    groups: np.ndarray,
    *,
    terms: np.ndarray | None = None,
    additive: bool = False,
) -> list[list[Slope]]:
    """β of every y on every x, with intervals for architectures in general.

    The variance is that of the jackknife over architectures (each with all pairs of its models),
    less what that counts twice: the noise of the pairs of two architectures, which leaves with
    either (Aronow, Samii & Assenova 2015, doi:10.1093/pan/mpv018); at least half of the jackknife's.
    Student's t with A − 1 degrees of freedom.

    β is pulled towards 0 by error in x. Its reliability is 1 − E‖e‖² / ‖x‖², both of what the terms
    leave, for errors that are independent between pairs (Fuller 1987, Measurement Error Models).

    Args:
        x, y: (M, M) each by source and target; NaN where a pair has no value. The diagonal is not
            read.
        error: (M, M) each, the standard errors of x.
        architecture: (M,), counted from 0.
        groups: int (M, M), pairs that share an effect.
        terms: (k, M, M) further terms, NaN where a pair has none.
        additive: take sources and targets to add up. Else Tukey's (1949, doi:10.2307/3001938) term
            of one degree of freedom is taken out for x and for y, the product of what the source
            and the target bring: a scale with a ceiling lets models that are high in both look like
            an effect of one on the other.

    Returns:
        A list a y for every x.
    """
    off = ~np.eye(len(architecture), dtype=bool)
    if terms is not None:
        off &= np.isfinite(terms).all(axis=0)
    found: list[list[Slope]] = [[None] * len(y) for _ in x]  # type: ignore[list-item]
    # Values of the same pairs share their designs, which take longer than all the rest.
    for xs, of_x in alike(x):
        for ys, of_y in alike(y):
            observed = off & of_x & of_y
            slopes = _slopes(
                [x[place] for place in xs],
                [y[place] for place in ys],
                [error[place] for place in xs],
                architecture,
                observed,
                (groups, terms),
                additive=additive,
            )
            for (row, column), slope in slopes:
                found[xs[row]][ys[column]] = slope
    return found


def alike(matrices: Sequence[np.ndarray]) -> Iterator[tuple[list[int], np.ndarray]]:
    """Places of matrices that have values for the same pairs, and the mask of these."""
    groups: dict[bytes, list[int]] = {}
    for place, matrix in enumerate(matrices):
        groups.setdefault(np.isfinite(matrix).tobytes(), []).append(place)
    for places in groups.values():
        yield places, np.isfinite(matrices[places[0]])


def _slopes(
    x: Sequence[np.ndarray],
    y: Sequence[np.ndarray],
    error: Sequence[np.ndarray],
    architecture: np.ndarray,
    observed: np.ndarray,
    nuisance: tuple[np.ndarray, np.ndarray | None],
    *,
    additive: bool,
) -> Iterator[tuple[tuple[int, int], Slope]]:
    used = with_pairs(observed, architecture)
    left = np.full((len(used), len(x), len(y)), np.nan)
    for number, out in enumerate(used):
        others = architecture != out
        kept = observed & np.outer(others, others)
        left[number] = _Regressions(kept, x, y, nuisance, additive).slopes
    whole = _Regressions(observed, x, y, nuisance, additive)
    for row, column in np.ndindex(whole.slopes.shape):
        yield (
            (row, column),
            _slope(whole, row, column, left[:, row, column], error[row], architecture),
        )


def slopes_without_each(
    x: np.ndarray, y: np.ndarray, error: np.ndarray, architecture: np.ndarray, groups: np.ndarray
) -> list[Slope]:
    """`dyadic_slopes` of one y on one x without each architecture, (A) of them.

    Two that are left out are so in either order.
    """
    off = ~np.eye(len(architecture), dtype=bool) & np.isfinite(x) & np.isfinite(y)
    count = architecture.max() + 1

    def without(*out: int) -> _Regressions:
        others = ~np.isin(architecture, out)
        kept = off & np.outer(others, others)
        return _Regressions(kept, [x], [y], (groups, None), additive=False)

    left = np.full((count, count), np.nan)
    for one, other in itertools.combinations(range(count), 2):
        left[one, other] = left[other, one] = without(one, other).slopes[0, 0]
    found = []
    for out in range(count):
        whole = without(out)
        used = with_pairs(whole.design.observed, architecture)
        found.append(_slope(whole, 0, 0, left[out, used], error, architecture))
    return found


def with_pairs(observed: np.ndarray, architecture: np.ndarray) -> np.ndarray:
    """The architectures that have a pair among those observed, bool (M, M)."""
    return np.unique(architecture[observed.any(0) | observed.any(1)])


def _slope(
    whole: "_Regressions",
    row: int,
    column: int,
    left: np.ndarray,
    error: np.ndarray,
    architecture: np.ndarray,
) -> Slope:
    slope, design = float(whole.slopes[row, column]), whole.design
    if not np.isfinite(slope):
        nothing = Mean.of(np.nan, np.nan, len(left))
        return Slope(nothing, nothing, np.nan, len(design.rows))
    of_x, of_y, free = whole.residuals(row, column)
    squares = float(of_x @ of_x)
    scores = np.zeros((design.models, design.models))
    scores[design.rows, design.columns] = of_x * (of_y - slope * of_x) / squares
    labels = np.eye(architecture.max() + 1)[architecture]
    blocks = labels.T @ scores @ labels
    twice = float((np.triu(blocks + blocks.T, 1) ** 2).sum())
    spread = variance(left)
    plain = Mean.of(slope, max(spread - twice, spread / 2), len(left))
    reliability = 1 - float((error[design.rows, design.columns] ** 2).mean()) * free / squares
    known = reliability if reliability > 0 else np.nan
    corrected = Mean.of(slope / known, (plain.error / known) ** 2, len(left))
    return Slope(plain, corrected, reliability, len(design.rows))


class _Regressions:
    """All regressions of `y` on `x` on the same pairs: they differ in Tukey's terms alone.

    `columns` (n, 2 (P + Q)) are what the design leaves of every x, of every y and of the products of
    their effects, at length 1; `lengths` what they were; `ends` (P, Q, 2) the columns of x and y.
    """

    def __init__(
        self,
        observed: np.ndarray,
        x: Sequence[np.ndarray],
        y: Sequence[np.ndarray],
        nuisance: tuple[np.ndarray, np.ndarray | None],
        additive: bool,
    ) -> None:
        self.design = design = PairDesign.of(observed, *nuisance)
        self.first_y = len(x)
        values = np.stack([each[design.rows, design.columns] for each in (*x, *y)], axis=1)
        columns = design.left_of(values)
        products = np.zeros_like(columns)
        if not additive and design.free >= FEWEST_FREE:
            source, target = design.effects(values)
            products = design.left_of(source[design.rows] * target[design.columns])
            # Products of effects that are rounding are no term.
            products[:, ~columns_first(columns).any(axis=1)] = 0.0
        columns = np.hstack([columns, products])
        self.lengths = np.sqrt(np.einsum("nk,nk->k", columns, columns))
        self.columns = columns / np.where(self.lengths > 0, self.lengths, 1.0)
        self._regress(self.columns.T @ self.columns)

    def _regress(self, gram: np.ndarray) -> None:
        """From the inner products of all columns: `slopes` (P, Q), the `effects` (P, Q, 2, 2) of
        Tukey's terms on x and y, and how many of the two there are, `ranks` (P, Q).

        A slope is NaN where too little of x is left.
        """
        count = len(gram) // 2
        of_x, of_y = np.ix_(np.arange(self.first_y), np.arange(self.first_y, count))
        self.ends = ends = np.stack(np.broadcast_arrays(of_x, of_y), axis=-1)
        terms = count + ends
        among = gram[terms[..., :, None], terms[..., None, :]]
        mixed = gram[terms[..., :, None], ends[..., None, :]]
        inverse = np.linalg.pinv(among, rcond=ROUNDING, hermitian=True)
        self.effects = inverse @ mixed
        self.ranks = np.rint(np.einsum("pqab,pqba->pq", inverse, among)).astype(int)
        shared = gram[of_x[..., None], ends] - np.einsum(
            "pqa,pqab->pqb", mixed[..., 0], self.effects
        )
        # x at length 1: what is left of it may be rounding alone.
        told = (self.design.free - self.ranks >= FEWEST_FREE) & (shared[..., 0] > ROUNDING)
        scale = self.lengths[of_y] / np.where(self.lengths[of_x] > 0, self.lengths[of_x], 1.0)
        slopes = shared[..., 1] / np.where(told, shared[..., 0], 1.0) * scale
        self.slopes = np.where(told, slopes, np.nan)

    def residuals(self, row: int, column: int) -> tuple[np.ndarray, np.ndarray, int]:
        """What all terms leave of x and of y, (n,) each, and the degrees of freedom."""
        ends = self.ends[row, column]
        terms = self.columns[:, self.columns.shape[1] // 2 + ends]
        left = self.columns[:, ends] - terms @ self.effects[row, column]
        left = left * self.lengths[ends]
        return left[:, 0], left[:, 1], self.design.free - int(self.ranks[row, column])
