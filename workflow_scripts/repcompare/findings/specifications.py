"""How each verdict fares by other choices than those that were fixed beforehand, and without an architecture.

A specification curve (Simonsohn, Simmons & Nelson 2020, doi:10.1038/s41562-020-0912-z): every
measure of geometry or family of maps, strength of the attack and denominator of its rate, by the
same rule.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from repcompare.findings.linear import linear_rows
from repcompare.findings.model_matrices import Models, alone, by_measure, pair_logits
from repcompare.findings.retraining import excess_rows, margin
from repcompare.findings.rows import Row
from repcompare.findings.rules import NOT_ASKED, SUPPORTED
from repcompare.findings.transfer import (
    Similarity,
    deciding_slopes,
    mean_row,
    similarities_of,
)
from repcompare.findings.verdicts import geometry_verdicts, linear_verdict, transfer_verdict
from repcompare.statistics.dyadic import slopes_without_each
from repcompare.transfer.reference import Strength, reference_attack
from repcompare.vocabulary import DENOMINATORS, PRIMARY, WITHIN_CLASSES


class Counts(NamedTuple):
    """In how many of how many cases a verdict is the same: `…_of` cases, `…_agree` of them."""

    left_out_agree: int = 0
    left_out_of: int = 0
    specifications_agree: int = 0
    specifications_of: int = 0


class Specification(NamedTuple):
    """One row of specifications.csv: the choices, and what the rule says by them.

    `decides` is of the choices that were fixed beforehand. `left_out` names the architecture without
    which they are taken. `architecture` is the exception's.
    """

    finding: str
    measure: str
    norm: str
    epsilon_label: str
    denominator: str
    left_out: str
    decides: bool
    verdict: str
    architecture: str
    effect: float
    low: float
    high: float
    p: float
    per_sd: float
    per_sd_error: float
    lacks: str
    note: str

    @classmethod
    def of(cls, row: Row, *, decides: bool = False, left_out: str = "") -> "Specification":
        """From the row that decides by these choices."""
        return cls(
            **{name: getattr(row, name) for name in cls._fields if name in Row._fields},
            norm="",
            epsilon_label="",
            denominator="",
            left_out=left_out,
            decides=decides,
        )

    def at(self, strength: Strength | None, denominator: str) -> "Specification":
        """With the strength of the attack and the denominator that it is read at."""
        if strength is None:
            return self
        return self._replace(
            norm=strength.norm, epsilon_label=strength.epsilon_label, denominator=denominator
        )


def specifications_table(
    tables: Mapping[str, pd.DataFrame], families: Mapping[str, str], decided: Mapping[str, Row]
) -> pd.DataFrame:
    """specifications.csv; `decided` has the row that decides each finding.

    Arguments else as for `findings.table.findings_tables`.
    """
    models = Models.of(tables["models"], families)
    rows: list[Specification] = []
    asked = {name: row for name, row in decided.items() if row.verdict != NOT_ASKED}
    if "linear" in asked:
        rows += of_maps(models, tables["maps"], tables["controls"], asked["linear"].measure)
    if "retraining" in asked:
        rows += of_geometry(models, tables["geometry"], asked["retraining"].measure)
    if "transfer" in asked and len(tables["geometry"]):
        rows += of_transfer(models, tables, asked["transfer"].measure)
    return pd.DataFrame(rows, columns=Specification._fields)


def of_maps(
    models: Models, maps: pd.DataFrame, controls: pd.DataFrame, family: str
) -> Iterator[Specification]:
    """Finding 1 by every family of maps, and by the deciding one without each architecture."""
    own = maps["family"] == family, controls["family"] == family
    found = linear_rows(models, maps, controls)
    for name in maps["family"].unique():
        yield Specification.of(linear_verdict(found, name)[0], decides=name == family)
    for place, out in enumerate(models.architectures):
        kept = models.without(models.architecture == place)
        left = [maps[own[0] & ~maps[ends_of(maps)].eq(out).any(axis=1)], controls[own[1]]]
        yield Specification.of(linear_verdict(linear_rows(kept, *left), family)[0], left_out=out)


def ends_of(table: pd.DataFrame) -> list[str]:
    """The columns that name the architectures of a row."""
    return [name for name in table.columns if name.endswith("_architecture")]


def of_geometry(models: Models, geometry: pd.DataFrame, measure: str) -> Iterator[Specification]:
    """Findings 2 and 3 by every measure, and by the deciding one without each architecture."""
    matrices = by_measure(models, geometry)
    for name in matrices:
        for row in by_excess(models, matrices, name):
            yield Specification.of(row, decides=name == measure)
    for place, out in enumerate(models.architectures):
        others = models.architecture != place
        kept = {name: x[np.ix_(others, others)] for name, x in matrices.items()}
        for row in by_excess(models.without(~others), kept, measure):
            yield Specification.of(row, left_out=out)


def by_excess(models: Models, matrices: Mapping[str, np.ndarray], measure: str) -> list[Row]:
    """The rows that decide findings 2 and 3 by one measure."""
    means, each, margins = [], [], {}
    for name in dict.fromkeys((measure, WITHIN_CLASSES)):
        if name not in matrices:
            continue
        dropped = alone([matrices[name]])
        kept, x = models.without(dropped), matrices[name][np.ix_(~dropped, ~dropped)]
        if not len(kept):
            continue
        margins[name] = margin(kept, x)
        mean, rows = excess_rows(kept, x, name)
        means.append(mean)
        each += rows
    if measure not in margins:
        means, each = [], []
    retraining, exception = geometry_verdicts(means, each, margins, measure)
    return [row._replace(measure=measure) for row in (retraining[0], exception[0])]


def of_transfer(
    models: Models, tables: Mapping[str, pd.DataFrame], measure: str
) -> Iterator[Specification]:
    """Finding 4 by every measure, strength of PGD and denominator, and without each architecture."""
    transfer, similar = tables["transfer"], similarities_of(models, tables["geometry"])
    reference = reference_attack(transfer)
    rates = [
        (strength, denominator)
        for strength in strengths(transfer)
        for denominator in DENOMINATORS
        if (transfer["denominator"] == denominator).any()
    ]
    logits = [pair_logits(models, transfer, *rate) for rate in rates]
    slopes = deciding_slopes(models, similar, logits)
    for each, of_measure in zip(similar, slopes, strict=True):
        for (strength, denominator), slope in zip(rates, of_measure, strict=True):
            row = mean_row(models, "over_architectures", each, slope, slope.corrected)
            decides = (each.measure, strength, denominator) == (measure, reference, PRIMARY)
            found = Specification.of(transfer_verdict([row])[0], decides=decides)
            yield found.at(strength, denominator)
    if reference is None:
        return
    y = pair_logits(models, transfer, reference)
    own = next(each for each in similar if each.measure == measure)
    left_out = slopes_without_each(own.value, y, own.error, models.architecture, models.kinds)
    for place, (out, slope) in enumerate(zip(models.architectures, left_out, strict=True)):
        others = models.architecture != place
        kept = np.ix_(others, others)
        alike = Similarity(measure, own.value[kept], own.error[kept])
        left = models.without(~others)
        row = mean_row(left, "over_architectures", alike, slope, slope.corrected)
        found = Specification.of(transfer_verdict([row])[0], left_out=out)
        yield found.at(reference, PRIMARY)


def strengths(transfer: pd.DataFrame) -> list[Strength]:
    """The strengths of PGD in transfer.csv, weakest first in each norm."""
    found = transfer.loc[transfer["attack"] == "pgd", list(Strength._fields)].drop_duplicates()
    found = found.sort_values(["norm", "epsilon"])
    return [
        Strength(str(norm), float(epsilon), str(label)) for norm, epsilon, label in found.values
    ]


def agreement(specifications: pd.DataFrame) -> dict[str, Counts]:
    """For each finding, in how many cases the verdict is that of the deciding choices.

    A supported exception is the same only where it is of the same architecture.
    """
    found = {}
    for finding, rows in specifications.groupby("finding", sort=False):
        if not rows["decides"].any():
            continue
        decided = rows[rows["decides"]].iloc[0]
        same = rows["verdict"] == decided["verdict"]
        if decided["verdict"] == SUPPORTED:
            same &= rows["architecture"] == decided["architecture"]
        without = rows["left_out"] != ""
        others = ~without & ~rows["decides"]
        found[finding] = Counts(
            int(same[without].sum()), int(without.sum()), int(same[others].sum()), int(others.sum())
        )
    return found
