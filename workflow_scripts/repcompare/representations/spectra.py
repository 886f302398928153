"""Singular values and vectors from the eigenvalues of MMᵀ, three to six times as fast as from M.

Squaring loses half of the digits of what is small: in double precision a singular value below 1e-8 of
the largest is lost in rounding, in single precision one below 1e-4. The precision is that of M.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg


class Singular(NamedTuple):
    """M = U S Vᵀ: `left` (p, r), `values` (r,), about descending, `right` (q, r), r the least of p, q.

    A column of a singular value that is exactly 0 may be 0 itself.
    """

    left: np.ndarray
    values: np.ndarray
    right: np.ndarray


def squared(matrix: np.ndarray) -> np.ndarray:
    """The smaller of MMᵀ and MᵀM, for M (p, q)."""
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    return short @ short.T


def eigenvectors(symmetric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (m,), descending, and eigenvectors (m, m) of a matrix, which is overwritten."""
    # Divide and conquer, which NumPy has in double precision alone.
    values, vectors = scipy.linalg.eigh(
        symmetric, driver="evd", overwrite_a=True, check_finite=False
    )
    return values[::-1], vectors[:, ::-1]


def singular_values(matrix: np.ndarray) -> np.ndarray:
    """Those of M (p, q), descending."""
    values = scipy.linalg.eigh(
        squared(matrix), eigvals_only=True, driver="evd", overwrite_a=True, check_finite=False
    )
    return np.sqrt(np.maximum(values, 0))[::-1]


def singular_vectors(matrix: np.ndarray) -> Singular:
    """Those of M (p, q) with its values."""
    if matrix.shape[0] > matrix.shape[1]:
        return Singular(*singular_vectors(matrix.T)[::-1])
    _, left = eigenvectors(squared(matrix))
    right = matrix.T @ left
    values = np.linalg.norm(right, axis=0)
    right /= np.where(values > 0, values, 1)
    return Singular(left, values, right)
