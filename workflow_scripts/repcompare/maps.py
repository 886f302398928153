"""Affine maps between two representations, X_b ≈ X_a W + b, and how well they do.

Maps are fitted from the moments of the fit split; R² on any split is computed from that split's
moments, in float64, without passing over its samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from repcompare.factorisation import ROWS_PER_CHUNK, Factorisation, Moments, Rows, row_chunks

# The penalties that ridge chooses from, as multiples of the mean eigenvalue of the source's scatter
# (over the components kept, so that dead units do not move it).
RIDGE_GRID = tuple(10.0**exponent for exponent in range(-7, 3))

# Leave-one-out divides a residual by 1 − leverage. Under this margin, the float32 rounding of a
# residual would be amplified too much to rank penalties by, and the chunk is done in float64.
FLOAT32_MARGIN = 1e-2


@dataclass(frozen=True, eq=False)
class AffineMap:
    """x ↦ x W + b from a source of width d_a to a target of width d_b, float64.

    `penalty` is ridge's λ, in the units of the source's scatter; 0 for the other families.
    """

    family: str
    weight: np.ndarray
    bias: np.ndarray
    penalty: float
    note: str

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The mapped representation (n, d_b), float64, of rows `x` (n, d_a)."""
        return np.asarray(x, dtype=np.float64) @ self.weight + self.bias


@dataclass(frozen=True, eq=False)
class MapProblem:
    """What a family may use, all of it of the fit split.

    The source's factorisation, the target's moments, C = X_aᵀ X_b (d_a, d_b) and the rows (n, d_a)
    and (n, d_b). `known_rotation` spares the SVD of C if it was done before.
    """

    source: Factorisation
    target: Moments
    cross: np.ndarray
    source_x: Rows
    target_x: Rows
    known_rotation: np.ndarray | None = None

    @cached_property
    def projected_cross(self) -> np.ndarray:
        """Vᵀ C (rank, d_b)."""
        return self.source.basis.T @ self.cross

    @cached_property
    def rotation(self) -> np.ndarray:
        """The (semi-)orthogonal factor of C."""
        return orthogonal_factor(self.cross) if self.known_rotation is None else self.known_rotation

    def affine(
        self, family: str, weight: np.ndarray, penalty: float = 0.0, note: str = ""
    ) -> AffineMap:
        """The map of this weight that takes the source's mean to the target's."""
        bias = self.target.mean - self.source.mean @ weight
        return AffineMap(family, weight, bias, penalty, note)


def orthogonal_factor(cross: np.ndarray) -> np.ndarray:
    """R = U Vᵀ of the thin SVD C = U Σ Vᵀ (d_a, d_b), the factor of Cᵀ being Rᵀ.

    Of all R with orthonormal rows or columns it maximises tr(RᵀC) (Schönemann 1966).
    """
    left, _, right = np.linalg.svd(cross, full_matrices=False)
    return left @ right


def least_squares(problem: MapProblem) -> AffineMap:
    """The least squares map of least norm: W = V S⁻² Vᵀ C, on the components above the cut-off."""
    eigenvalues = problem.source.singular_values**2
    weight = problem.source.basis @ (problem.projected_cross / eigenvalues[:, None])
    return problem.affine("least_squares", weight)


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
    return problem.affine("ridge", problem.source.basis @ shrunk, float(penalties[best]), note)


def orthogonal(problem: MapProblem) -> AffineMap:
    """W = s R: a rotation or reflection with isotropic scale.

    R is `orthogonal_factor(C)`, semi-orthogonal if d_a ≠ d_b, and s = tr(RᵀC) / ‖X_a R‖² is the
    best scale for it. If d_a ≤ d_b this is the least squares solution (Gower and Dijksterhuis 2004,
    Procrustes Problems). If d_a > d_b that has no closed form, and R maximises tr(RᵀC) alone.
    """
    rotation = problem.rotation
    length = np.vdot(rotation, problem.source.scatter @ rotation)
    # If the source varies only outside the subspace that R keeps, every scale gives the same map.
    scale = np.vdot(rotation, problem.cross) / length if length > 0 else 0.0
    return problem.affine("orthogonal", scale * rotation)


FAMILIES: dict[str, Callable[[MapProblem], AffineMap]] = {
    "least_squares": least_squares,
    "ridge": ridge,
    "orthogonal": orthogonal,
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
        z = np.subtract(problem.source_x[rows], source.mean, dtype=np.float64) @ whitening
        y = np.subtract(problem.target_x[rows], target.mean, dtype=np.float64) / unit
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

    `cross` is C (d_a, d_b) of `source_x` (n, d_a) and `target_x` (n, d_b), whose moments the first
    two are; only ridge reads the rows. `known_rotation`, if given, is `orthogonal_factor(cross)`.
    A constant source is mapped to the target's mean. Raises ValueError for an unknown family or
    shapes that do not match.
    """
    families = list(families)
    unknown = [name for name in families if name not in FAMILIES]
    if unknown:
        raise ValueError(f"unknown map families {unknown}; known are {sorted(FAMILIES)}")
    for name, array, expected in (
        ("source rows", source_x, (source.n, source.width)),
        ("target rows", target_x, (source.n, target.width)),
        ("cross-covariance", cross, (source.width, target.width)),
    ):
        if tuple(array.shape) != expected:
            raise ValueError(f"{name}: the shape is {tuple(array.shape)}, not {expected}")
    problem = MapProblem(source, target, cross, source_x, target_x, known_rotation)
    if source.rank == 0:
        nothing = np.zeros(cross.shape)
        note = "constant source representation"
        return {name: problem.affine(name, nothing, note=note) for name in families}
    return {name: FAMILIES[name](problem) for name in families}


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


@dataclass(frozen=True, eq=False)
class PairMoments:
    """Moments of source and target on one split, and C (d_a, d_b) about the means of it."""

    source: Moments
    target: Moments
    cross: np.ndarray

    def reversed(self) -> PairMoments:
        """The same with source and target exchanged."""
        return PairMoments(self.target, self.source, self.cross.T)


@dataclass(frozen=True, eq=False)
class TargetClassifier:
    """The target's final layer, weight (K, d_b) and bias (K,), and its test split.

    `logits` (n, K) are the target's own, `labels` (n,) the true classes.
    """

    weight: np.ndarray
    bias: np.ndarray
    logits: np.ndarray
    labels: np.ndarray

    @cached_property
    def predictions(self) -> np.ndarray:
        """The target's own predictions (n,)."""
        return np.argmax(self.logits, axis=1)


@dataclass(frozen=True)
class MapScores:
    """Scores of one map: see `score_map`. `note` gives the reason of each NaN."""

    r2_fit: float
    r2_test: float
    r2_floor: float
    stitched_accuracy: float
    target_accuracy: float
    recovered_accuracy: float
    agreement: float
    note: str


def r_squared(mapping: AffineMap, split: PairMoments, training_mean: np.ndarray) -> float:
    """Variance-weighted R² = 1 − SSE/SST of a map on one split; NaN if the target does not vary.

    SST is about `training_mean` (d_b,), the target's mean on the fit split: what a map that knows
    nothing of the source would predict. With scatters S,
    SSE = tr(S_b) − 2 tr(WᵀC) + tr(WᵀS_aW) + n ‖mean_b − mean_a W − b‖². At most 1, may be negative.
    """
    offset = split.target.mean - training_mean
    total = split.target.total_variation + split.target.n * float(offset @ offset)
    if total == 0:
        return np.nan
    weight = mapping.weight
    bias_error = split.target.mean - split.source.mean @ weight - mapping.bias
    error = (
        split.target.total_variation
        + np.vdot(weight, split.source.scatter @ weight - 2 * split.cross)
        + split.target.n * (bias_error @ bias_error)
    )
    return float(1 - error / total)


def stitched_predictions(
    mapping: AffineMap,
    source_x: Rows,
    weight: np.ndarray,
    bias: np.ndarray,
    chunk: int = ROWS_PER_CHUNK,
) -> np.ndarray:
    """Classes (n,), int64, that the target's classifier gives to the mapped source (n, d_a).

    The classifier has `weight` (K, d_b) and `bias` (K,). Map and classifier are multiplied out
    first, so that a row costs d_a·K and not d_a·d_b.
    """
    stitched_weight = mapping.weight @ np.asarray(weight, dtype=np.float64).T
    stitched_bias = mapping.bias @ np.asarray(weight, dtype=np.float64).T + bias
    classes = np.empty(source_x.shape[0], dtype=np.int64)
    for rows in row_chunks(source_x.shape[0], chunk):
        classes[rows] = np.argmax(source_x[rows] @ stitched_weight + stitched_bias, axis=1)
    return classes


def score_map(
    mapping: AffineMap,
    fit: PairMoments,
    test: PairMoments,
    source_x: Rows,
    classifier: TargetClassifier,
) -> MapScores:
    """Score a map by R² on both splits, and on the test split by stitching a classifier to it.

    `source_x` (n, d_a) are the source's test rows; the stitched classifier is the target's.
    `r2_floor` = d_a/(n_fit − 1), at most 1, is the R² that least squares has on the fit split, in
    expectation, when source and target are independent. Recovered accuracy is
    (stitched − chance) / (target's accuracy − chance), where chance is the share of the commonest
    test label: 1 is as good as the target, 0 as good as always guessing that label. Agreement is
    the share of samples on which stitched and own predictions are the same. Raises ValueError if
    the numbers of samples do not match.
    """
    n, labels = source_x.shape[0], np.asarray(classifier.labels)
    if not n == test.source.n == test.target.n == len(labels) == len(classifier.predictions):
        raise ValueError(
            "the test rows, moments, labels and logits are not of the same number of samples"
        )
    stitched = stitched_predictions(mapping, source_x, classifier.weight, classifier.bias)
    stitched_accuracy = float(np.mean(stitched == labels))
    target_accuracy = float(np.mean(classifier.predictions == labels))
    chance = float(np.unique(labels, return_counts=True)[1].max() / n)

    training_mean = fit.target.mean
    r2_fit, r2_test = (r_squared(mapping, split, training_mean) for split in (fit, test))
    notes = [mapping.note] if mapping.note else []
    notes += [
        f"target is constant on the {name} split"
        for name, r2 in (("fit", r2_fit), ("test", r2_test))
        if np.isnan(r2)
    ]
    recovered = np.nan
    if target_accuracy > chance:
        recovered = (stitched_accuracy - chance) / (target_accuracy - chance)
    else:
        notes.append("target accuracy is not above chance")
    return MapScores(
        r2_fit=r2_fit,
        r2_test=r2_test,
        r2_floor=min(1.0, fit.source.width / (fit.source.n - 1)),
        stitched_accuracy=stitched_accuracy,
        target_accuracy=target_accuracy,
        recovered_accuracy=recovered,
        agreement=float(np.mean(stitched == classifier.predictions)),
        note="; ".join(notes),
    )
