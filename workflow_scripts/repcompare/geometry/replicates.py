"""Short ways to the jackknife replicates of a measure: its value without each group of samples.

A measure can always be computed again without each group. The sums of singular values, which would
need a decomposition a group, are linearised instead (the infinitesimal jackknife, Jaeckel 1972): to
first order, leaving group g out changes them by an inner product with the group's own moments.
"""

from __future__ import annotations

import functools

import numpy as np

from repcompare.geometry.measures import all_forced, neighbour_overlaps, ranks
from repcompare.representations.pair import Pair
from repcompare.representations.representation import ROUNDING, View
from repcompare.statistics.jackknife import GROUPS


def procrustes_replicates(pair: Pair) -> np.ndarray:
    """Linearised in the nuclear norm, exact in the lengths; (G,)."""
    rotation, nuclear = pair.polar
    lengths = [left_out_traces(view) for view in (pair.a, pair.b)]
    return (nuclear - left_out_cross(pair, rotation)) / np.sqrt(lengths[0] * lengths[1])


def cca_replicates(pair: Pair) -> np.ndarray:
    """Linearised; (G,). All 1 if all correlations are forced to be, for so they are on fewer samples.

    With whitening directions W_a, W_b and correlations ρ_k, taking E_a, E_b, E_ab away from the
    scatters and from C changes ρ_k by −w_akᵀE_ab w_bk + ρ_k (w_akᵀE_a w_ak + w_bkᵀE_b w_bk) / 2.
    """
    if all_forced(pair, *ranks(pair)):
        return np.ones(GROUPS)
    found = pair.canonical
    a, b, correlations = found.directions_a, found.directions_b, found.correlations
    changes = (
        left_out_scatter(pair.a, (a * correlations) @ a.T) / 2
        + left_out_scatter(pair.b, (b * correlations) @ b.T) / 2
        - left_out_cross(pair, a @ b.T)
    )
    return (correlations.sum() + changes) / len(correlations)


def left_out_cross(pair: Pair, against: np.ndarray) -> np.ndarray:
    """⟨against, E_g⟩ (G,) for the E_g that leaving group g out takes from C.

    Σxyᵀ over the group, and what moving the means adds: (Σx)(Σy)ᵀ / (n − n_g).
    """
    one, other = pair.a.whole, pair.b.whole
    moved = np.einsum("gi,ij,gj->g", one.sums, against, other.sums, optimize=True)
    return inner_products(pair.statistics.crosses, against) + moved / (pair.n - one.sizes)


def left_out_scatter(view: View, against: np.ndarray) -> np.ndarray:
    """The same for the scatter of one representation."""
    sums = view.whole.sums
    moved = np.einsum("gi,ij,gj->g", sums, against, sums, optimize=True)
    return inner_products(view.whole.scatters, against) + moved / (view.n - view.whole.sizes)


def inner_products(stack: np.ndarray, against: np.ndarray) -> np.ndarray:
    """⟨against, stack_g⟩ (G,)."""
    return np.array([np.einsum("ij,ij->", part, against) for part in stack])


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
    groups = np.arange(len(pair.a.subsample)) % GROUPS
    return np.array(
        [neighbour_overlaps(pair, groups != g)[groups != g].mean() for g in range(GROUPS)]
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
