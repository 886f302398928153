"""The measures of similarity themselves: functions of a pair of representations.

Each gives its value and a note: why the value is NaN, or what must be known to read it. Beside most
stands its null, the expectation over all orders of b's samples, where that has a closed form.
`Pair.shuffled` serves the rest.
"""

from __future__ import annotations

import math

import numpy as np

from repcompare.representations.moments import Components
from repcompare.representations.pair import Pair
from repcompare.representations.representation import NEIGHBOURS, unbiased_hsic

# A value and its note.
Result = tuple[float, str]

# The share of the variance that SVCCA keeps of each representation.
SVCCA_VARIANCE = 0.99


def cka(pair: Pair) -> Result:
    """Linear centred kernel alignment, ‖C‖² / (‖X_aᵀX_a‖ ‖X_bᵀX_b‖), in [0, 1].

    Kornblith et al. (2019). Biased upwards when n is not much larger than the effective ranks.
    """
    norms = pair.a.norms.scatter * pair.b.norms.scatter
    return float(np.vdot(pair.cross, pair.cross)) / norms, ""


def cka_null(pair: Pair) -> float:
    """tr K tr L / ((n − 1) ‖K‖ ‖L‖), for centred kernels K and L (Kazi-Aoual et al. 1995)."""
    a, b = pair.a.norms, pair.b.norms
    return a.trace * b.trace / ((pair.n - 1) * a.scatter * b.scatter)


def cka_debiased(pair: Pair) -> Result:
    """Linear CKA from the unbiased HSIC estimator, at most 1; negative values are left as they are.

    `representation.unbiased_hsic` (Song et al. 2012, eq. 5). Its expectation over orders of the
    samples is 0, whatever n and d.
    """
    if pair.n <= 3:
        return np.nan, "needs more than 3 samples"
    self_a, self_b = pair.a.norms.hsic, pair.b.norms.hsic
    if min(self_a, self_b) <= 0:
        return np.nan, "unbiased self-similarity is not positive"
    kept, whole = pair.a.kept, pair.statistics
    both = unbiased_hsic(
        pair.a,
        pair.b,
        pair.cross,
        float(whole.norms[kept].sum()),
        whole.weighted_a[kept].sum(axis=0),
        whole.weighted_b[kept].sum(axis=0),
    )
    return float(both / (math.sqrt(self_a) * math.sqrt(self_b))), ""


def cka_within_class(pair: Pair) -> Result:
    """`cka` of what is left when each sample's class mean is taken away."""
    norms = pair.a.norms.within * pair.b.norms.within
    if norms == 0:
        return np.nan, "constant within every class"
    between = pair.a.class_means.T @ (pair.a.class_sizes[:, None] * pair.b.class_means)
    within = pair.cross - between
    # One sample more than there are classes leaves one direction, the same for all.
    left = pair.n - np.count_nonzero(pair.a.class_sizes)
    value = min(float(np.vdot(within, within)) / norms, 1.0)
    return value, "trivially 1: n - classes is 1" if left == 1 else ""


def cka_within_class_null(pair: Pair) -> float:
    """As `cka_null`, of the kernels without class means."""
    a, b = pair.a.norms, pair.b.norms
    norms = a.within * b.within
    return a.within_trace * b.within_trace / ((pair.n - 1) * norms) if norms else np.nan


def cka_centroids(pair: Pair) -> Result:
    """`cka` of the class means alone, one row a class."""
    a, b = pair.a.centroids, pair.b.centroids
    if len(a) < 3:
        return np.nan, "needs 3 classes or more"
    norms = np.linalg.norm(a @ a.T) * np.linalg.norm(b @ b.T)
    if norms == 0:
        return np.nan, "all class means are the same"
    return float(np.linalg.norm(a.T @ b) ** 2 / norms), ""


def cka_centroids_null(pair: Pair) -> float:
    """As `cka_null`, over all orders of the classes: high, for they are few."""
    kernels = [view.centroids @ view.centroids.T for view in (pair.a, pair.b)]
    norms = np.prod([np.linalg.norm(kernel) for kernel in kernels])
    if len(kernels[0]) < 3 or norms == 0:
        return np.nan
    return float(
        np.prod([np.trace(kernel) for kernel in kernels]) / ((len(kernels[0]) - 1) * norms)
    )


def procrustes(pair: Pair) -> Result:
    """Procrustes similarity, ‖C‖_* / (‖X_a‖ ‖X_b‖), in [0, 1]; its arccos is the angular distance.

    Williams et al. (2021); Ding et al. (2021) for the distance 2 − 2·value between representations
    of unit norm.
    """
    return pair.polar[1] / math.sqrt(pair.a.norms.trace * pair.b.norms.trace), ""


def cca(pair: Pair) -> Result:
    """Mean of the min(rank_a, rank_b) canonical correlations, in [0, 1] (Hotelling 1936)."""
    note = forced_correlations(pair, *ranks(pair))
    if all_forced(pair, *ranks(pair)):
        return 1.0, note
    return float(pair.canonical.correlations.mean()), note


def svcca(pair: Pair) -> Result:
    """`cca` on the fewest leading components that hold 99 % of the variance (Raghu et al. 2017)."""
    kept = svcca_components(pair)
    note = forced_correlations(pair, *kept)
    if all_forced(pair, *kept):
        return 1.0, note
    return float(pair.correlations(*kept).mean()), note


def svcca_components(pair: Pair) -> tuple[int, int]:
    """How many components of a and of b hold `SVCCA_VARIANCE` of their variance."""
    of_a, of_b = (components_holding(SVCCA_VARIANCE, view.components) for view in (pair.a, pair.b))
    return of_a, of_b


def components_holding(share: float, one: Components) -> int:
    """The fewest leading components that hold a share of the variance."""
    held = np.cumsum(one.singular_values**2)
    return int(np.searchsorted(held, share * held[-1])) + 1


def pwcca(pair: Pair) -> Result:
    """Canonical correlations weighted by how much of X_a lies along them (Morcos et al. 2018).

    Directed: the weight of canonical variate h is Σ_j |⟨h, x_j⟩| over the units x_j of a.
    """
    note = forced_correlations(pair, *ranks(pair))
    if all_forced(pair, *ranks(pair)):
        return 1.0, note
    return float(pwcca_weights(pair) @ pair.canonical.correlations), note


def pwcca_weights(pair: Pair) -> np.ndarray:
    """The weights of the canonical correlations (r,), of sum 1."""
    to_axes = pair.a.scatter @ pair.canonical.directions_a
    along = np.abs(pair.a.whole.moments.in_units(to_axes)).sum(axis=0)
    return along / along.sum()


def ranks(pair: Pair) -> tuple[int, int]:
    """The numbers of components of a and of b."""
    return pair.a.components.rank, pair.b.components.rank


def all_forced(pair: Pair, components_a: int, components_b: int) -> bool:
    """Whether one of the two spans all centred samples: then there is nothing to analyse.

    The other lies in it, and every correlation is 1.
    """
    return max(components_a, components_b) >= pair.n - 1


def forced_correlations(pair: Pair, components_a: int, components_b: int) -> str:
    """A note on the correlations that dimensions alone force to be 1.

    Subspaces of dimensions p and q of the (n−1)-dimensional space of centred samples share at least
    p + q − (n−1) directions, whatever the representations are.
    """
    components = min(components_a, components_b)
    forced = components_a + components_b - (pair.n - 1)
    if all_forced(pair, components_a, components_b):
        return "trivially 1: n - 1 <= rank"
    if forced > 0:
        return f"{forced} of {components} correlations are trivially 1: n is too small"
    return ""


def rsa(pair: Pair) -> Result:
    """Representational similarity analysis: Spearman's correlation of the pairwise distances.

    Kriegeskorte et al. (2008), with Euclidean distances between the samples of the subsample; in
    [−1, 1], and 0 in expectation over orders of the samples.
    """
    ranks_a, ranks_b = pair.a.distance_ranks, pair.b.distance_ranks
    if len(ranks_a) < 3 or not ranks_a.any() or not ranks_b.any():
        return np.nan, "all samples are equally far apart"
    product = np.vdot(ranks_a.astype(np.float64), ranks_b.astype(np.float64))
    # Ranks are stored in float32: of one geometry they can multiply to a little more than 1.
    return float(np.clip(product, -1, 1)), ""


def knn_jaccard(pair: Pair) -> Result:
    """Mean Jaccard index of the sets of nearest neighbours, in [0, 1].

    Neighbours are by cosine between centred samples of the subsample; a sample is not its own.
    Klabunde et al. (2023), section 3.4.
    """
    return float(neighbour_overlaps(pair).mean()), ""


def neighbour_overlaps(pair: Pair, allowed: np.ndarray | None = None) -> np.ndarray:
    """The Jaccard index of the two sets of neighbours of every sample of the subsample (m,).

    Neighbours are only those `allowed` (m,), bool; all by default.
    """
    one, other = (nearest(view.neighbours, allowed) for view in (pair.a, pair.b))
    common = ((one[:, :, None] == other[:, None, :]) & (one >= 0)[:, :, None]).sum(axis=(1, 2))
    return common / ((one >= 0).sum(axis=1) + (other >= 0).sum(axis=1) - common)


def nearest(neighbours: np.ndarray, allowed: np.ndarray | None) -> np.ndarray:
    """The first `NEIGHBOURS` of each sample's neighbours (m, 2k) that are allowed; −1 if too few."""
    if allowed is None:
        return neighbours[:, :NEIGHBOURS]
    usable = allowed[neighbours]
    first = usable & (np.cumsum(usable, axis=1) <= NEIGHBOURS)
    return np.where(first, neighbours, -1)


def knn_jaccard_null(pair: Pair) -> float:
    """The expected index of two random sets, whose overlap is hypergeometric."""
    m = len(pair.a.neighbours)
    k = min(NEIGHBOURS, m - 1)
    return sum(
        math.comb(k, o) * math.comb(m - 1 - k, k - o) / math.comb(m - 1, k) * o / (2 * k - o)
        for o in range(1, k + 1)
    )


def disagreement(pair: Pair) -> Result:
    """The share of samples on which the two models predict different classes, in [0, 1]."""
    one, other = pair.a.predictions, pair.b.predictions
    return float(np.mean(one != other)), ""


def disagreement_null(pair: Pair) -> float:
    """1 − Σ_c p_a(c) p_b(c), for the shares of the samples that each model gives to class c."""
    one, other = pair.a.predictions, pair.b.predictions
    classes = 1 + max(one.max(), other.max())
    counts = [np.bincount(predictions, minlength=classes) for predictions in (one, other)]
    return 1 - float(counts[0] @ counts[1]) / pair.n**2
