"""Matrices summed over the samples of each group: kept where they are small, else summed again.

Sixteen matrices of a layer of 2,048 units take half a gigabyte, the rows that they are sums over a
sixth of that. So those of wide layers are summed when they are asked for, from rows in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.linalg

from repcompare.representations.moments import Frame, Rows, row_chunks
from repcompare.statistics.jackknife import GROUPS

# The most bytes that the matrices of all groups may take to be kept: those of 724 units and less.
MOST_BYTES = 64 * 2**20


class GroupMatrices:
    """One matrix of `shape` for each group, float64: those `kept`, or else what `of_group` gives."""

    def __init__(
        self,
        shape: tuple[int, int],
        of_group: Callable[[int], np.ndarray],
        kept: Sequence[np.ndarray] | np.ndarray | None = None,
    ):
        self.shape = (GROUPS, *shape)
        self._of_group, self._kept = of_group, kept

    def __getitem__(self, group: int) -> np.ndarray:
        return self._of_group(group) if self._kept is None else self._kept[group]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[group] for group in range(GROUPS))

    @property
    def transposed(self) -> GroupMatrices:
        """The matrices transposed."""
        kept = None if self._kept is None else [each.T for each in self._kept]
        return GroupMatrices(self.shape[:0:-1], lambda group: self._of_group(group).T, kept)


def are_kept(shape: tuple[int, int]) -> bool:
    """Whether matrices of a shape are small enough to be kept for every group."""
    return GROUPS * math.prod(shape) * 8 <= MOST_BYTES


def scatter_of(rows: Rows, frame: Frame) -> Callable[[int], np.ndarray]:
    """What gives Σxxᵀ (m, m) of the rows of a group, in a frame."""

    def of_group(group: int) -> np.ndarray:
        x = frame.coordinates(rows[group::GROUPS])
        return x.T @ x

    return of_group


def held(rows: Rows) -> Rows:
    """Rows (n, d) in memory, where they are an array or as small as matrices that are kept."""
    if isinstance(rows, np.ndarray):
        return rows
    n, width = rows.shape
    return in_memory(rows) if n * width * 8 <= MOST_BYTES else rows


def in_memory(rows: Rows) -> np.ndarray:
    """The rows (n, d) as they are if they are an array, else read a chunk at a time."""
    if isinstance(rows, np.ndarray):
        return rows
    read = np.empty(rows.shape, rows[0:1].dtype)
    for chunk in row_chunks(len(read)):
        read[chunk] = rows[chunk]
    return read


def selected_sum(total: np.ndarray, parts: GroupMatrices, kept: np.ndarray) -> np.ndarray:
    """The sum of the `parts` of the groups that are `kept` (G,), a new array; `total` if all are.

    What is left out is subtracted where that is less work.
    """
    subtracted = 2 * np.count_nonzero(kept) > len(kept)
    groups = np.flatnonzero(kept != subtracted)
    chosen = sum((parts[g] for g in groups[1:]), parts[groups[0]]) if len(groups) else 0.0
    return total - chosen if subtracted else chosen + np.zeros_like(total)


def about_means(total: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Σxyᵀ − abᵀ (m_a, m_b), in place of the total where that is possible."""
    return scipy.linalg.blas.dger(-1.0, b, a, a=total.T, overwrite_a=1).T
