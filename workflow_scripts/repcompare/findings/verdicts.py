"""A verdict on each of the four findings, by a rule that is fixed before any number is seen.

Every rule reads what rows of findings.csv found and what they lack, never their notes. It marks
the row that decides, and says in its note why a finding is inconclusive.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from repcompare.findings.rows import Row
from repcompare.findings.rules import (
    CONTRADICTED,
    INCONCLUSIVE,
    MOST_OF_THE_VARIANCE,
    NOT_ASKED,
    SUPPORTED,
)
from repcompare.statistics.permutations import LEVEL
from repcompare.vocabulary import CONTROLS, FAMILY, MEASURE, WITHIN_CLASSES, Need, preferred

# Endings of the versions that hold a map against one from what has learnt nothing, or from the labels.
REFERENCES = tuple(f"_above_{name}" for name in (*CONTROLS, "classes"))

# The versions that decide findings 2 and 4, and 3.
GENERAL, CONTRAST = "over_architectures", "contrast"

# What an architecture that stands out must show beside, by the version and whether it is of the
# deciding measure, and how a note says it.
CONDITIONS = {
    ("contrast_accuracy_adjusted", True): "given the accuracies",
    ("own_pairs", True): "by the similarity of its own pairs to that of the others' own",
}
BY_CLASS_RESIDUALS = "by CKA within classes"


def linear_verdict(rows: list[Row], family: str = "") -> list[Row]:
    """Finding 1: the rows of `findings.linear.linear_rows`, the deciding one marked.

    Of the `family` of maps that is named beforehand, unless another is given.
    """
    family = family or preferred((row.measure for row in rows), FAMILY)
    own = [row for row in rows if row.measure == family]
    if not own:
        return [nothing("linear", "no pair of models")]
    decided = next(row for row in own if row.version == "r2")
    level = decided._replace(
        low=decided.low - MOST_OF_THE_VARIANCE, high=decided.high - MOST_OF_THE_VARIANCE
    )
    conditions = [level, *(row for row in own if "_above_" in row.version)]
    if silent := next((row for row in conditions if row.lacks), None):
        note = silent.note if silent is level else f"{silent.version}: {silent.note}"
        return marked(rows, decided, INCONCLUSIVE, note, p=np.nan, lacks=silent.lacks)
    failed = [row.version for row in conditions if not row.above]
    verdict, note = SUPPORTED, ""
    # What a control reaches, too, tells nothing either way.
    claims = [row for row in conditions if not row.version.endswith(REFERENCES)]
    if below := [row.version for row in claims if row.below]:
        verdict, note = CONTRADICTED, f"below what it must exceed: {', '.join(below)}"
    elif failed:
        verdict, note = (
            INCONCLUSIVE,
            f"interval includes what must be exceeded: {', '.join(failed)}",
        )
    rows = marked(rows, decided, verdict, note, p=max(row.p for row in conditions))
    return [rows[0].noted(f"p is the largest of {len(conditions)} comparisons"), *rows[1:]]


def geometry_verdicts(
    retraining: list[Row], exception: list[Row], margins: Mapping[str, float], measure: str = ""
) -> tuple[list[Row], list[Row]]:
    """Findings 2 and 3: the rows of `retraining.geometry_rows`, the deciding ones marked.

    `margins` has what counts as negligible, by measure. Of the measure that is named beforehand,
    unless another is given.
    """
    if not retraining:
        reason = "no pair of models with a similarity"
        return [nothing("retraining", reason)], [nothing("exception", reason)]
    measure = measure or preferred((row.measure for row in retraining), MEASURE)
    decided = next(row for row in retraining if (row.version, row.measure) == (GENERAL, measure))
    verdict, bound = INCONCLUSIVE, margins[measure]
    if not decided.lacks:
        if decided.high < bound:
            verdict = SUPPORTED
        elif decided.low > bound:
            verdict = CONTRADICTED
    marked_mean = marked(retraining, decided, verdict)
    return marked_mean, exception_verdict(exception, measure, bound)


def exception_verdict(rows: list[Row], measure: str, bound: float) -> list[Row]:
    """Finding 3: does an architecture stand out, and remain so by every other condition?"""
    contrasts = [row for row in rows if (row.version, row.measure) == (CONTRAST, measure)]
    judged = [row for row in contrasts if not row.lacks]
    candidates = judged or contrasts
    largest = max(candidates, key=lambda row: row.effect if np.isfinite(row.effect) else -np.inf)
    if not judged:
        return marked(rows, largest, INCONCLUSIVE)
    if not survives(largest):
        if all(row.high < bound for row in judged):
            note = f"none can exceed the others by more than the margin, {bound:.4f}"
            return marked(rows, largest, CONTRADICTED, note)
        return marked(rows, largest, INCONCLUSIVE, "no architecture stands out beyond chance")
    failed = failed_versions(rows, largest, measure)
    if failed:
        name = largest.architecture
        note = f"{name} stands out, but not {', nor '.join(failed)}"
        return marked(rows, largest, INCONCLUSIVE, note)
    note = f"{largest.architecture} stands out among {len(judged)} architectures"
    if all(row.measure != WITHIN_CLASSES for row in rows):
        note += "; CKA within classes has no value, and was not asked"
    return marked(rows, largest, SUPPORTED, note)


def failed_versions(rows: list[Row], row: Row, measure: str) -> list[str]:
    """The further conditions that an architecture that stands out does not meet, in words."""
    failed = []
    for other in rows:
        if other.architecture != row.architecture:
            continue
        text = CONDITIONS.get((other.version, other.measure == measure), "")
        if other.version == CONTRAST and other.measure == WITHIN_CLASSES != measure:
            text = BY_CLASS_RESIDUALS
        met = other.effect > 0 if other.version == "own_pairs" else survives(other)
        if text and not met:
            failed.append(f"{text} ({other.note})" if other.lacks else text)
    return failed


def survives(row: Row) -> bool:
    """Whether a Δ is above 0 beyond chance."""
    return row.effect > 0 and row.p <= LEVEL


def transfer_verdict(rows: list[Row]) -> list[Row]:
    """Finding 4: the rows of `findings.transfer.transfer_rows`, the deciding one marked."""
    if not rows:
        return [nothing("transfer", "no pair of models with a similarity and a transfer rate")]
    measure = preferred((row.measure for row in rows), MEASURE)
    decided = next(row for row in rows if (row.version, row.measure) == (GENERAL, measure))
    verdict = INCONCLUSIVE
    if not decided.lacks:
        verdict = SUPPORTED if decided.above else CONTRADICTED if decided.below else INCONCLUSIVE
    return marked(rows, decided, verdict)


def marked(
    rows: list[Row], decided: Row, verdict: str, note: str = "", **changes: Any
) -> list[Row]:
    """The rows with the verdict in the one that decides, which comes first."""
    others = [row for row in rows if row is not decided]
    return [decided._replace(verdict=verdict, **changes).noted(note), *others]


def nothing(finding: str, reason: str) -> Row:
    """The row of a finding on which the study has no pair."""
    return Row(finding, "", "", verdict=INCONCLUSIVE, lacks=Need.VALUE, note=reason)


def not_asked(finding: str, sections: list[str]) -> Row:
    """The row of a finding that needs sections of the config that are null."""
    is_null = "is null" if len(sections) == 1 else "are null"
    note = f"{' and '.join(sections)} {is_null} in the config"
    return Row(finding, "", "", verdict=NOT_ASKED, lacks=Need.SECTION, note=note)
