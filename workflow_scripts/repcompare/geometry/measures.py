"""The measures of similarity themselves: functions of a pair of representations.

Each gives its value and a note: why the value is NaN, or what must be known to read it. Beside most
stand its null, the expectation over all orders of b's samples, and its class null, that over the orders
in which they trade places within their classes, where these have a closed form. `Pair.shuffled` serves
the rest.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln

from repcompare.representations.moments import Components
from repcompare.representations.pair import Pair, shuffled_order
from repcompare.representations.representation import View, unbiased_hsic

# A value and its note.
Result = tuple[float, str]

# The share of the variance that SVCCA keeps of each representation.
SVCCA_VARIANCE = 0.99

# Canonical correlations that differ by no more are one: whitening has no more digits.
TIED = 1e-9

# Orders of the samples that the class null of k-NN is the mean of.
ORDERS = 16


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


def cka_class_null(pair: Pair) -> float:
    """(‖B‖² + Σ_k tr K_k tr L_k / (n_k − 1)) / (‖K‖ ‖L‖), for what `between_classes` is of C.

    Within a class C is the sum of a mean that no order changes and of what `cka_null` is the size of.
    """
    between = between_classes(pair)
    norms = pair.a.norms.scatter * pair.b.norms.scatter
    return float(np.vdot(between, between) + within_classes(pair)) / norms


def between_classes(pair: Pair) -> np.ndarray:
    """The part of C (m_a, m_b) that is of the class means: B = Σ_k n_k m_a,k m_b,kᵀ."""
    return pair.a.class_means.T @ (pair.a.class_sizes[:, None] * pair.b.class_means)


def within_classes(pair: Pair) -> float:
    """E‖C − B‖² over orders of the samples within classes: Σ_k tr K_k tr L_k / (n_k − 1)."""
    others = np.maximum(pair.a.class_sizes - 1, 1)
    return float(np.sum(pair.a.class_traces * pair.b.class_traces / others))


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


def cka_debiased_class_null(pair: Pair) -> float:
    """The estimator is linear in the second kernel, so this is its value for the mean of that.

    The mean over the orders within classes is one number for every two classes; only sums of kernels
    by class are left of `representation.unbiased_hsic`.
    """
    n, sizes = pair.n, pair.a.class_sizes
    if n <= 3 or min(pair.a.norms.hsic, pair.b.norms.hsic) <= 0:
        return np.nan
    sums = class_kernel_sums(pair.a), class_kernel_sums(pair.b)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    trace = np.sum(sums[0] * sums[1] / np.maximum(pairs, 1))
    of_a, of_b = (each.sum(axis=1) for each in sums)
    rows = np.sum(of_a * of_b / np.maximum(sizes, 1))
    total = trace + of_a.sum() * of_b.sum() / ((n - 1) * (n - 2)) - 2 * rows / (n - 2)
    return float(total / (math.sqrt(pair.a.norms.hsic) * math.sqrt(pair.b.norms.hsic)))


def class_kernel_sums(view: View) -> np.ndarray:
    """Sums (K, K) of the linear kernel without its diagonal over the samples of two classes."""
    sums = view.class_sizes[:, None] * view.class_means
    return sums @ sums.T - np.diag(view.class_squares)


def cka_within_class(pair: Pair) -> Result:
    """`cka` of what is left when each sample's class mean is taken away."""
    norms = pair.a.norms.within * pair.b.norms.within
    if norms == 0:
        return np.nan, "constant within every class"
    within = pair.cross - between_classes(pair)
    # One sample more than there are classes leaves one direction, the same for all.
    left = pair.n - np.count_nonzero(pair.a.class_sizes)
    value = min(float(np.vdot(within, within)) / norms, 1.0)
    return value, "trivially 1: n - classes is 1" if left == 1 else ""


def cka_within_class_null(pair: Pair) -> float:
    """Over the orders within classes: any other would bring the class means in."""
    norms = pair.a.norms.within * pair.b.norms.within
    return within_classes(pair) / norms if norms else np.nan


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


def cka_centroids_class_null(pair: Pair) -> float:
    """Its value: no order within classes changes their means."""
    return cka_centroids(pair)[0]


def procrustes(pair: Pair) -> Result:
    """Procrustes similarity, ‖C‖_* / (‖X_a‖ ‖X_b‖), in [0, 1]; its arccos is the angular distance.

    Williams et al. (2021); Ding et al. (2021) for the distance 2 − 2·value between representations
    of unit norm.
    """
    return pair.nuclear_norm / math.sqrt(pair.a.norms.trace * pair.b.norms.trace), ""


def cca(pair: Pair) -> Result:
    """Mean of the min(rank_a, rank_b) canonical correlations, in [0, 1] (Hotelling 1936)."""
    note = forced_correlations(pair, *ranks(pair))
    if all_forced(pair, *ranks(pair)):
        return 1.0, note
    return float(pair.correlations(*ranks(pair)).mean()), note


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

    Directed: the weight of canonical variate h is Σ_j |⟨h, x_j⟩| over the units x_j of a. Variates of
    one correlation may be turned within what they span, and their weights with them: such have the
    mean of their weights over all rotations.
    """
    note = forced_correlations(pair, *ranks(pair))
    if all_forced(pair, *ranks(pair)):
        return 1.0, note
    return float(pwcca_weights(pair) @ pair.canonical.correlations), note


def pwcca_weights(pair: Pair) -> np.ndarray:
    """The weights of the canonical correlations (r,), of sum 1."""
    basis, scales = pair.a.components
    along = pair.a.whole.moments.in_units((basis * scales) @ pair.canonical.left)
    return weights_along(along, pair.canonical.correlations)


def weights_along(
    along: np.ndarray, correlations: np.ndarray, tolerance: float = TIED
) -> np.ndarray:
    """Weights (r,), of sum 1, from products of the units with the variates (d, r); of tied ones the same.

    A vector of length l in t dimensions has the mean l Γ(t/2) / (√π Γ((t+1)/2)) of |coordinate| over
    rotations.
    """
    first = np.flatnonzero(np.diff(correlations, prepend=2.0) < -tolerance)
    tied = np.diff(first, append=along.shape[1])
    lengths = np.sqrt(np.add.reduceat(along**2, first, axis=1)).sum(axis=0)
    shares = np.exp(gammaln(tied / 2) - gammaln((tied + 1) / 2)) / math.sqrt(math.pi)
    weights = np.repeat(lengths * shares, tied)
    return weights / weights.sum()


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


def rsa_class_null(pair: Pair) -> float:
    """The product of the mean ranks of the pairs of samples of every two classes."""
    sizes = np.bincount(pair.a.subsample_codes, minlength=len(pair.a.class_sizes))
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    # Every pair of samples is there in both orders.
    return float(np.sum(pair.a.class_ranks * pair.b.class_ranks / np.maximum(pairs, 1)) / 2)


def knn_jaccard(pair: Pair) -> Result:
    """Mean Jaccard index of the sets of nearest neighbours, in [0, 1].

    Neighbours are by cosine between centred samples of the subsample, as `representation.nearest` has
    them: where several are as near as the tenth, all belong. Klabunde et al. (2023), section 3.4.
    """
    return float(neighbour_overlaps(pair.a.nearest, pair.b.nearest, subsampled(pair)).mean()), ""


def subsampled(pair: Pair) -> int:
    """The number of samples m in the subsample."""
    return len(pair.a.subsample)


def neighbour_overlaps(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], m: int
) -> np.ndarray:
    """The Jaccard index of two sets of neighbours of every sample (m,); 0 for one that has none.

    The sets as `representation.nearest` gives them.
    """
    marked = np.zeros((m, m), bool)
    marked[one] = True
    common = np.bincount(other[0][marked[other]], minlength=m)
    sizes = np.bincount(one[0], minlength=m) + np.bincount(other[0], minlength=m)
    return common / np.maximum(sizes - common, 1)


def knn_jaccard_null(pair: Pair) -> float:
    """The expected index of random sets of these sizes, whose overlap is hypergeometric."""
    m = subsampled(pair)
    sizes = [np.bincount(view.nearest[0], minlength=m) for view in (pair.a, pair.b)]
    one, other = (np.transpose(np.unique(each, return_counts=True)).tolist() for each in sizes)
    # Python adds floats otherwise from 3.12 on; this is exact.
    total = math.fsum(
        count_one * count_other * expected_index(size_one, size_other, m - 1)
        for size_one, count_one in one
        for size_other, count_other in other
    )
    return total / m**2


def expected_index(one: int, other: int, m: int) -> float:
    """The expected Jaccard index of two random subsets of m, of these sizes."""
    return math.fsum(
        math.comb(one, o)
        * math.comb(m - one, other - o)
        / math.comb(m, other)
        * o
        / (one + other - o)
        for o in range(1, min(one, other) + 1)
    )


def knn_jaccard_class_null(pair: Pair) -> float:
    """The mean over `ORDERS` random orders of the subsample within classes."""
    m = subsampled(pair)
    of, places = pair.b.nearest
    found = []
    for seed in range(ORDERS):
        moved = np.argsort(shuffled_order(m, seed, pair.a.subsample_codes))
        found.append(neighbour_overlaps(pair.a.nearest, (moved[of], moved[places]), m).mean())
    return float(np.mean(found))


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


def disagreement_class_null(pair: Pair) -> float:
    """1 − Σ_k n_k/n Σ_c p_a(c|k) p_b(c|k), for the shares of class k that are given to class c."""
    one, other = pair.a.predictions, pair.b.predictions
    classes = 1 + max(one.max(), other.max())
    sizes = pair.a.class_sizes
    counts = [
        np.bincount(pair.a.codes * classes + answers, minlength=len(sizes) * classes).reshape(
            len(sizes), classes
        )
        for answers in (one, other)
    ]
    same = np.sum(counts[0] * counts[1], axis=1) / np.maximum(sizes, 1)
    return 1 - float(same.sum()) / pair.n
