"""Association of two values of ordered pairs, given an effect of every source and every target."""

import numpy as np
import pandas as pd


def rank_correlation(x: pd.Series, y: pd.Series) -> float:
    """Spearman's correlation, ties at their mean rank; NaN if either is constant or n < 3."""
    if len(x) < 3:
        return np.nan
    return correlation(x.rank().to_numpy(), y.rank().to_numpy())


def partial_association(pairs: pd.DataFrame) -> tuple[float, float]:
    """Correlation and slope of `logit` on `value` given source and target effects.

    By the Frisch–Waugh theorem the slope is β of logit = source + target + β·value. NaN with
    fewer than three degrees of freedom or if nothing varies within sources and targets.
    """
    x, y, free = without_node_effects(pairs)
    if free < 4 or not x.any():
        return np.nan, np.nan
    return correlation(x, y), float(x @ y / (x @ x))


def without_node_effects(pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, int]:
    """`value` and `logit` less their additive least-squares fits source_i + target_j.

    `pairs`: n rows of `joined` of one measure. Returns both residuals, (n,) each, and the
    degrees of freedom left. Residuals at the level of rounding are exact zeros.
    """
    values = pairs[["value", "logit"]].to_numpy(float)
    if not len(values):
        return values[:, 0], values[:, 1], 0
    rows, row_names = pd.factorize(pairs["source"])
    columns, column_names = pd.factorize(pairs["target"])
    # The normal equations of the dummy variables are (S+T)², however many pairs there are.
    counts = np.zeros((len(row_names), len(column_names)))
    np.add.at(counts, (rows, columns), 1.0)
    normal = np.block([[np.diag(counts.sum(1)), counts], [counts.T, np.diag(counts.sum(0))]])
    centred = values - values.mean(0)
    totals = np.zeros((len(normal), 2))
    np.add.at(totals, rows, centred)
    np.add.at(totals, len(row_names) + columns, centred)
    effects, _, rank, _ = np.linalg.lstsq(normal, totals, rcond=1e-10)
    residuals = centred - effects[rows] - effects[len(row_names) + columns]
    rounding = 1e-9 * np.abs(values).max(0)
    residuals[:, np.abs(residuals).max(0) <= rounding] = 0.0
    return residuals[:, 0], residuals[:, 1], len(values) - int(rank)


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; NaN if either is constant."""
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else np.nan
