"""Association of two values of ordered pairs, given an effect of every source and every target."""

import functools

import numpy as np
import pandas as pd

from repcompare.statistics.mrqap import FEWEST_FREE
from repcompare.statistics.pair_design import PairDesign


def rank_correlation(x: pd.Series, y: pd.Series) -> float:
    """Spearman's correlation, ties at their mean rank; NaN if either is constant or n < 3."""
    if len(x) < 3:
        return np.nan
    return correlation(x.rank().to_numpy(), y.rank().to_numpy())


def partial_association(pairs: pd.DataFrame) -> tuple[float, float]:
    """Correlation and slope of `logit` on `value` given source and target effects.

    By the Frisch–Waugh theorem the slope is β of logit = source + target + β·value: that of
    `mrqap.mrqap` without further terms, undefined where that is.
    """
    x, y, free = without_node_effects(pairs)
    if free < FEWEST_FREE or not x.any():
        return np.nan, np.nan
    return correlation(x, y), float(x @ y / (x @ x))


def without_node_effects(pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, int]:
    """`value` and `logit` less their additive least-squares fits source_i + target_j.

    `pairs`: n rows with `source`, `target` and the two. Returns both residuals, (n,) each, and the
    degrees of freedom left. Residuals at the level of rounding are exact zeros.
    """
    ends = pd.concat([pairs["source"], pairs["target"]])
    places, names = pd.factorize(ends)
    design = _design(places.astype(np.int64).tobytes(), len(names))
    similarity, logit = (design.left_of(pairs[name].to_numpy(float)) for name in ("value", "logit"))
    return similarity, logit, design.free


@functools.lru_cache(maxsize=3)
def _design(places: bytes, models: int) -> PairDesign:
    """The design of pairs by the places of all sources, then all targets.

    Measures that have the same pairs share it: it takes longer than all the rest.
    """
    sources, targets = np.frombuffer(places, np.int64).reshape(2, -1)
    return PairDesign.between(sources, targets, models)


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; NaN if either is constant."""
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else np.nan
