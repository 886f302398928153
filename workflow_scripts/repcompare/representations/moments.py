"""Moments and factorisation of one representation, and the cross-covariance of two.

A representation is an (n, d) array-like of float32 or float64, one row a sample. It is only ever
read as `x[start:stop]`, so an HDF5 data set streams from disk. Everything is accumulated in
float64, in the `Frame` of the representation, whose size m is at most d and below n if n ≤ d: no
array of size n·d is made where n > d, and none of size d² where n ≤ d.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

# Rows of a representation that are in memory at once.
ROWS_PER_CHUNK = 4096

# Eigenvalues of the scatter below this share of the largest are dropped, so singular values below
# 1e-5 of the largest. Two errors set it. Rounding activations to float32 adds singular values of
# about 1e-7 of the largest, so a kept component stands 100 times above that noise. And squaring X
# loses half of the digits: a float64 eigenvalue at the cut-off has a relative error of 2e-16 /
# 1e-10, so whitening by it still keeps six digits.
CUTOFF = 1e-10


class Rows(Protocol):
    """What is read of an array, be it numpy or an HDF5 data set: its shape and slices of rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Frame:
    """The mean (d,) of a representation X (n, d), and the m axes along which it is written.

    Where n ≤ d, the centred rows span n − 1 dimensions at most: `axes` (d, m) are orthonormal and
    hold all of them. Otherwise it is None: the units are the axes, and m is d. What is invariant to
    rotations is the same along the axes as along the units.
    """

    mean: np.ndarray
    axes: np.ndarray | None

    @classmethod
    def of(cls, x: Rows, chunk: int = ROWS_PER_CHUNK) -> Frame:
        """The frame of `x` (n, d). Raises ValueError where `mean_of` does."""
        mean = mean_of(x, chunk)
        n, width = x.shape
        if n > width:
            return cls(mean, None)
        return cls(mean, axes_of(np.subtract(x[0:n], mean, dtype=np.float64)))

    @property
    def width(self) -> int:
        """The number of units d."""
        return self.mean.shape[0]

    @property
    def size(self) -> int:
        """The number of axes m."""
        return self.width if self.axes is None else self.axes.shape[1]

    def coordinates(self, rows: np.ndarray) -> np.ndarray:
        """The rows (k, d) about the mean along the axes: (k, m), float64."""
        centred = np.subtract(rows, self.mean, dtype=np.float64)
        return centred if self.axes is None else centred @ self.axes

    def along_axes(self, units: np.ndarray) -> np.ndarray:
        """What has a row for each unit (d, ...), with one for each axis (m, ...)."""
        return units if self.axes is None else self.axes.T @ units

    def in_units(self, coordinates: np.ndarray) -> np.ndarray:
        """What has a row for each axis (m, ...), with one for each unit (d, ...)."""
        return coordinates if self.axes is None else self.axes @ coordinates

    def unit_squares(self, scatter: np.ndarray) -> np.ndarray:
        """The sum of squares of every unit (d,), from a scatter (m, m) along the axes."""
        if self.axes is None:
            return np.diagonal(scatter)
        return np.einsum("ij,ij->i", self.axes @ scatter, self.axes)


def between_units(a: Frame, matrix: np.ndarray, b: Frame) -> np.ndarray:
    """The matrix (d_a, d_b) between units that one between axes (m_a, m_b) stands for."""
    return a.in_units(b.in_units(matrix.T).T)


def axes_of(centred: np.ndarray) -> np.ndarray:
    """Orthonormal axes (d, m) that hold `centred` rows (n, d), float64, which sum to zero.

    m is the smaller of n − 1 and the number of units that vary, but at least 1. A unit that never
    varies is exactly zero along every axis.
    """
    alive = centred.any(axis=0)
    size = max(1, min(len(centred) - 1, int(alive.sum())))
    axes = np.zeros((centred.shape[1], size))
    if alive.any():
        # The last row is what the others lack to sum to zero.
        axes[alive] = np.linalg.qr(centred[:-1, alive].T)[0]
    return axes


@dataclass(frozen=True, eq=False)
class Moments(Frame):
    """First and second moments of a representation X (n, d) in its frame, all float64.

    `scatter` is XᵀX (m, m) of the centred rows (n times the covariance), `squared_norms` the
    squared length of every centred row (n,).
    """

    n: int
    scatter: np.ndarray
    squared_norms: np.ndarray

    @property
    def total_variation(self) -> float:
        """‖X‖² of the centred X: the trace of the scatter."""
        return float(np.trace(self.scatter))

    @property
    def dead_units(self) -> int:
        """The number of units that have the same value on every sample."""
        return int(np.count_nonzero(self.unit_squares(self.scatter) == 0))


@dataclass(frozen=True, eq=False)
class Factorisation(Moments):
    """Moments with the thin singular value decomposition X = U S Vᵀ of the centred X, without U.

    `basis` is V (m, rank) along the axes, `singular_values` is S (rank,), in descending order;
    components under the relative cut-off are absent. A constant representation has rank 0.
    """

    basis: np.ndarray
    singular_values: np.ndarray

    @property
    def rank(self) -> int:
        """The number of components kept."""
        return self.singular_values.shape[0]

    @property
    def effective_rank(self) -> float:
        """The exponential of the entropy of the singular values as shares, in [1, rank].

        0 for rank 0. Roy and Vetterli, "The effective rank: a measure of effective dimensionality",
        EUSIPCO 2007.
        """
        if self.rank == 0:
            return 0.0
        shares = self.singular_values / self.singular_values.sum()
        return float(np.exp(-np.sum(shares * np.log(shares))))


def row_chunks(n: int, chunk: int = ROWS_PER_CHUNK) -> Iterator[slice]:
    """The slices that cover n rows in order, `chunk` rows each but for the last."""
    if chunk < 1:
        raise ValueError(f"a chunk has at least 1 row, not {chunk}")
    for start in range(0, n, chunk):
        yield slice(start, min(start + chunk, n))


def weighted_class_means(x: Rows, moments: Frame, labels: np.ndarray) -> np.ndarray:
    """Each class's mean about the mean of all rows, times √(its samples): (K, m), float64.

    The product of two of them is what classes alone contribute to Σ x yᵀ. `labels` (n,) count from 0.
    """
    sizes = np.bincount(labels)
    sums = np.zeros((len(sizes), moments.size))
    for chunk in row_chunks(x.shape[0]):
        members = np.arange(len(sizes))[:, None] == labels[chunk]
        sums += members.astype(np.float64) @ moments.coordinates(x[chunk])
    return sums / np.sqrt(np.maximum(sizes, 1))[:, None]


def mean_of(x: Rows, chunk: int = ROWS_PER_CHUNK) -> np.ndarray:
    """The mean (d,), float64, of the rows of `x` (n, d).

    Raises ValueError if `x` is not two-dimensional, has fewer than two rows or holds a value that
    is not finite.
    """
    n, width = _checked_shape(x)
    # Sums are taken of differences from the first row: they are exactly zero for a unit that never
    # changes, which makes its scatter exactly zero too.
    origin = x[0:1][0].astype(np.float64)
    shift = np.zeros(width)
    with np.errstate(invalid="ignore"):
        for rows in row_chunks(n, chunk):
            shift += np.subtract(x[rows], origin, dtype=np.float64).sum(axis=0)
    mean = origin + shift / n
    if not np.isfinite(mean).all():
        units = np.count_nonzero(~np.isfinite(mean))
        raise ValueError(f"{units} of {width} units have values that are not finite")
    return mean


def moments(x: Rows, chunk: int = ROWS_PER_CHUNK) -> Moments:
    """The moments of `x` (n, d), in two passes over its rows: the frame, then the products.

    Centring before accumulating keeps the digits that XᵀX − n·mean·meanᵀ loses when means are
    large. Raises ValueError where `mean_of` does.
    """
    frame, n = Frame.of(x, chunk), x.shape[0]
    scatter = np.zeros((frame.size, frame.size))
    squared_norms = np.empty(n)
    for rows in row_chunks(n, chunk):
        centred = frame.coordinates(x[rows])
        scatter += centred.T @ centred
        squared_norms[rows] = np.einsum("ij,ij->i", centred, centred)
    return Moments(frame.mean, frame.axes, n, scatter, squared_norms)


class Components(NamedTuple):
    """V (d, rank) and S (rank,), descending, of X = U S Vᵀ; those under the cut-off are absent."""

    basis: np.ndarray
    singular_values: np.ndarray

    @property
    def rank(self) -> int:
        """The number of components kept."""
        return self.singular_values.shape[0]


def principal_components(scatter: np.ndarray, cutoff: float = CUTOFF) -> Components:
    """The eigenvectors of XᵀX whose eigenvalue exceeds `cutoff` times the largest, and its roots."""
    eigenvalues, vectors = np.linalg.eigh(scatter)
    kept = eigenvalues > max(cutoff * eigenvalues[-1], 0.0)
    return Components(
        np.ascontiguousarray(vectors[:, kept][:, ::-1]), np.sqrt(eigenvalues[kept][::-1])
    )


def diagonalise(given: Moments, cutoff: float = CUTOFF) -> Factorisation:
    """Add the `principal_components` of the scatter."""
    return Factorisation(
        given.mean,
        given.axes,
        given.n,
        given.scatter,
        given.squared_norms,
        *principal_components(given.scatter, cutoff),
    )


def factorise(x: Rows, chunk: int = ROWS_PER_CHUNK, cutoff: float = CUTOFF) -> Factorisation:
    """`moments` of `x` (n, d) and their `diagonalise`d scatter."""
    return diagonalise(moments(x, chunk), cutoff)


def cross_covariance(
    x_a: Rows, a: Frame, x_b: Rows, b: Frame, chunk: int = ROWS_PER_CHUNK
) -> np.ndarray:
    """C = X_aᵀ X_b (m_a, m_b), float64, of two representations of the same samples in one order.

    `a` and `b` are their frames. Not divided by n. Raises ValueError if the numbers of rows differ.
    """
    n, _ = _checked_shape(x_a)
    n_b, _ = _checked_shape(x_b)
    if n != n_b:
        raise ValueError(f"representations of the same samples are needed, not of {n} and {n_b}")
    cross = np.zeros((a.size, b.size))
    for rows in row_chunks(n, chunk):
        cross += a.coordinates(x_a[rows]).T @ b.coordinates(x_b[rows])
    return cross


def _checked_shape(x: Rows) -> tuple[int, int]:
    if len(x.shape) != 2:
        raise ValueError(f"a representation has the shape (samples, units), not {tuple(x.shape)}")
    n, width = x.shape
    if n < 2 or width < 1:
        raise ValueError(
            f"a representation has at least 2 samples and 1 unit, not the shape {n, width}"
        )
    return n, width
