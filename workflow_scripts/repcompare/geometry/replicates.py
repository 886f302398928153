"""Short ways to the jackknife replicates of a measure: its value without each group of samples.

A measure can always be computed again without each group. What is made of distances or neighbours
need not be: those of the samples that are left are known.
"""

from __future__ import annotations

import functools

import numpy as np

from repcompare.geometry.measures import neighbour_overlaps, subsampled
from repcompare.representations.pair import Pair
from repcompare.representations.representation import ROUNDING, View
from repcompare.statistics.jackknife import GROUPS


def left_out_traces(view: View) -> np.ndarray:
    """The trace of the scatter without each group (G,)."""
    whole = view.whole
    moved = np.einsum("gi,gi->g", whole.sums, whole.sums) / (view.n - whole.sizes)
    return view.norms.trace - whole.norms - moved


def left_out_constant(pair: Pair) -> np.ndarray:
    """Whether either representation is constant without the samples of each group (G,)."""
    return np.any(
        [left_out_traces(view) <= ROUNDING * view.norms.trace for view in (pair.a, pair.b)],
        axis=0,
    )


def knn_jaccard_replicates(pair: Pair) -> np.ndarray:
    """Without the samples of each group, as such and as neighbours of others; (G,).

    Cosines stay about the mean of all samples.
    """
    m = subsampled(pair)
    sets = zip(pair.a.nearest_without_each_group, pair.b.nearest_without_each_group, strict=True)
    groups = np.arange(m) % GROUPS
    return np.array(
        [neighbour_overlaps(*each, m)[groups != g].mean() for g, each in enumerate(sets)]
    )


def rsa_replicates(pair: Pair) -> np.ndarray:
    """Pearson's correlation of the ranks of all distances, without those of each group; (G,)."""
    one, other = pair.a.distance_ranks, pair.b.distance_ranks
    codes = group_pairs(len(pair.a.subsample))
    count, x, y, xx, yy, xy = (
        without_each(np.bincount(codes, values, minlength=GROUPS**2))
        for values in (None, one, other, one * one, other * other, one * other)
    )
    covariance = xy - x * y / count
    return covariance / np.sqrt((xx - x * x / count) * (yy - y * y / count))


@functools.cache
def group_pairs(m: int) -> np.ndarray:
    """For each pair of m samples, condensed, the groups of the two as one number below G²."""
    first, second = np.triu_indices(m, 1)
    return (first % GROUPS * GROUPS + second % GROUPS).astype(np.uint8)


def without_each(totals: np.ndarray) -> np.ndarray:
    """Sums (G,) over the pairs of samples that have none in group g, from sums (G²,) by groups."""
    table = totals.reshape(GROUPS, GROUPS).astype(np.float64)
    return table.sum() - table.sum(axis=0) - table.sum(axis=1) + np.diagonal(table)
