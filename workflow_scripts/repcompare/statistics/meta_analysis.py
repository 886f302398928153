"""One effect of several studies: pooled as if it were one, and as if it varied between them.

Each study has an estimate and a standard error, which itself is an estimate: from few architectures,
with few degrees of freedom.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import chdtrc, stdtrit

from repcompare.statistics.jackknife import CONFIDENCE


class Pooled(NamedTuple):
    """A pooled effect, its 95 % interval, and the degrees of freedom of its Student's t."""

    effect: float
    low: float
    high: float
    df: float

    @classmethod
    def of(cls, effect: float, error: float, df: float) -> "Pooled":
        """With Student's t; without an interval below one degree of freedom."""
        half = stdtrit(df, (1 + CONFIDENCE) / 2) * error if df > 0 else np.nan
        return cls(float(effect), float(effect - half), float(effect + half), float(df))


class Synthesis(NamedTuple):
    """What k studies say together.

    Attributes:
        fixed: the effect, if it is one for all studies.
        random: the mean of the effects, if they vary between studies.
        weights: (k,) what share of `random` each study is.
        q: Cochran's Q (1954, doi:10.2307/3001666), of k − 1 degrees of freedom.
        p: of the effects being one, by χ²; NaN of one study.
        i2: the share of Q beyond what the errors explain, 0 to 1 (Higgins & Thompson 2002,
            doi:10.1002/sim.1186); NaN of one study.
        tau: the standard deviation of the effects between studies; NaN of one study.
    """

    fixed: Pooled
    random: Pooled
    weights: np.ndarray
    q: float
    p: float
    i2: float
    tau: float


def synthesis(effects: ArrayLike, errors: ArrayLike, df: ArrayLike) -> Synthesis:
    """Pool one effect of k independent studies.

    The fixed effect weighs by 1 / error². That errors are estimates adds to its variance (Meier 1953,
    doi:10.2307/3001633), and Student's t has Satterthwaite's degrees of freedom. τ² is Paule &
    Mandel's (1982, doi:10.6028/jres.087.022), with which the interval of Hartung & Knapp (2001,
    doi:10.1002/sim.791) is Student's t of k − 1 degrees of freedom times 1 / √Σ weights. Where τ is
    0 theirs would be shorter than that, and is not let (Röver, Knapp & Friede 2015,
    doi:10.1186/s12874-015-0091-1).

    Args:
        effects: (k,).
        errors: (k,) their standard errors.
        df: (k,) the degrees of freedom of each error.

    Raises:
        ValueError: there is no study, a number is not finite, or an error or its degrees of freedom
            are not above 0.
    """
    y, error, own = (np.asarray(values, float) for values in (effects, errors, df))
    if not (
        len(y) and np.isfinite([y, error, own]).all() and (error > 0).all() and (own > 0).all()
    ):
        raise ValueError("a study needs an effect, and an error and degrees of freedom above 0")
    further = len(y) - 1
    fixed, share, variance = weighted(y, error**2)
    variance *= 1 + 4 * float((share * (1 - share) / own).sum())
    q = dispersion(0.0, y, error**2)
    squared = between(y, error**2)
    random, weights, of_random = weighted(y, error**2 + squared)
    return Synthesis(
        Pooled.of(fixed, np.sqrt(variance), 1 / float((share**2 / own).sum())),
        Pooled.of(random, np.sqrt(of_random), further),
        weights,
        q,
        float(chdtrc(further, q)) if further else np.nan,
        (max(0.0, 1 - further / q) if q else 0.0) if further else np.nan,
        np.sqrt(squared) if further else np.nan,
    )


def weighted(y: np.ndarray, variance: np.ndarray) -> tuple[float, np.ndarray, float]:
    """The mean weighted by 1 / variance, the share of each (k,), and the variance of the mean."""
    weights = 1 / variance
    share = weights / weights.sum()
    return float(share @ y), share, float(1 / weights.sum())


def dispersion(squared: float, y: np.ndarray, variance: np.ndarray) -> float:
    """Squared distances from the weighted mean in units of what is expected, if τ² is `squared`."""
    mean, _, _ = weighted(y, variance + squared)
    return float(((y - mean) ** 2 / (variance + squared)).sum())


def between(y: np.ndarray, variance: np.ndarray) -> float:
    """τ² with which the dispersion is what is expected, k − 1; 0 if it never exceeds that."""
    further = len(y) - 1
    if not further:
        return 0.0
    # With the effects' own variance for τ², the dispersion is below k − 1.
    most = float(y.var(ddof=1))

    def beyond(share: float) -> float:
        return dispersion(share * most, y, variance) - further

    return most * float(brentq(beyond, 0.0, 1.0)) if beyond(0.0) > 0 else 0.0
