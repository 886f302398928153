"""Two representations of the same samples: the one pass over both that every measure needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from repcompare.representations.moments import between_units, row_chunks
from repcompare.representations.representation import Representation, View, selected_sum
from repcompare.statistics.jackknife import GROUPS


class Canonical(NamedTuple):
    """Canonical analysis: directions (m_a, r) and (m_b, r) that whiten, correlations (r,)."""

    directions_a: np.ndarray
    correlations: np.ndarray
    directions_b: np.ndarray


@dataclass(frozen=True, eq=False)
class CrossStatistics:
    """Sums over the samples of each group g, of rows x of a and y of b in their frames.

    `cross` is Σxyᵀ (m_a, m_b) of all samples, and `crosses` that of each group (G, m_a, m_b). For
    the U-statistics, `norms` is Σ‖x‖²‖y‖² (G,), `weighted_a` Σ‖y‖²x (G, m_a) and `weighted_b`
    Σ‖x‖²y (G, m_b).
    """

    cross: np.ndarray
    crosses: np.ndarray
    norms: np.ndarray
    weighted_a: np.ndarray
    weighted_b: np.ndarray

    @classmethod
    def of(
        cls, a: Representation, b: Representation, order: np.ndarray | None = None
    ) -> CrossStatistics:
        """One pass over the rows of both, those of b in `order` (n,), as `shuffled_order` gives it.

        Raises ValueError if their numbers differ.
        """
        if a.moments.n != b.moments.n:
            raise ValueError(
                f"representations of the same samples are needed, not of {a.moments.n} and "
                f"{b.moments.n}"
            )
        size_a, size_b = a.moments.size, b.moments.size
        crosses = np.zeros((GROUPS, size_a, size_b))
        norms = np.zeros(GROUPS)
        weighted_a, weighted_b = np.zeros((GROUPS, size_a)), np.zeros((GROUPS, size_b))
        norms_b = b.moments.squared_norms if order is None else b.moments.squared_norms[order]
        for chunk, x, y in centred_chunks(a, b, order):
            of_x, of_y = a.moments.squared_norms[chunk], norms_b[chunk]
            for g in range(GROUPS):
                part = slice(g, None, GROUPS)
                crosses[g] += x[part].T @ y[part]
                norms[g] += of_x[part] @ of_y[part]
                weighted_a[g] += of_y[part] @ x[part]
                weighted_b[g] += of_x[part] @ y[part]
        return cls(crosses.sum(axis=0), crosses, norms, weighted_a, weighted_b)

    @property
    def reversed(self) -> CrossStatistics:
        """The same with a and b exchanged."""
        return CrossStatistics(
            self.cross.T,
            self.crosses.transpose(0, 2, 1),
            self.norms,
            self.weighted_b,
            self.weighted_a,
        )


@dataclass(frozen=True, eq=False)
class Pair:
    """Two views of the same samples, and C = X_aᵀ X_b (m_a, m_b) about the means of those samples.

    Each is written along the axes of its layer: see `moments.Frame`.
    `summed` are the statistics of all samples, where they are there already; `order` (n,) is that of
    b's rows in a pair whose samples were shuffled; `mirror` the pair that this one is the reverse of.
    """

    a: View
    b: View
    cross: np.ndarray
    summed: CrossStatistics | None = None
    order: np.ndarray | None = None
    mirror: Pair | None = None

    @classmethod
    def of(cls, a: Representation, b: Representation) -> Pair:
        """The pair on all samples. Raises ValueError if the numbers of samples differ."""
        everything = np.ones(GROUPS, bool)
        statistics = CrossStatistics.of(a, b)
        return cls(a.view(everything), b.view(everything), statistics.cross, statistics)

    @property
    def n(self) -> int:
        """The number of samples."""
        return self.a.n

    @cached_property
    def statistics(self) -> CrossStatistics:
        """Of all samples. A shuffled pair takes a pass over the rows for them, if a measure asks."""
        if self.mirror is not None:
            return self.mirror.statistics.reversed
        return self.summed or CrossStatistics.of(self.a.whole, self.b.whole, self.order)

    @property
    def unit_cross(self) -> np.ndarray:
        """C (d_a, d_b) of the units."""
        return between_units(self.a.whole.moments, self.cross, self.b.whole.moments)

    def on(self, kept: np.ndarray) -> Pair:
        """The pair on the samples of the groups `kept` (G,), bool."""
        a, b = self.a.whole.view(kept), self.b.whole.view(kept)
        total = selected_sum(self.statistics.cross, self.statistics.crosses, kept)
        return Pair(a, b, total - np.outer(a.shift, b.shift / a.n), self.statistics)

    def without_each_group(self) -> Iterator[Pair]:
        """The pair without the samples of one group, for every group that has samples."""
        for group in np.flatnonzero(self.a.whole.sizes):
            yield self.on(np.arange(GROUPS) != group)

    def shuffled(self, seed: int = 0, *, within_classes: bool = False) -> Pair:
        """The pair with b's samples in a random order: what a measure gives to unrelated samples.

        With `within_classes` they trade places within their classes alone: what it gives to samples
        that have nothing in common but their classes. Of all samples, for a measure whose
        `Measure.needs` are moments alone: the classes, the subsample and the predictions of b are in
        the order they were.
        """
        order = shuffled_order(self.n, seed, self.b.whole.codes if within_classes else None)
        cross = np.zeros_like(self.cross)
        for _, x, y in centred_chunks(self.a.whole, self.b.whole, order):
            cross += x.T @ y
        return Pair(self.a, self.b, cross, order=order)

    @property
    def reversed(self) -> Pair:
        """The pair with a and b exchanged; not remembered, for it remembers this one."""
        return Pair(self.b, self.a, self.cross.T, mirror=self)

    @property
    def nuclear_norm(self) -> float:
        """‖C‖_*, the sum of the singular values of C."""
        return float(np.linalg.svd(self.cross, compute_uv=False).sum())

    @cached_property
    def canonical(self) -> Canonical:
        """Canonical analysis of all components."""
        if self.mirror is not None:
            return Canonical(*self.mirror.canonical[::-1])
        left, values, right = np.linalg.svd(self._whitened, full_matrices=False)
        white_a, white_b = self._whitening
        # Only rounding puts a correlation above 1.
        return Canonical(white_a @ left, np.minimum(values, 1.0), white_b @ right.T)

    def correlations(self, components_a: int, components_b: int) -> np.ndarray:
        """The canonical correlations of the leading components of each, alone.

        Without directions they cost a third; with those of all components they are there already.
        """
        if "canonical" in vars(self) and (components_a, components_b) == self._whitened.shape:
            return self.canonical.correlations
        leading = self._whitened[:components_a, :components_b]
        return np.minimum(np.linalg.svd(leading, compute_uv=False), 1.0)

    @cached_property
    def _whitened(self) -> np.ndarray:
        """Q = S_a⁻¹ V_aᵀ C V_b S_b⁻¹ (rank_a, rank_b), whose singular values are the correlations."""
        white_a, white_b = self._whitening
        return white_a.T @ self.cross @ white_b

    @property
    def _whitening(self) -> list[np.ndarray]:
        """V S⁻¹ of each."""
        found = (self.a.components, self.b.components)
        return [each.basis / each.singular_values for each in found]


def shuffled_order(n: int, seed: int, codes: np.ndarray | None = None) -> np.ndarray:
    """A random order (n,) in which rows trade places within `row_chunks` alone.

    And within their classes, where `codes` (n,) are given.
    """
    rng = np.random.default_rng(seed)
    if codes is None:
        return np.concatenate([rng.permutation(np.arange(n)[chunk]) for chunk in row_chunks(n)])
    order = np.arange(n)
    for chunk in row_chunks(n):
        part = codes[chunk]
        # The places of each class in turn, and the same places in a random order within each.
        places, drawn = np.argsort(part, kind="stable"), np.lexsort((rng.random(len(part)), part))
        order[chunk][places] = chunk.start + drawn
    return order


def centred_chunks(
    a: Representation, b: Representation, order: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Chunks of the rows of both in their frames; b's in `order`, if there is one."""
    for chunk in row_chunks(a.moments.n):
        x = a.moments.coordinates(a.rows[chunk])
        y = b.moments.coordinates(b.rows[chunk])
        yield chunk, x, y if order is None else y[order[chunk] - chunk.start]
