"""Pairs of representations with common directions, and the maps between them."""

import numpy as np

from repcompare.maps.families import FAMILIES, AffineMap, fit_maps
from repcompare.representations.moments import cross_covariance, factorise


def related(n: int = 90, width_a: int = 6, width_b: int = 4, seed: int = 0, noise: float = 1.0):
    """Two representations with three common directions, the same ones for every seed."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 3))
    mixing = np.random.default_rng(99)
    x, y = (
        common @ mixing.standard_normal((3, width)) + noise * rng.standard_normal((n, width)) + 2
        for width in (width_a, width_b)
    )
    return x, y


def fitted(x, y, families=tuple(FAMILIES)) -> dict[str, AffineMap]:
    """The map of each family from x to y."""
    a, b = factorise(x), factorise(y)
    return fit_maps(a, b, cross_covariance(x, a, y, b), families, x, y)
