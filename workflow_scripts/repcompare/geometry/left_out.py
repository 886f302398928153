"""Wide pairs without some of their samples: what the jackknife asks of measures that decompose.

A wide layer takes seconds to decompose, and the jackknife asks for it once a group of samples. Three
things make that cheap. Two groups are left out at a time, `LEFT_OUT` times in all; fewer and larger
groups suit measures that are not smooth, as SVCCA and PWCCA are not (Shao and Wu 1989, Annals of
Statistics 17). Rows are written along the whitened principal components of all samples: what is left
without a group is then well conditioned, so single precision is enough and a Cholesky factor whitens
it. And singular vectors come from eigenvectors of a square. `measures` has the same in full.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.linalg

from repcompare.geometry.measures import SVCCA_VARIANCE, weights_along
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation
from repcompare.representations.spectra import (
    Singular,
    eigenvectors,
    singular_values,
    singular_vectors,
)
from repcompare.statistics.jackknife import GROUPS

# Groups g and g + LEFT_OUT are left out together.
LEFT_OUT = 8

# A direction that keeps less of its sum of squares than this without a group is gone: what single
# precision makes of nothing is a hundredth of it.
GONE = 1e-4

# Correlations that differ by no more are one, in single precision.
TIED = 1e-5


@dataclass(frozen=True, eq=False)
class Side:
    """One representation without a group, along the whitened components of all samples.

    `scales` S (r,) are the singular values of all samples, `loadings` V S (m, r), `scatter` (r, r)
    what the samples left have of the identity. All float32.
    """

    scales: np.ndarray
    loadings: np.ndarray
    scatter: np.ndarray
    whole: Representation

    @classmethod
    def of(cls, whole: Representation) -> Side:
        """With all samples."""
        found = whole.everything.components
        scales, loadings = found.singular_values, found.basis * found.singular_values
        scatter = np.eye(found.rank, dtype=np.float32)
        return cls(scales.astype(np.float32), loadings.astype(np.float32), scatter, whole)

    def without(self, removed: np.ndarray) -> Side:
        """Without the rows (k, r) that are `removed`."""
        return replace(self, scatter=self.scatter - removed.T @ removed)

    @cached_property
    def _factor(self) -> np.ndarray | None:
        """L, lower triangular, of scatter = L Lᵀ; None if a direction is gone."""
        try:
            factor = scipy.linalg.cholesky(self.scatter, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return None
        return factor if np.diagonal(factor).min() ** 2 > GONE else None

    @cached_property
    def _directions(self) -> tuple[np.ndarray, np.ndarray]:
        """The directions E (r, k) that are left where some are gone, and the roots (k,) of their squares."""
        values, vectors = eigenvectors(self.scatter.copy())
        left = values > GONE
        return vectors[:, left], np.sqrt(values[left])

    @property
    def rank(self) -> int:
        """The dimensions k that are left."""
        return len(self.scales) if self._factor is not None else len(self._directions[1])

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        """Tᵀ · matrix (k, ...), for T (r, k) with Tᵀ · scatter · T = 1."""
        if self._factor is not None:
            return scipy.linalg.solve_triangular(
                self._factor, matrix, lower=True, check_finite=False
            )
        vectors, roots = self._directions
        return (vectors / roots).T @ matrix

    def along_units(self, directions: np.ndarray) -> np.ndarray:
        """Products (d, ...) of the units with the variates T · `directions` (k, ...)."""
        if self._factor is not None:
            products = scipy.linalg.blas.strmm(1.0, self._factor, directions, lower=1)
        else:
            vectors, roots = self._directions
            products = (vectors * roots) @ directions
        return self.whole.moments.in_units(self.loadings @ products)

    @property
    def leading(self) -> np.ndarray:
        """What takes whitened rows to the whitened components that `SVCCA_VARIANCE` is held by (r, p)."""
        # Of length 1, so that squares stay within single precision.
        scales = self.scales / self.scales[0]
        values, vectors = eigenvectors(self.scatter * scales * scales[:, None])
        held = np.cumsum(np.maximum(values, 0), dtype=np.float64)
        kept = int(np.searchsorted(held, SVCCA_VARIANCE * held[-1])) + 1
        return scales[:, None] * (vectors[:, :kept] / np.sqrt(values[:kept]))


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A pair on the samples of the groups `kept` (G,), and what is between its sides (r_a, r_b).

    `lost` is by how much the nuclear norm of all samples exceeds what its square says.
    """

    pair: Pair
    kept: np.ndarray
    a: Side
    b: Side
    between: np.ndarray
    lost: float
    mirror: LeftOut | None = None

    @property
    def n(self) -> int:
        """The number of samples left."""
        return self.pair.a.whole.view(self.kept).n

    @property
    def constant(self) -> bool:
        """Whether either representation does not vary any more."""
        return any(side.whole.view(self.kept).constant for side in (self.a, self.b))

    @property
    def reversed(self) -> LeftOut:
        """The same with a and b exchanged."""
        return LeftOut(
            self.pair.reversed, self.kept, self.b, self.a, self.between.T, self.lost, mirror=self
        )

    @property
    def forced(self) -> bool:
        """Whether one of the two spans all samples: see `measures.all_forced`."""
        return max(self.a.rank, self.b.rank) >= self.n - 1

    @property
    def whitened(self) -> np.ndarray:
        """What the canonical correlations are the singular values of (k_a, k_b)."""
        return self.b.whiten(self.a.whiten(self.between).T).T

    @cached_property
    def canonical(self) -> Singular:
        """Canonical directions along the whitened sides, and correlations."""
        if self.mirror is not None:
            return Singular(*self.mirror.canonical[::-1])
        return singular_vectors(self.whitened)

    @property
    def correlations(self) -> np.ndarray:
        """The canonical correlations alone."""
        found = vars(self).get("canonical")
        return bounded(singular_values(self.whitened) if found is None else found.values)


def bounded(correlations: np.ndarray) -> np.ndarray:
    """Correlations that rounding puts above 1 are 1; float64."""
    return np.minimum(correlations.astype(np.float64), 1.0)


def left_out(pair: Pair) -> Iterator[LeftOut]:
    """A pair without two groups of its samples, for every two that have samples."""
    sides = [Side.of(view.whole) for view in (pair.a, pair.b)]
    between = pair.whitened.astype(np.float32)
    lost = pair.nuclear_norm - float(singular_values(pair.cross).sum())
    for first in range(LEFT_OUT):
        kept = np.arange(GROUPS) % LEFT_OUT != first
        a, b = (removed_rows(side.whole, kept) for side in sides)
        if len(a) > 1:
            yield LeftOut(
                pair, kept, sides[0].without(a), sides[1].without(b), between - a.T @ b, lost
            )


def removed_rows(whole: Representation, kept: np.ndarray) -> np.ndarray:
    """Whitened rows (k + 1, r) of the groups that are not kept; the last is for the mean that moves."""
    rows = whole.whitened
    removed = rows[~kept[np.arange(len(rows)) % GROUPS]]
    moved = removed.sum(axis=0, dtype=np.float64) / math.sqrt(len(rows) - len(removed))
    return np.vstack([removed, moved.astype(np.float32)])


def procrustes(left: LeftOut) -> float:
    """`measures.procrustes`, in double precision."""
    pair = left.pair.on(left.kept)
    norm = float(singular_values(pair.cross).sum()) + left.lost
    return norm / math.sqrt(pair.a.variation * pair.b.variation)


def cca(left: LeftOut) -> float:
    """`measures.cca`."""
    return 1.0 if left.forced else float(left.correlations.mean())


def svcca(left: LeftOut) -> float:
    """`measures.svcca`."""
    leading_a, leading_b = left.a.leading, left.b.leading
    if max(leading_a.shape[1], leading_b.shape[1]) >= left.n - 1:
        return 1.0
    return float(bounded(singular_values(leading_a.T @ left.between @ leading_b)).mean())


def pwcca(left: LeftOut) -> float:
    """`measures.pwcca`."""
    if left.forced:
        return 1.0
    correlations = bounded(left.canonical.values)
    along = left.a.along_units(left.canonical.left)
    return float(weights_along(along, correlations, TIED) @ correlations)
