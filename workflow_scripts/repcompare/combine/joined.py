"""The verdicts of several studies side by side, and the effects that can be pooled."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from repcompare.findings.rows import Row
from repcompare.findings.rules import MOST_OF_THE_VARIANCE, NOT_ASKED
from repcompare.statistics.jackknife import CONFIDENCE
from repcompare.statistics.meta_analysis import Synthesis, synthesis
from repcompare.storage.seals import DamagedError
from repcompare.tables.files import by_column, checked, read_table
from repcompare.tables.schema import TABLES
from repcompare.vocabulary import FAMILY, FINDINGS, MEASURE, label_of


class CombineError(ValueError):
    """Studies that cannot be joined; the message is one line."""


def same(values: np.ndarray) -> np.ndarray:
    """The scale of effects that are pooled as they are."""
    return values


def explained(values: np.ndarray) -> np.ndarray:
    """R² from −log(1 − R²)."""
    return -np.expm1(-values)


class Quantity(NamedTuple):
    """An effect that is the same quantity in every study.

    Attributes:
        label: what it is.
        measure: what it must be by: the choice that was fixed beforehand.
        reference: what it is compared with on the page.
        estimate: its value and standard error, of a row, on the scale on which it is pooled.
        shown: from that scale to that of the reader; it keeps the order.
    """

    label: str
    measure: str
    reference: float
    estimate: Callable[[Row], tuple[float, float]]
    shown: Callable[[np.ndarray], np.ndarray] = same


def unexplained(row: Row) -> tuple[float, float]:
    """−log(1 − R²) and its error, on which scale the interval of a mean R² is Student's t."""
    with np.errstate(divide="ignore"):
        value, low, high = -np.log1p(-np.array([row.effect, row.low, row.high]))
    return float(value), float(high - low) / 2 / student(row)


QUANTITIES = {
    "linear": Quantity("mean R²", FAMILY, MOST_OF_THE_VARIANCE, unexplained, explained),
    "retraining": Quantity("mean δ", MEASURE, 0.0, lambda row: (row.effect, row.error)),
    "transfer": Quantity(
        "β per SD of the similarity",
        MEASURE,
        0.0,
        lambda row: (row.per_sd, row.per_sd_error),
    ),
}


def student(row: Row) -> float:
    """How many standard errors the 95 % interval of a row reaches to each side."""
    return float(stdtrit(row.resamples - 1, (1 + CONFIDENCE) / 2))


def read_findings(path: Path) -> pd.DataFrame:
    """The findings.csv of a study.

    Raises:
        CombineError: it is not such a table, or has not one verdict on each finding.
    """
    try:
        table = read_table(path)
    except DamagedError as error:
        raise CombineError(str(error)) from error
    try:
        checked(TABLES["findings"], by_column(table))
    except ValueError as error:
        raise CombineError(
            f"{path}: {' '.join(str(error).split())}; not a findings.csv of this version of "
            "repcompare: call make run on its study again"
        ) from error
    verdicts = list(table.loc[table["verdict"] != "", "finding"])
    if sorted(verdicts) != sorted(FINDINGS):
        raise CombineError(
            f"{path}: verdicts on {', '.join(verdicts) or 'nothing'}; "
            f"needs one on each of {', '.join(FINDINGS)}"
        )
    return table


def combined(studies: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """combined.csv and pooled.csv.

    Args:
        studies: the findings.csv of each, by the study's name.
    """
    decided = [table[table["verdict"] != ""].assign(study=name) for name, table in studies.items()]
    rows = pd.concat(decided, ignore_index=True)
    estimates = np.array([estimate(row) for row in rows.itertuples()])
    rows[["estimate", "estimate_low", "estimate_high"]] = estimates
    rows["weight"] = np.nan
    rows["not_pooled"] = [why_not(row) for row in rows.itertuples()]
    pooled = []
    for finding, quantity in QUANTITIES.items():
        places = rows.index[(rows["finding"] == finding) & (rows["not_pooled"] == "")]
        if len(places) == 1:
            rows.loc[places, "not_pooled"] = "no other study has such an effect with an error"
        elif len(places):
            chosen = list(rows.loc[places].itertuples())
            effects, errors = np.array([quantity.estimate(row) for row in chosen]).T
            found = synthesis(effects, errors, [row.resamples - 1 for row in chosen])
            rows.loc[places, "weight"] = found.weights
            pooled.append(pooled_row(finding, found))
    return rows[TABLES["combined/combined"].names], pd.DataFrame(
        pooled, columns=TABLES["combined/pooled"].names
    )


def estimate(row: Row) -> tuple[float, float, float]:
    """The effect of a row as it is pooled, and its 95 % interval, as a reader is shown them."""
    if row.finding not in QUANTITIES:
        return row.effect, row.low, row.high
    quantity = QUANTITIES[row.finding]
    value, error = quantity.estimate(row)
    half = student(row) * error
    value, low, high = quantity.shown(np.array([value, value - half, value + half])).tolist()
    return value, low, high


def why_not(row: Row) -> str:
    """Why the effect of a row is not pooled; empty if it is."""
    if row.verdict == NOT_ASKED:
        return f"{row.verdict}: {row.note}"
    quantity = QUANTITIES.get(row.finding)
    if quantity is None:
        return "each study's effect is of an architecture of its own"
    if not np.isfinite(quantity.estimate(row)).all():
        return "no effect with an error" + (f": {row.note}" if row.note else "")
    if not quantity.estimate(row)[1] > 0:
        return "its error is 0"
    if row.measure != quantity.measure:
        return f"by {label_of(row.measure)}, not {label_of(quantity.measure)}"
    return ""


def pooled_row(finding: str, found: Synthesis) -> dict[str, str | float]:
    """The row of pooled.csv of one finding, effects as a reader is shown them."""
    row: dict[str, str | float] = {"finding": finding, "studies": len(found.weights)}
    for name, pooled in (("fixed", found.fixed), ("random", found.random)):
        ends = QUANTITIES[finding].shown(np.array(pooled[:3])).tolist()
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
        row[f"{name}_df"] = pooled.df
    return row | {"q": found.q, "q_p": found.p, "i2": found.i2, "tau": found.tau}


def shared_architectures(
    studies: Mapping[str, pd.DataFrame],
) -> dict[tuple[str, ...], list[str]]:
    """The names of architectures that several studies have, by those studies."""
    having: dict[str, tuple[str, ...]] = {}
    for study, table in studies.items():
        for name in sorted({*table["architecture"]} - {""}):
            having[name] = (*having.get(name, ()), study)
    found: dict[tuple[str, ...], list[str]] = {}
    for name, among in having.items():
        if len(among) > 1:
            found.setdefault(among, []).append(name)
    return found
