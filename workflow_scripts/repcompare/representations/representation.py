"""One representation as the measures of geometry see it: statistics of groups of its samples.

Every statistic is a sum over samples, kept for each of `GROUPS` groups, sample i being in group
i mod `GROUPS`. Any set of groups is then a representation of fewer samples that costs no pass over
the rows: leaving one group out gives the jackknife, keeping the first few shows whether a measure
has converged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import squareform

from repcompare.representations.groups import (
    GroupMatrices,
    about_means,
    are_kept,
    held,
    in_memory,
    scatter_of,
    selected_sum,
)
from repcompare.representations.moments import (
    Components,
    Frame,
    Moments,
    Rows,
    principal_components,
    row_chunks,
)
from repcompare.statistics.jackknife import GROUPS, by_group

# Measures that compare every sample with every other one see at most this many, evenly spaced.
SUBSAMPLE = 2000

# The nearest neighbours of a sample that k-NN overlap compares.
NEIGHBOURS = 10

# Below this share of the terms it is made of, a difference is rounding.
ROUNDING = 1e-12


class Neighbours(NamedTuple):
    """The nearest others of every sample, enough of them for `nearest`; all (l,), one row a neighbour.

    Sample `of` has the neighbour `places`, int32 both, at the cosine `cosines`: by sample, the nearest
    first.
    """

    of: np.ndarray
    places: np.ndarray
    cosines: np.ndarray


class Norms(NamedTuple):
    """Frobenius norm and trace of the scatter, of the scatter within classes, and the self-HSIC."""

    scatter: float
    trace: float
    within: float
    within_trace: float
    hsic: float


@dataclass(frozen=True, eq=False)
class Representation:
    """A layer's rows (n, d), and their coordinates x in the layer's frame summed up by group (g of G).

    `moments` are of all rows, float64; m is the size of their frame. Of each group: its number of
    samples `sizes` (G,), `sums` Σx (G, m), `scatters` Σxxᵀ (m, m), and for the U-statistics
    `norms` Σ‖x‖² (G,), `squares` Σ‖x‖⁴ (G,) and `weighted` Σ‖x‖²x (G, m). Of each group and class:
    `class_sizes` (G, K), `class_sums` (G, K, m) and `class_norms` Σ‖x‖² (G, K). `codes` (n,) are the
    classes of the samples, from 0. `subsample` (s, m) are the coordinates of evenly spaced rows, and
    `predictions` (n,) what the model answers, None if it has no answers.
    Samples whose classes are not known, `labelled` false, are of one class. Of maps that were
    `flattened` that is the number of their units, for the rows are written along fewer axes.
    """

    rows: Rows
    moments: Moments
    sizes: np.ndarray
    sums: np.ndarray
    scatters: GroupMatrices
    norms: np.ndarray
    squares: np.ndarray
    weighted: np.ndarray
    class_sizes: np.ndarray
    class_sums: np.ndarray
    class_norms: np.ndarray
    codes: np.ndarray
    subsample: np.ndarray
    predictions: np.ndarray | None
    labelled: bool = True
    flattened: int | None = None
    _views: dict[bytes, View] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        rows: Rows,
        labels: np.ndarray | None,
        predictions: np.ndarray | None,
        *,
        flattened: int | None = None,
    ) -> Representation:
        """Sum up `rows` (n, d), whose classes are `labels` (n,) and predictions (n,), if there are any.

        The rows are read a chunk at a time, twice. Raises ValueError where `Frame.of` does, or if
        the numbers of samples differ.
        """
        labelled = labels is not None
        labels = np.zeros(rows.shape[0], np.int64) if labels is None else labels
        answers = labels if predictions is None else predictions
        counts = rows.shape[0], len(labels), len(answers)
        if len(set(counts)) > 1:
            raise ValueError(f"rows, labels and predictions are of {counts} samples")
        frame = Frame.of(rows)
        classes, codes = np.unique(labels, return_inverse=True)
        n, m, k = len(labels), frame.size, len(classes)
        by_groups = are_kept((m, m))
        rows = held(rows) if by_groups else in_memory(rows)
        scatters = np.zeros((GROUPS if by_groups else 1, m, m))
        class_sums, weighted = np.zeros((GROUPS, k, m)), np.zeros((GROUPS, m))
        squared_norms = np.empty(n)
        for chunk in row_chunks(n):
            x = frame.coordinates(rows[chunk])
            norms = squared_norms[chunk] = np.einsum("ij,ij->i", x, x)
            members = np.eye(k)[codes[chunk]]
            if not by_groups:
                scatters[0] += x.T @ x
            for g in range(GROUPS):
                part = x[g::GROUPS]
                if by_groups:
                    scatters[g] += part.T @ part
                class_sums[g] += members[g::GROUPS].T @ part
                weighted[g] += norms[g::GROUPS] @ part
        return cls(
            rows=rows,
            moments=Moments(frame.mean, frame.axes, n, scatters.sum(axis=0), squared_norms),
            sizes=by_group(np.ones(n)),
            sums=class_sums.sum(axis=1),
            scatters=GroupMatrices(
                (m, m), scatter_of(rows, frame), scatters if by_groups else None
            ),
            norms=by_group(squared_norms),
            squares=by_group(squared_norms**2),
            weighted=weighted,
            class_sizes=np.stack(
                [np.bincount(codes[g::GROUPS], minlength=k) for g in range(GROUPS)]
            ),
            class_sums=class_sums,
            class_norms=np.stack(
                [np.bincount(codes[g::GROUPS], squared_norms[g::GROUPS], k) for g in range(GROUPS)]
            ),
            codes=codes,
            subsample=frame.coordinates(evenly_spaced(rows, SUBSAMPLE)),
            predictions=predictions,
            labelled=labelled,
            flattened=flattened,
        )

    @property
    def everything(self) -> View:
        """The representation of all samples."""
        return self.view(np.ones(GROUPS, bool))

    @cached_property
    def whitened(self) -> np.ndarray:
        """X V S⁻¹ (n, rank), float32: the rows along the principal components, each of length 1."""
        found = self.everything.components
        whitening = (found.basis / found.singular_values).astype(np.float32)
        rows = np.empty((self.moments.n, found.rank), np.float32)
        for chunk in row_chunks(len(rows)):
            x = self.moments.coordinates(self.rows[chunk])
            rows[chunk] = x.astype(np.float32) @ whitening
        return rows

    def view(self, kept: np.ndarray) -> View:
        """The representation of the samples of the groups `kept` (G,), bool; remembered."""
        key = kept.tobytes()
        if key not in self._views:
            self._views[key] = View(self, kept)
        return self._views[key]


@dataclass(frozen=True, eq=False)
class View:
    """A representation on the samples of some of its groups, `kept` (G,), bool.

    What is the same in every pair is computed once, here, along the m axes of the layer. Sums are
    about the mean of all samples, so `shift`, their total (m,), is zero only if all groups are kept.
    """

    whole: Representation
    kept: np.ndarray

    @cached_property
    def n(self) -> int:
        """The number of samples."""
        return int(self.whole.sizes[self.kept].sum())

    @cached_property
    def shift(self) -> np.ndarray:
        """Σx (m,)."""
        return self.whole.sums[self.kept].sum(axis=0)

    @property
    def squared_length(self) -> float:
        """Σ‖x‖²."""
        return float(self.whole.norms[self.kept].sum())

    @property
    def width(self) -> int:
        """The number of units d."""
        return self.whole.flattened or self.whole.moments.width

    @property
    def constant(self) -> bool:
        """Whether the samples are all the same, but for rounding."""
        return self.variation <= ROUNDING * self.whole.moments.total_variation

    @property
    def variation(self) -> float:
        """Σ‖x‖² about the mean of these samples."""
        return float(self.squared_length - self.shift @ self.shift / self.n)

    @property
    def scatter(self) -> np.ndarray:
        """XᵀX (m, m) of the rows centred by their own mean; not remembered, for it is large."""
        total = selected_sum(self.whole.moments.scatter, self.whole.scatters, self.kept)
        return about_means(total, self.shift, self.shift / self.n)

    @property
    def unit_squares(self) -> np.ndarray:
        """The sum of squares of every unit about its mean (d,)."""
        return self.whole.moments.unit_squares(self.scatter)

    @cached_property
    def norms(self) -> Norms:
        """The sizes of its kernels, from one computation of the scatter."""
        scatter, kept, whole = self.scatter, self.kept, self.whole
        within = scatter - self.class_means.T @ (self.class_sizes[:, None] * self.class_means)
        squares = float(whole.squares[kept].sum())
        weighted = whole.weighted[kept].sum(axis=0)
        trace, within_trace = float(np.trace(scatter)), float(np.trace(within))
        # What is left of exactly nothing is the rounding of the whole.
        alive = within_trace > ROUNDING * trace
        return Norms(
            scatter=float(np.linalg.norm(scatter)),
            trace=trace,
            within=float(np.linalg.norm(within)) if alive else 0.0,
            within_trace=within_trace if alive else 0.0,
            hsic=unbiased_hsic(self, self, scatter, squares, weighted, weighted)
            if self.n > 3
            else np.nan,
        )

    @cached_property
    def class_sizes(self) -> np.ndarray:
        """Samples of each class (K,)."""
        return self.whole.class_sizes[self.kept].sum(axis=0)

    @cached_property
    def class_means(self) -> np.ndarray:
        """Means of the classes (K, m) about the mean of the samples; zero for an absent class."""
        sums = self.whole.class_sums[self.kept].sum(axis=0)
        means = sums / np.maximum(self.class_sizes, 1)[:, None] - self.shift / self.n
        return np.where(self.class_sizes[:, None] > 0, means, 0.0)

    @cached_property
    def class_squares(self) -> np.ndarray:
        """Σ‖x‖² about the mean of the samples, of each class (K,)."""
        mean, sums = self.shift / self.n, self.whole.class_sums[self.kept].sum(axis=0)
        squares = self.whole.class_norms[self.kept].sum(axis=0)
        return squares - 2 * sums @ mean + self.class_sizes * (mean @ mean)

    @property
    def class_traces(self) -> np.ndarray:
        """Σ‖x‖² about the mean of the class, of each class (K,); exactly 0 where it would be rounding."""
        means = self.class_means
        traces = self.class_squares - self.class_sizes * np.einsum("ij,ij->i", means, means)
        return np.where(traces > ROUNDING * self.class_squares.sum(), traces, 0.0)

    @property
    def codes(self) -> np.ndarray:
        """The classes of the kept samples (n,), from 0."""
        return self.selected(self.whole.codes)

    @property
    def subsample_codes(self) -> np.ndarray:
        """The same of the subsample (s',)."""
        return self.selected(evenly_spaced(self.whole.codes, SUBSAMPLE))

    @property
    def centroids(self) -> np.ndarray:
        """Means of the classes present (K', m), centred by their own mean: classes weigh the same."""
        present = self.class_means[self.class_sizes > 0]
        return present - present.mean(axis=0)

    @cached_property
    def components(self) -> Components:
        """V and S of the singular value decomposition X = U S Vᵀ, from the scatter."""
        return principal_components(self.scatter)

    @cached_property
    def subsample(self) -> np.ndarray:
        """The kept rows of the subsample, centred (s', m)."""
        rows = self.selected(self.whole.subsample)
        return rows - rows.mean(axis=0)

    def selected(self, rows: np.ndarray) -> np.ndarray:
        """Those of some rows (k, ...) that are in the groups kept."""
        return rows[self.kept[np.arange(len(rows)) % GROUPS]]

    @cached_property
    def predictions(self) -> np.ndarray:
        """What the model answers to the kept samples (n,). Raises ValueError if it has no answers."""
        predictions = self.whole.predictions
        if predictions is None:
            raise ValueError("a model without answers has no predictions")
        return self.selected(predictions)

    @cached_property
    def distance_ranks(self) -> np.ndarray:
        """Ranks of the distances between samples of the subsample, condensed, mean 0, length 1.

        Float32; ties get their mean rank. All zero if every distance is the same.
        """
        rows = self.subsample
        lengths = np.einsum("ij,ij->i", rows, rows)
        squares = lengths[:, None] + lengths - 2 * rows @ rows.T
        # Distances that differ by rounding alone are ties.
        ranks = mean_ranks(squares[np.triu_indices(len(rows), 1)], ROUNDING * lengths.max())
        ranks -= ranks.mean()
        length = np.linalg.norm(ranks)
        return (ranks / length if length > 0 else ranks).astype(np.float32)

    @cached_property
    def rank_sums(self) -> tuple[np.ndarray, np.ndarray]:
        """`sums_by_groups` of the `distance_ranks` of all samples, and of their squares."""
        ranks, m = self.distance_ranks, len(self.subsample)
        return sums_by_groups(ranks, m), sums_by_groups(ranks * ranks, m)

    @cached_property
    def class_ranks(self) -> np.ndarray:
        """Sums (K, K) of `distance_ranks` over a sample of one class and another of one."""
        members = np.eye(len(self.class_sizes))[self.subsample_codes]
        return members.T @ squareform(self.distance_ranks) @ members

    @cached_property
    def neighbours(self) -> Neighbours:
        """The nearest others of each sample of the subsample by cosine, as places in it.

        2 · `NEIGHBOURS` each, so that enough are left without any one group, and all that are as
        near as the last of these.
        """
        lengths = np.linalg.norm(self.subsample, axis=1, keepdims=True)
        directions = np.divide(
            self.subsample, lengths, out=np.zeros_like(self.subsample), where=lengths > 0
        )
        m = len(directions)
        k = min(2 * NEIGHBOURS, m - 1)
        parts = []
        for rows in row_chunks(m, 512):
            cosines = directions[rows] @ directions.T
            cosines[np.arange(len(cosines)), np.arange(m)[rows]] = -np.inf
            last = np.partition(cosines, m - k, axis=1)[:, m - k, None]
            of, places = np.nonzero(cosines >= last - ROUNDING)
            parts.append((of + rows.start, places, cosines[of, places]))
        of, places, found = map(np.concatenate, zip(*parts, strict=True))
        order = np.lexsort((-found, of))
        return Neighbours(of.astype(np.int32), places[order].astype(np.int32), found[order])

    @cached_property
    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """See the function `nearest`; of all samples of the subsample."""
        return nearest(self.neighbours, np.ones(len(self.subsample), bool))

    @cached_property
    def nearest_without_each_group(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The same of the samples that are not in group g of G."""
        groups = np.arange(len(self.subsample)) % GROUPS
        return [nearest(self.neighbours, groups != g) for g in range(GROUPS)]


def nearest(neighbours: Neighbours, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples, and the place of one of their nearest neighbours each, both (l',).

    The nearest neighbours of a sample are its `NEIGHBOURS` nearest and all that are as near as the
    last of these, but for rounding: which they are does not depend on the order of the samples.
    Samples and neighbours are those `allowed` (m,), bool.
    """
    of, places, cosines = neighbours
    usable = allowed[of] & allowed[places]
    of, places, cosines = of[usable], places[usable], cosines[usable]
    # The place of each among the neighbours of its sample.
    rank = np.arange(len(of)) - np.searchsorted(of, of)
    last = np.full(len(allowed), -np.inf)
    last[of[rank == NEIGHBOURS - 1]] = cosines[rank == NEIGHBOURS - 1]
    near = cosines >= last[of] - ROUNDING
    return of[near], places[near]


def sums_by_groups(values: np.ndarray, m: int) -> np.ndarray:
    """Sums (G, G) of what each pair of m samples has, condensed, by the groups of the two."""
    return np.bincount(group_pairs(m), values, GROUPS**2).reshape(GROUPS, GROUPS)


@cache
def pairs_by_groups(m: int) -> np.ndarray:
    """The number of pairs of m samples (G, G), float64, by the groups of the two."""
    return np.bincount(group_pairs(m), minlength=GROUPS**2).reshape(GROUPS, GROUPS) * 1.0


@cache
def group_pairs(m: int) -> np.ndarray:
    """For each pair of m samples, condensed, the groups of the two as one number below G²."""
    first, second = np.triu_indices(m, 1)
    return (first % GROUPS * GROUPS + second % GROUPS).astype(np.uint8)


def mean_ranks(values: np.ndarray, tolerance: float = 0.0) -> np.ndarray:
    """Ranks (m,) of `values` (m,), from 1; equal values share the mean of their ranks.

    A value is equal to the next larger one if it is less by no more than the tolerance.
    """
    order = np.argsort(values)
    sorted_values = values[order]
    place = np.concatenate([[0], np.cumsum(np.diff(sorted_values) > tolerance)])
    counts = np.bincount(place)
    ranks = np.empty(len(values))
    ranks[order] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def unbiased_hsic(
    a: View,
    b: View,
    cross: np.ndarray,
    norms: float,
    weighted_a: np.ndarray,
    weighted_b: np.ndarray,
) -> float:
    """n(n−3) times the unbiased HSIC of the linear kernels of two views; ratios need no factor.

    Song et al. (2012, eq. 5) in feature space. Rows x of a and y of b are about means that need
    not be those of these samples, of which the estimator is independent: with C₀ = Σxyᵀ, the
    kernels without their diagonals have tr KL = ‖C₀‖² − Σ‖x‖²‖y‖², and row sums x·Σx − ‖x‖².
    `cross` is C about the means of the samples, `norms` Σ‖x‖²‖y‖², `weighted_a` Σ‖y‖²x (m_a,) and
    `weighted_b` Σ‖x‖²y (m_b,). Exactly 0 where it would be rounding.
    """
    n, s, t = a.n, a.shift, b.shift
    ss, tt, sct = s @ s, t @ t, s @ cross @ t
    trace = np.vdot(cross, cross) + 2 * sct / n + ss * tt / n**2
    rows = sct + ss * tt / n - s @ weighted_a - t @ weighted_b + norms
    product = (ss - a.squared_length) * (tt - b.squared_length)
    total = trace - norms + product / ((n - 1) * (n - 2)) - 2 * rows / (n - 2)
    return float(total) if abs(total) > ROUNDING * max(trace, norms) else 0.0


def evenly_spaced(rows: Rows, most: int) -> np.ndarray:
    """At most `most` rows at a constant distance from one another, from the first on."""
    n = rows.shape[0]
    step = -(-n // most)
    return np.asarray(rows[0:n:step])
