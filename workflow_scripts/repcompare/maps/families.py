"""Affine maps between two representations, X_b ≈ X_a W + b, fitted from their moments.

To add a family, write a function of a `MapProblem` and give it a row in `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment

from repcompare.registry import known
from repcompare.representations.moments import (
    ROWS_PER_CHUNK,
    Factorisation,
    Moments,
    Rows,
    between_units,
    principal_components,
    row_chunks,
)

# The penalties that ridge chooses from, as multiples of the mean eigenvalue of the source's scatter
# (over the components kept, so that dead units do not move it).
RIDGE_GRID = tuple(10.0**exponent for exponent in range(-7, 3))

# Leave-one-out divides a residual by 1 − leverage. Under this margin, the float32 rounding of a
# residual would be amplified too much to rank penalties by, and the chunk is done in float64.
FLOAT32_MARGIN = 1e-2


@dataclass(frozen=True, eq=False)
class AffineMap:
    """x ↦ x W + b from a source of width d_a to a target of width d_b, float64.

    `rank` is that of W. `penalty` is ridge's λ, in the units of the source's scatter; 0 for the
    other families.
    """

    family: str
    weight: np.ndarray
    bias: np.ndarray
    rank: int
    penalty: float
    note: str

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The mapped representation (n, d_b), float64, of rows `x` (n, d_a)."""
        return np.asarray(x, dtype=np.float64) @ self.weight + self.bias


@dataclass(frozen=True, eq=False)
class MapProblem:
    """What a family may use, all of it of the fit split.

    The source's factorisation, the target's moments, C = X_aᵀ X_b (m_a, m_b) along the axes of
    their frames, and the rows (n, d_a) and (n, d_b). `known_rotation` spares the SVD of C if it was
    done before.
    """

    source: Factorisation
    target: Moments
    cross: np.ndarray
    source_x: Rows
    target_x: Rows
    known_rotation: np.ndarray | None = None

    @cached_property
    def projected_cross(self) -> np.ndarray:
        """Vᵀ C (rank, m_b)."""
        return self.source.basis.T @ self.cross

    @cached_property
    def least_squares(self) -> np.ndarray:
        """V S⁻² Vᵀ C (m_a, m_b)."""
        return least_squares_weight(self.source, self.projected_cross)

    @cached_property
    def rotation(self) -> np.ndarray:
        """The (semi-)orthogonal factor of C."""
        return orthogonal_factor(self.cross) if self.known_rotation is None else self.known_rotation

    def affine(
        self, family: str, weight: np.ndarray, rank: int, penalty: float = 0.0, note: str = ""
    ) -> AffineMap:
        """The map of this weight (m_a, m_b) between axes that takes mean to mean.

        What stands at right angles to the axes, and is constant on the fit split, it maps to 0.
        """
        weight = between_units(self.source, weight, self.target)
        return self.affine_of_units(family, weight, rank, penalty, note)

    def affine_of_units(
        self, family: str, weight: np.ndarray, rank: int, penalty: float = 0.0, note: str = ""
    ) -> AffineMap:
        """The map of this weight (d_a, d_b) that takes the source's mean to the target's."""
        bias = self.target.mean - self.source.mean @ weight
        return AffineMap(family, weight, bias, rank, penalty, note)

    @property
    def full_rank(self) -> int:
        """The highest rank that a map can have."""
        return min(self.source.rank, self.target.width - self.target.dead_units)


def least_squares_weight(source: Factorisation, projected_cross: np.ndarray) -> np.ndarray:
    """V S⁻² Vᵀ C (m_a, m_b), from Vᵀ C (rank, m_b)."""
    return source.basis @ (projected_cross / source.singular_values[:, None] ** 2)


def orthogonal_factor(cross: np.ndarray) -> np.ndarray:
    """R = U Vᵀ of the thin SVD C = U Σ Vᵀ (m_a, m_b), the factor of Cᵀ being Rᵀ.

    Of all R with orthonormal rows or columns it maximises tr(RᵀC) (Schönemann 1966).
    """
    left, _, right = np.linalg.svd(cross, full_matrices=False)
    return left @ right


def least_squares(problem: MapProblem) -> AffineMap:
    """The least squares map of least norm: W = V S⁻² Vᵀ C, on the components above the cut-off."""
    return problem.affine("least_squares", problem.least_squares, problem.full_rank)


def ridge(problem: MapProblem) -> AffineMap:
    """W = V (S² + λ)⁻¹ Vᵀ C, with λ of the least leave-one-out squared error over `RIDGE_GRID`.

    The intercept is not penalised. A choice at the edge of the grid is noted.
    """
    eigenvalues = problem.source.singular_values**2
    penalties = np.array(RIDGE_GRID) * eigenvalues.mean()
    best = int(np.argmin(leave_one_out_errors(problem, penalties)))
    note = ""
    if best in (0, len(penalties) - 1):
        note = f"lambda at the {'upper' if best else 'lower'} edge of its grid"
    shrunk = problem.projected_cross / (eigenvalues + penalties[best])[:, None]
    weight = problem.source.basis @ shrunk
    return problem.affine("ridge", weight, problem.full_rank, float(penalties[best]), note)


def reduced_rank(problem: MapProblem) -> AffineMap:
    """The least squares map of the rank that predicts best: W V_r V_rᵀ (Izenman 1975).

    V_r are the r leading eigenvectors of the scatter of the fitted values, WᵀSW. The rank has the
    least squared error on the last fifth of the fit split, of a map fitted to the rest; then the
    map is fitted to all.
    """
    best = max(1, int(np.argmax(validation_gains(problem))) + 1)
    rank = min(best, problem.full_rank)
    weight = problem.least_squares
    _, vectors = np.linalg.eigh(weight.T @ problem.cross)
    leading = vectors[:, ::-1][:, :rank]
    return problem.affine("reduced_rank", weight @ leading @ leading.T, rank)


def validation_gains(problem: MapProblem, chunk: int = ROWS_PER_CHUNK) -> np.ndarray:
    """Squared error on the last fifth of the rows that rank 1, 2, ... spares, fitted to the rest.

    (m_b,). One pass over the last fifth gives its moments; what is left of all moments are those of
    the rest.
    """
    n = problem.source.n
    start = n - max(1, n // 5)
    scatter, cross = np.zeros_like(problem.source.scatter), np.zeros(problem.cross.shape)
    sum_x, sum_y = np.zeros(problem.source.size), np.zeros(problem.target.size)
    for rows in row_chunks(n - start, chunk):
        part = slice(start + rows.start, start + rows.stop)
        x = problem.source.coordinates(problem.source_x[part])
        y = problem.target.coordinates(problem.target_x[part])
        scatter += x.T @ x
        cross += x.T @ y
        sum_x += x.sum(axis=0)
        sum_y += y.sum(axis=0)

    rest = problem.source.scatter - scatter - np.outer(sum_x, sum_x / start)
    rest_cross = problem.cross - cross - np.outer(sum_x, sum_y / start)
    basis, values = principal_components(rest)
    weight = basis @ (basis.T @ rest_cross / values[:, None] ** 2)
    _, vectors = np.linalg.eigh(weight.T @ rest_cross)
    vectors = vectors[:, ::-1]
    directions = weight @ vectors

    # The rest is centred by its own mean, which is where the last fifth must be measured from.
    mean_x, mean_y, count = -sum_x / start, -sum_y / start, n - start
    scatter += count * np.outer(mean_x, mean_x) - np.outer(mean_x, sum_x) - np.outer(sum_x, mean_x)
    cross += count * np.outer(mean_x, mean_y) - np.outer(mean_x, sum_y) - np.outer(sum_x, mean_y)
    explained = 2 * np.einsum("ik,ik->k", directions, cross @ vectors)
    return np.cumsum(explained - np.einsum("ik,ik->k", directions, scatter @ directions))


def orthogonal(problem: MapProblem) -> AffineMap:
    """W = s R: a rotation or reflection with isotropic scale.

    R is `orthogonal_factor(C)`, semi-orthogonal if d_a ≠ d_b, and s = tr(RᵀC) / ‖X_a R‖² is the
    best scale for it. If d_a ≤ d_b this is the least squares solution (Gower and Dijksterhuis 2004,
    Procrustes Problems). If d_a > d_b that has no closed form, and R maximises tr(RᵀC) alone. If
    neither has fewer units than the fit split has images, R is between the axes that these span: how
    the rest would be rotated is not determined, and it is mapped to 0.
    """
    rotation = problem.rotation
    length = np.vdot(rotation, problem.source.scatter @ rotation)
    # If the source varies only outside the subspace that R keeps, every scale gives the same map.
    scale = np.vdot(rotation, problem.cross) / length if length > 0 else 0.0
    rank = min(problem.cross.shape) if scale else 0
    return problem.affine("orthogonal", scale * rotation, rank)


def permutation(problem: MapProblem) -> AffineMap:
    """Each unit of the target is one unit of the source, no unit twice, times a scale of its own.

    The assignment explains the most variance there is to explain so (Kuhn 1955). Scales are not
    negative: permutations and positive scales are what leaves a ReLU network the same function
    (Entezari et al. 2022). If the source has fewer units, the rest of the target's are constant.
    """
    variances = problem.source.unit_squares(problem.source.scatter)[:, None]
    scales = np.maximum(between_units(problem.source, problem.cross, problem.target), 0.0)
    scales = np.divide(scales, variances, out=np.zeros_like(scales), where=variances > 0)
    rows, columns = linear_sum_assignment(scales**2 * variances, maximize=True)
    weight = np.zeros_like(scales)
    weight[rows, columns] = scales[rows, columns]
    return problem.affine_of_units("permutation", weight, int(np.count_nonzero(weight)))


FAMILIES: dict[str, Callable[[MapProblem], AffineMap]] = {
    "least_squares": least_squares,
    "ridge": ridge,
    "reduced_rank": reduced_rank,
    "orthogonal": orthogonal,
    "permutation": permutation,
}


def leave_one_out_errors(
    problem: MapProblem, penalties: np.ndarray, chunk: int = ROWS_PER_CHUNK
) -> np.ndarray:
    """For each penalty, the sum over samples of the squared error of ridge fitted without it.

    Exact, in closed form: the error without sample i is its residual over 1 − h_i, where the
    leverage is h_i = 1/n + Σ_j z_ij² s_j² / (s_j² + λ), with z = X V S⁻¹ and 1/n for the intercept
    (Allen 1974; Golub, Heath and Wahba 1979). `penalties` (m,) are values of λ, and so is the
    result shaped. One pass over the rows serves all of them. Residuals are float32 unless leverages
    near 1 forbid it, so the result has about six digits.
    """
    source, target = problem.source, problem.target
    # In units of the target's own length, float32 neither overflows nor underflows.
    unit = np.sqrt(target.total_variation / target.n) or 1.0
    whitening = source.basis / source.singular_values
    coefficients = problem.projected_cross / source.singular_values[:, None] / unit
    eigenvalues = source.singular_values[:, None] ** 2
    shrinkage = eigenvalues / (eigenvalues + penalties)

    errors = np.zeros(len(penalties))
    for rows in row_chunks(source.n, chunk):
        z = source.coordinates(problem.source_x[rows]) @ whitening
        y = target.coordinates(problem.target_x[rows]) / unit
        margins = 1 - 1 / source.n - z**2 @ shrinkage
        z_single, y_single = z.astype(np.float32), y.astype(np.float32)
        for index, margin in enumerate(margins.T):
            shrunk = shrinkage[:, index, None] * coefficients
            if margin.min() > FLOAT32_MARGIN:
                residual = z_single @ shrunk.astype(np.float32)
                residual -= y_single
            else:
                residual = z @ shrunk - y
            errors[index] += (np.einsum("ij,ij->i", residual, residual) / margin**2).sum()
    return errors * unit**2


def fit_maps(
    source: Factorisation,
    target: Moments,
    cross: np.ndarray,
    families: Iterable[str],
    source_x: Rows,
    target_x: Rows,
    *,
    known_rotation: np.ndarray | None = None,
) -> dict[str, AffineMap]:
    """The map of each family from source to target, on the fit split.

    `cross` is C (m_a, m_b) of `source_x` (n, d_a) and `target_x` (n, d_b), whose moments the first
    two are; only ridge and reduced rank read the rows. `known_rotation`, if given, is `orthogonal_factor(cross)`.
    A constant source is mapped to the target's mean. Raises ValueError for an unknown family or
    shapes that do not match.
    """
    fits = {name: known(FAMILIES, name, "maps.families") for name in families}
    for name, array, expected in (
        ("source rows", source_x, (source.n, source.width)),
        ("target rows", target_x, (source.n, target.width)),
        ("cross-covariance", cross, (source.size, target.size)),
    ):
        if tuple(array.shape) != expected:
            raise ValueError(f"{name}: the shape is {tuple(array.shape)}, not {expected}")
    problem = MapProblem(source, target, cross, source_x, target_x, known_rotation)
    if source.rank == 0:
        nothing = np.zeros(cross.shape)
        note = "constant source representation"
        return {name: problem.affine(name, nothing, 0, note=note) for name in fits}
    return {name: fit(problem) for name, fit in fits.items()}


def fit_maps_both_ways(
    a: Factorisation,
    b: Factorisation,
    cross: np.ndarray,
    families: Iterable[str],
    x_a: Rows,
    x_b: Rows,
) -> tuple[dict[str, AffineMap], dict[str, AffineMap]]:
    """`fit_maps` from a to b and from b to a: C is transposed and the SVD of C is done once."""
    families = list(families)
    rotation = orthogonal_factor(cross) if "orthogonal" in families else None
    back = None if rotation is None else rotation.T
    return (
        fit_maps(a, b, cross, families, x_a, x_b, known_rotation=rotation),
        fit_maps(b, a, cross.T, families, x_b, x_a, known_rotation=back),
    )
