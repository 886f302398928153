"""Layers of more units than images, written along fewer axes: flattened feature maps.

n centred rows of d units span n − 1 dimensions at most. Along any axes that span them, every product
of two rows is what it was, and so is all that does not change with a rotation.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Coordinates(NamedTuple):
    """Rows about their mean along n − 1 axes, float64 (n, n − 1), and the units that never vary."""

    rows: np.ndarray
    dead_units: int


def coordinates(blocks: Iterable[np.ndarray], n: int) -> Coordinates:
    """The coordinates of n rows that are given by blocks of their units, (n, k) each, n at least 2.

    What is kept is the triangular factor R of Xᵀ = QR alone, updated block by block (Golub and Van
    Loan 2013, section 6.5): no product of X with itself is made, which would lose half of the digits,
    and memory does not grow with the number of units.
    """
    factor: np.ndarray = np.zeros((0, n - 1))
    dead = 0
    for block in blocks:
        centred = np.subtract(block, block.mean(axis=0, dtype=np.float64), dtype=np.float64)
        dead += int((~centred.any(axis=0)).sum())
        # The last row is what the others lack to sum to zero.
        factor = np.asarray(np.linalg.qr(np.vstack([factor, centred[:-1].T]), mode="r"))
    rows = np.zeros((n, n - 1))
    rows[:-1, : len(factor)] = factor.T
    rows[-1] = -rows.sum(axis=0)
    return Coordinates(rows, dead)
