"""Short ways to the jackknife replicates of a measure: its value without each group of samples.

A measure can always be computed again without each group. What is made of distances or neighbours
need not be: those of the samples that are left are known.
"""

from __future__ import annotations

import numpy as np

from repcompare.geometry.measures import neighbour_overlaps, subsampled
from repcompare.representations.pair import Pair
from repcompare.representations.representation import (
    ROUNDING,
    View,
    pairs_by_groups,
    sums_by_groups,
)
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
    m = subsampled(pair)
    products = sums_by_groups(pair.a.distance_ranks * pair.b.distance_ranks, m)
    tables = (pairs_by_groups(m), *pair.a.rank_sums, *pair.b.rank_sums, products)
    count, x, xx, y, yy, xy = map(without_each, tables)
    covariance = xy - x * y / count
    return covariance / np.sqrt((xx - x * x / count) * (yy - y * y / count))


def without_each(table: np.ndarray) -> np.ndarray:
    """Sums (G,) over the pairs of samples that have none in group g, from sums (G, G) by groups."""
    return table.sum() - table.sum(axis=0) - table.sum(axis=1) + np.diagonal(table)
