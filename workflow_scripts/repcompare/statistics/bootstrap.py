"""Intervals by resampling models and images at once (the pigeonhole bootstrap).

Owen 2007, doi:10.1214/07-AOAS122: rows and columns of a matrix are resampled, not its cells. It
never understates the variance of a statistic of pairs, and overstates the part that belongs to the
single pair, at most three times (Owen & Eckles 2012, doi:10.1214/12-AOAS547).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from repcompare.statistics.jackknife import CONFIDENCE
from repcompare.statistics.mrqap import ROUNDING

# Resampled studies in which so few pairs are left that nothing can be computed are left out; above
# this share of them there is no interval.
MOST_EMPTY = 0.2

# The distance between the quartiles of a normal distribution, in standard deviations.
NORMAL_QUARTILES = 1.349


def model_weights(architecture: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each model is in each resampled study, (B, M).

    Architectures are drawn with replacement, each with all its seeds: models of one architecture
    are no independent draws. `architecture` (M,) counts from 0.
    """
    count = architecture.max() + 1
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    return drawn[:, architecture].astype(np.float64)


def image_weights(images: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each image is in each resampled study, (B, images) float32."""
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples).astype(np.float32)


def weighted_slopes(
    x: np.ndarray, y: np.ndarray, used: np.ndarray, term: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """β of y_ij = source_i + target_j + β x_ij + γ term_ij in resampled studies, (B,).

    Copies of one model share its effects; pairs of two copies of one model are not pairs. NaN where
    nothing of x is left.

    Args:
        x, y: (B, M, M); read only where `used`.
        used: bool (M, M), without the diagonal.
        term: (M, M).
        weights: (B, M).
    """
    count, size = weights.shape
    both = weights[:, :, None] * weights[:, None, :] * used
    third = both * term
    normal = np.zeros((count, 2 * size + 1, 2 * size + 1))
    places = np.arange(size)
    normal[:, places, places] = both.sum(axis=2)
    normal[:, size + places, size + places] = both.sum(axis=1)
    normal[:, :size, size:-1] = both
    normal[:, :size, -1] = third.sum(axis=2)
    normal[:, size:-1, -1] = third.sum(axis=1)
    normal[:, -1, -1] = (third * term).sum(axis=(1, 2))
    normal = np.maximum(normal, normal.transpose(0, 2, 1))
    # Effects are defined up to what the others can take over; this picks one solution and leaves
    # residuals as they are to nine digits.
    scale = normal[:, places, places].mean(axis=1)
    normal[:, np.arange(2 * size + 1), np.arange(2 * size + 1)] += 1e-10 * scale[:, None] + 1e-300
    residuals, values = [], []
    for matrix in (x, y):
        # Centred first, so that little of the level is left to solve for.
        filled = np.where(used, matrix, 0.0)
        total = both.sum(axis=(1, 2))
        level = (both * filled).sum(axis=(1, 2)) / np.maximum(total, 1)
        filled = np.where(used, filled - level[:, None, None], 0.0)
        weighted = both * filled
        moments = np.concatenate(
            [
                weighted.sum(axis=2),
                weighted.sum(axis=1),
                (weighted * term).sum(axis=(1, 2))[:, None],
            ],
            axis=1,
        )
        effects = np.linalg.solve(normal, moments[:, :, None])[:, :, 0]
        fitted = effects[:, :size, None] + effects[:, None, size:-1]
        residuals.append(filled - fitted - effects[:, -1, None, None] * term)
        values.append((both * filled**2).sum(axis=(1, 2)))
    squares = (both * residuals[0] ** 2).sum(axis=(1, 2))
    products = (both * residuals[0] * residuals[1]).sum(axis=(1, 2))
    defined = squares > ROUNDING * values[0]
    return np.divide(products, squares, out=np.full(count, np.nan), where=defined)


class Interval(NamedTuple):
    """An interval of `CONFIDENCE` and the p of the hypothesis that the estimated value is 0."""

    low: float
    high: float
    p: float


def interval(estimate: float, replicates: np.ndarray, architectures: int) -> Interval:
    """Student's t about an estimate, from its replicates (B,).

    So many architectures were resampled: `architectures` − 1 degrees of freedom, and a standard
    deviation larger by √(A / (A − 1)), as resampling A clusters gives one too small by that. It is
    read off the quartiles, for the few resampled studies of two architectures alone are far off. NaN
    with fewer than 3 architectures, or if over `MOST_EMPTY` of the replicates are.
    """
    finite = replicates[np.isfinite(replicates)]
    if architectures < 3 or len(finite) < (1 - MOST_EMPTY) * len(replicates):
        return Interval(np.nan, np.nan, np.nan)
    free = architectures - 1
    quartiles = np.quantile(finite, [0.25, 0.75])
    error = (quartiles[1] - quartiles[0]) / NORMAL_QUARTILES * np.sqrt(architectures / free)
    half = stdtrit(free, (1 + CONFIDENCE) / 2) * error
    p = 2 * stdtr(free, -abs(estimate) / error) if error > 0 else np.nan
    return Interval(float(estimate - half), float(estimate + half), float(p))
