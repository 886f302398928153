"""Two representations of the same samples: the one pass over both that every measure needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from repcompare.representations.groups import (
    GroupMatrices,
    about_means,
    are_kept,
    in_memory,
    selected_sum,
)
from repcompare.representations.moments import between_units, row_chunks
from repcompare.representations.representation import Representation, View
from repcompare.representations.spectra import singular_values, singular_vectors
from repcompare.statistics.jackknife import GROUPS

# Pairs with a layer of more axes than this are wide.
WIDE = 256


class Canonical(NamedTuple):
    """Canonical analysis: correlations (r,), and directions of the variates along the whitened components.

    `left` (rank_a, r) and `right` (rank_b, r): of a component V_k / S_k each row of them is.
    """

    left: np.ndarray
    correlations: np.ndarray
    right: np.ndarray


@dataclass(frozen=True, eq=False)
class CrossStatistics:
    """Sums over the samples of each group g, of rows x of a and y of b in their frames.

    `cross` is Σxyᵀ (m_a, m_b) of all samples, and `crosses` that of each group. For
    the U-statistics, `norms` is Σ‖x‖²‖y‖² (G,), `weighted_a` Σ‖y‖²x (G, m_a) and `weighted_b`
    Σ‖x‖²y (G, m_b).
    """

    cross: np.ndarray
    crosses: GroupMatrices
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
        shape = (a.moments.size, b.moments.size)
        by_groups = are_kept(shape)
        crosses: dict[int, np.ndarray] = {}
        norms = np.zeros(GROUPS)
        weighted_a, weighted_b = np.zeros((GROUPS, shape[0])), np.zeros((GROUPS, shape[1]))
        norms_b = b.moments.squared_norms if order is None else b.moments.squared_norms[order]
        for g, samples, x, y in centred_parts(a, b, order):
            of_x, of_y = a.moments.squared_norms[samples], norms_b[samples]
            which = g if by_groups else 0
            if which in crosses:
                crosses[which] += x.T @ y
            else:
                crosses[which] = x.T @ y
            norms[g] += of_x @ of_y
            weighted_a[g] += of_y @ x
            weighted_b[g] += of_x @ y
        total = sum(crosses.values(), np.zeros(shape))
        kept = (
            [crosses[g] if g in crosses else np.zeros(shape) for g in range(GROUPS)]
            if by_groups
            else None
        )
        parts = GroupMatrices(shape, cross_of(a, b, order), kept)
        return cls(total, parts, norms, weighted_a, weighted_b)

    @property
    def reversed(self) -> CrossStatistics:
        """The same with a and b exchanged."""
        return CrossStatistics(
            self.cross.T,
            self.crosses.transposed,
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

    def on(self, kept: np.ndarray, *, remembered: bool = True) -> Pair:
        """The pair on the samples of the groups `kept` (G,), bool, and its views for the next pair."""
        a, b = (
            each.whole.view(kept) if remembered else View(each.whole, kept)
            for each in (self.a, self.b)
        )
        total = selected_sum(self.statistics.cross, self.statistics.crosses, kept)
        return Pair(a, b, about_means(total, a.shift, b.shift / a.n), self.statistics)

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
        precision = np.float32 if self.wide else np.float64
        for _, x, y in centred_chunks(self.a.whole, self.b.whole, order):
            cross += x.T.astype(precision) @ y.astype(precision)
        return Pair(self.a, self.b, cross, order=order)

    @property
    def reversed(self) -> Pair:
        """The pair with a and b exchanged; not remembered, for it remembers this one."""
        return Pair(self.b, self.a, self.cross.T, mirror=self)

    @property
    def wide(self) -> bool:
        """Whether decompositions take so long that they are saved where the last digits are not needed."""
        return max(self.cross.shape) > WIDE

    @property
    def _hasty(self) -> bool:
        """Whether it is for a null of a wide pair, which half of the digits are enough for."""
        return self.wide and self.order is not None

    @cached_property
    def nuclear_norm(self) -> float:
        """‖C‖_*, the sum of the singular values of C."""
        return float(self._singular_values(self.cross).sum())

    def _singular_values(self, matrix: np.ndarray) -> np.ndarray:
        if self._hasty:
            return singular_values(matrix)
        return np.linalg.svd(matrix, compute_uv=False)

    @cached_property
    def canonical(self) -> Canonical:
        """Canonical analysis of all components."""
        if self.mirror is not None:
            return Canonical(*self.mirror.canonical[::-1])
        if self._hasty:
            left, values, right = singular_vectors(self.whitened.astype(np.float32))
        else:
            left, values, transposed = np.linalg.svd(self.whitened, full_matrices=False)
            right = transposed.T
        # Only rounding puts a correlation above 1.
        return Canonical(left, np.minimum(values, 1.0), right)

    def correlations(self, components_a: int, components_b: int) -> np.ndarray:
        """The canonical correlations of the leading components of each, alone.

        Without directions they cost a third; with those of all components they are there already.
        """
        if "canonical" in vars(self) and (components_a, components_b) == self.whitened.shape:
            return self.canonical.correlations
        leading = self.whitened[:components_a, :components_b]
        return np.minimum(self._singular_values(leading), 1.0)

    @cached_property
    def whitened(self) -> np.ndarray:
        """Q = S_a⁻¹ V_aᵀ C V_b S_b⁻¹ (rank_a, rank_b), whose singular values are the correlations."""
        white_a, white_b = (
            each.basis / each.singular_values for each in (self.a.components, self.b.components)
        )
        return white_a.T @ self.cross @ white_b


def cross_of(
    a: Representation, b: Representation, order: np.ndarray | None
) -> Callable[[int], np.ndarray]:
    """What gives Σxyᵀ (m_a, m_b) of the rows of a group, those of b in `order` (n,)."""

    def of_group(group: int) -> np.ndarray:
        part = slice(group, None, GROUPS)
        rows_b = b.rows[part] if order is None else in_memory(b.rows)[order[part]]
        return a.moments.coordinates(a.rows[part]).T @ b.moments.coordinates(rows_b)

    return of_group


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


def centred_parts(
    a: Representation, b: Representation, order: np.ndarray | None = None
) -> Iterator[tuple[int, slice, np.ndarray, np.ndarray]]:
    """Samples of one group each, and the rows of both in their frames; b's in `order`, if there is one.

    All of a group at once where the rows are in memory, else a chunk at a time.
    """
    if order is None and all(isinstance(each.rows, np.ndarray) for each in (a, b)):
        for g in range(GROUPS):
            samples = slice(g, None, GROUPS)
            x, y = (each.moments.coordinates(each.rows[samples]) for each in (a, b))
            yield g, samples, x, y
        return
    for chunk, x, y in centred_chunks(a, b, order):
        for g in range(GROUPS):
            part = slice(g, None, GROUPS)
            yield g, slice(chunk.start + g, chunk.stop, GROUPS), x[part], y[part]
