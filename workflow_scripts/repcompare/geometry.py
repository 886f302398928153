"""Similarity of the geometry of two representations of the same samples.

Every measure is a function of the two factorisations X = U S Vᵀ and the cross-covariance
C = X_aᵀ X_b alone. To add one, write a function of a `Pair` that returns (value, note) and give it
a row in `MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from repcompare.factorisation import Factorisation

SVCCA_VARIANCE = 0.99

# An unbiased HSIC below this share of its largest term is the rounding error of an exact zero.
HSIC_ROUNDING = 1e-12

Result = tuple[float, str]


@dataclass(frozen=True, eq=False)
class Pair:
    """Factorisations of two representations of the same n samples, and C = X_aᵀ X_b (d_a, d_b)."""

    a: Factorisation
    b: Factorisation
    cross: np.ndarray

    @cached_property
    def squared_cross(self) -> float:
        """‖C‖², which is (n−1)² times the biased HSIC of the linear kernels."""
        return float(np.vdot(self.cross, self.cross))

    @cached_property
    def whitened_cross(self) -> np.ndarray:
        """Q = U_aᵀ U_b = S_a⁻¹ V_aᵀ C V_b S_b⁻¹ (rank_a, rank_b).

        Its singular values are the canonical correlations.
        """
        rotated = self.a.basis.T @ self.cross @ self.b.basis
        return rotated / np.outer(self.a.singular_values, self.b.singular_values)


@dataclass(frozen=True)
class Measure:
    """A row of the table of measures.

    `invariances` lists what may be done to either representation without changing the value:
    `translation`, `orthogonal` (rotations and reflections), `isotropic_scaling`,
    `invertible_linear`.
    """

    id: str
    function: Callable[[Pair], Result]
    reference: str
    invariances: frozenset[str]


@dataclass(frozen=True)
class GeometryRow:
    """One measure of one pair; `note` says why a value is NaN, or what must be known to read it."""

    measure: str
    value: float
    note: str


def cka(pair: Pair) -> Result:
    """Linear centred kernel alignment, ‖C‖² / (‖X_aᵀX_a‖ ‖X_bᵀX_b‖), in [0, 1].

    Kornblith et al. (2019). Biased upwards when n is not much larger than the effective ranks.
    """
    norms = np.linalg.norm(pair.a.scatter) * np.linalg.norm(pair.b.scatter)
    return pair.squared_cross / float(norms), ""


def cka_debiased(pair: Pair) -> Result:
    """Linear CKA from the unbiased HSIC estimator, at most 1; negative values are left as they are.

    The estimator of Song et al. (2012, eq. 5) in feature space: for centred linear kernels K and L
    with diagonals k and l, the kernels without their diagonals have row sums −k and −l, and
    tr(KL) = ‖C‖². The expectation of its numerator is 0 for independent representations, whatever
    n and d.
    """
    n = pair.a.n
    if n <= 3:
        return np.nan, "needs more than 3 samples"
    norms_a, norms_b = pair.a.squared_norms, pair.b.squared_norms
    self_a = _sum_of_unbiased_hsic(n, np.vdot(pair.a.scatter, pair.a.scatter), norms_a, norms_a)
    self_b = _sum_of_unbiased_hsic(n, np.vdot(pair.b.scatter, pair.b.scatter), norms_b, norms_b)
    if min(self_a, self_b) <= 0:
        return np.nan, "unbiased self-similarity is not positive"
    both = _sum_of_unbiased_hsic(n, pair.squared_cross, norms_a, norms_b)
    return float(both / (np.sqrt(self_a) * np.sqrt(self_b))), ""


def _sum_of_unbiased_hsic(n: int, trace: float, norms_a: np.ndarray, norms_b: np.ndarray) -> float:
    """n(n−3) times the unbiased HSIC, 0 where that is exactly zero; ratios need no factor.

    `trace` is tr(KL), `norms_a` and `norms_b` (n,) are the diagonals of K and L.
    """
    overlap = norms_a @ norms_b
    product = norms_a.sum() * norms_b.sum()
    total = trace - overlap + product / ((n - 1) * (n - 2)) - 2 * overlap / (n - 2)
    return total if abs(total) > HSIC_ROUNDING * max(trace, overlap) else 0.0


def procrustes(pair: Pair) -> Result:
    """Procrustes similarity, ‖C‖_* / (‖X_a‖ ‖X_b‖), in [0, 1]; its arccos is the angular distance.

    Williams et al. (2021); Ding et al. (2021) for the distance 2 − 2·value between representations
    of unit norm.
    """
    norms = np.sqrt(pair.a.total_variation) * np.sqrt(pair.b.total_variation)
    return float(_singular_values(pair.cross).sum() / norms), ""


def cca(pair: Pair) -> Result:
    """Mean of the min(rank_a, rank_b) canonical correlations, in [0, 1] (Hotelling 1936)."""
    return _mean_correlation(pair.a.n, pair.whitened_cross)


def svcca(pair: Pair) -> Result:
    """`cca` on the fewest leading components that hold 99 % of the variance (Raghu et al. 2017)."""
    kept_a, kept_b = (_components_holding(SVCCA_VARIANCE, each) for each in (pair.a, pair.b))
    return _mean_correlation(pair.a.n, pair.whitened_cross[:kept_a, :kept_b])


def _components_holding(share: float, one: Factorisation) -> int:
    held = np.cumsum(one.singular_values**2)
    return int(np.searchsorted(held, share * held[-1])) + 1


def _mean_correlation(n: int, whitened: np.ndarray) -> Result:
    """Mean singular value of Q, with a note on those that dimensions alone force to be 1.

    Subspaces of dimensions p and q of the (n−1)-dimensional space of centred samples share at least
    p + q − (n−1) directions, whatever the representations are.
    """
    # Only rounding puts a correlation above 1, most of all in a component next to the cut-off.
    value = float(np.minimum(_singular_values(whitened), 1.0).mean())
    components, forced = min(whitened.shape), sum(whitened.shape) - (n - 1)
    if forced >= components:
        return value, "trivially 1: n - 1 <= rank"
    if forced > 0:
        return value, f"{forced} of {components} correlations are trivially 1: n is too small"
    return value, ""


def _singular_values(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.svd(matrix, compute_uv=False)


_ROTATION = frozenset({"translation", "orthogonal", "isotropic_scaling"})

MEASURES: dict[str, Measure] = {
    measure.id: measure
    for measure in (
        Measure("cka", cka, "Kornblith et al. 2019, arXiv:1905.00414", _ROTATION),
        Measure("cka_debiased", cka_debiased, "Song et al. 2012, JMLR 13:1393-1434", _ROTATION),
        Measure("procrustes", procrustes, "Williams et al. 2021, arXiv:2110.14739", _ROTATION),
        Measure("cca", cca, "Hotelling 1936, Biometrika 28", _ROTATION | {"invertible_linear"}),
        Measure("svcca", svcca, "Raghu et al. 2017, arXiv:1706.05806", _ROTATION),
    )
}


def compare_geometry(
    a: Factorisation, b: Factorisation, cross: np.ndarray, measures: Iterable[str]
) -> list[GeometryRow]:
    """One row for each of `measures`, in their order, for a pair of representations of the same
        samples.
     `cross` is C (d_a, d_b) from `cross_covariance` with the means of `a` and `b`. A constant
    representation has no geometry: every value is NaN. Raises ValueError for an unknown measure or
    shapes that do not match.
    """
    measures = list(measures)
    unknown = [name for name in measures if name not in MEASURES]
    if unknown:
        raise ValueError(f"unknown measures {unknown}; known are {sorted(MEASURES)}")
    if a.n != b.n:
        raise ValueError(f"representations of the same samples are needed, not of {a.n} and {b.n}")
    if cross.shape != (a.width, b.width):
        raise ValueError(f"the cross-covariance is {cross.shape}, not {(a.width, b.width)}")
    if a.rank == 0 or b.rank == 0:
        return [GeometryRow(name, np.nan, "constant representation") for name in measures]
    pair = Pair(a, b, cross)
    return [GeometryRow(name, *MEASURES[name].function(pair)) for name in measures]
