"""A verdict on each of the four findings, by a rule that is fixed before any number is seen.

Every rule reads what rows of findings.csv found and what they lack, never their notes. It marks
the row that decides, and says in its note why a finding is inconclusive.
"""

from typing import Any

import numpy as np

from repcompare.findings.rows import Row
from repcompare.findings.rules import (
    CONTRADICTED,
    FEWEST_SEEDS,
    INCONCLUSIVE,
    MOST_OF_THE_VARIANCE,
    NEGLIGIBLE,
    NOT_ASKED,
    SUPPORTED,
)
from repcompare.findings.transfer import PERMUTED, RESAMPLED
from repcompare.statistics.permutations import LEVEL
from repcompare.vocabulary import FAMILY, MEASURE, WITHIN_CLASSES, Need, preferred

# What an architecture must show, beside the plain Δ, to be an exception, and how a note says it.
ROBUST = {
    "accuracy_adjusted": "given the accuracies",
    "width_matched": "against architectures of its width alone",
    "model_effects_removed": "with what each model brings to all of its pairs removed",
}
BY_CLASS_RESIDUALS = "by CKA within classes"


def linear_verdict(rows: list[Row]) -> list[Row]:
    """Finding 1: the rows of `findings.linear.linear_rows`, the deciding one marked."""
    family = preferred((row.measure for row in rows), FAMILY)
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
    if below := [row.version for row in conditions if row.below]:
        verdict, note = CONTRADICTED, f"below what it must exceed: {', '.join(below)}"
    elif failed:
        verdict, note = (
            INCONCLUSIVE,
            f"interval includes what must be exceeded: {', '.join(failed)}",
        )
    return marked(rows, decided, verdict, note, p=max(row.p for row in conditions))


def geometry_verdicts(
    retraining: list[Row], exception: list[Row], deviations: dict[str, float]
) -> tuple[list[Row], list[Row]]:
    """Findings 2 and 3: the rows of `retraining.geometry_rows`, the deciding ones marked.

    `deviations` has the standard deviation over pairs of different architectures by measure.
    """
    if not retraining:
        reason = "no pair of models with a similarity"
        return [nothing("retraining", reason)], [nothing("exception", reason)]
    measure = preferred((row.measure for row in retraining), MEASURE)
    negligible = NEGLIGIBLE * deviations[measure]
    of_measure = [row for row in exception if row.measure == measure]
    judged = [row for row in of_measure if row.version == "plain" and not row.lacks]
    unlike = [row for row in judged if row.high < negligible]
    alike = [row for row in judged if survives(row) and row not in unlike]
    mean = next(row for row in retraining if row.measure == measure and row.version == "plain")
    lacks, why = lacking(mean, negligible, len(judged))
    rest = next(row for row in retraining if row.measure == measure and row.version == "rest")
    verdict = INCONCLUSIVE
    if not lacks and (len(alike) > len(judged) / 2 or rest.low > negligible):
        verdict = CONTRADICTED
    elif not lacks and not rest.high >= negligible:
        verdict = SUPPORTED
    counts = f"{len(alike)} of {len(judged)} architectures are more similar to themselves"
    if np.isfinite(rest.effect):
        counts += (
            f", the mean Δ of the rest is {rest.effect:.4f}, interval {rest.low:.4f} to "
            f"{rest.high:.4f}, where up to {negligible:.4f} is negligible"
        )
    marked_mean = marked(retraining, mean, verdict, why if lacks else counts, lacks=lacks)
    return marked_mean, exception_verdict(exception, measure, judged, alike, unlike, lacks, why)


def lacking(mean: Row, negligible: float, judged: int) -> tuple[str, str]:
    """What findings 2 and 3 lack to be judged, and a note; empty if nothing."""
    if mean.lacks:
        return mean.lacks, mean.note
    if not np.isfinite(negligible):
        return Need.VALUE, "too few pairs to judge Δ by"
    if judged < 2:
        return Need.SEEDS, f"needs 2 architectures with {FEWEST_SEEDS} seeds, there is {judged}"
    return "", ""


def exception_verdict(
    rows: list[Row],
    measure: str,
    judged: list[Row],
    alike: list[Row],
    unlike: list[Row],
    lacks: str,
    why: str,
) -> list[Row]:
    """Finding 3, given how every judged architecture fares."""
    plain = [row for row in rows if row.measure == measure and row.version == "plain"]
    failures = {row.architecture: failed_versions(rows, row, measure) for row in alike}
    qualified = [row for row in alike if not failures[row.architecture]]
    candidates = qualified or alike or judged or plain
    decided = max(candidates, key=lambda row: row.effect if np.isfinite(row.effect) else -np.inf)
    if lacks:
        return marked(rows, decided, INCONCLUSIVE, why, lacks=lacks)
    if qualified:
        names = ", ".join(row.architecture for row in qualified)
        note = f"{len(qualified)} of {len(judged)} architectures qualify: {names}"
        if len(qualified) > len(judged) / 2:
            note += "; that is most of them, so they are no exception"
        if all(row.measure != WITHIN_CLASSES for row in rows):
            note += "; CKA within classes has no value, and was not asked"
        return marked(rows, decided, SUPPORTED, note)
    if len(unlike) == len(judged):
        return marked(rows, decided, CONTRADICTED, "no architecture is more similar to itself")
    if alike:
        name = decided.architecture
        note = f"{name} is not shown to be more similar to itself {', nor '.join(failures[name])}"
    else:
        note = "no Δ is above 0 beyond chance, and not all are negligible"
    return marked(rows, decided, INCONCLUSIVE, note)


def failed_versions(rows: list[Row], row: Row, measure: str) -> list[str]:
    """The further versions in which an architecture's Δ does not survive, in words."""
    failed = []
    for other in rows:
        if other.architecture != row.architecture:
            continue
        asked = other.measure == measure and other.version in ROBUST
        asked |= other.measure == WITHIN_CLASSES and other.version == "plain"
        # An architecture that has none of its own width is not asked to be matched.
        unasked = other.version == "width_matched" and not np.isfinite(other.effect)
        if asked and not unasked and not survives(other):
            text = ROBUST[other.version] if other.measure == measure else BY_CLASS_RESIDUALS
            failed.append(f"{text} ({other.note})" if other.lacks else text)
    return failed


def survives(row: Row) -> bool:
    """Whether a Δ is above 0 beyond chance."""
    return row.effect > 0 and row.p <= LEVEL


def transfer_verdict(rows: list[Row]) -> list[Row]:
    """Finding 4: the rows of `findings.transfer.transfer_rows`, the deciding one marked.

    That is the one with the interval; it gets the p of the permutations of architectures.
    """
    if not rows:
        return [nothing("transfer", "no pair of models with a similarity and a transfer rate")]
    measure = preferred((row.measure for row in rows), MEASURE)
    own = {row.version: row for row in rows if row.measure == measure}
    permuted, decided = own[PERMUTED], own[RESAMPLED]
    if lacks := permuted.lacks:
        return marked(rows, decided, INCONCLUSIVE, permuted.note, p=permuted.p, lacks=lacks)
    basis = f"tested by {permuted.resamples} permutations of whole architectures"
    if decided.lacks:
        return marked(rows, decided, INCONCLUSIVE, basis, p=permuted.p)
    verdict = INCONCLUSIVE
    if permuted.p > LEVEL:
        basis += f": p above {LEVEL:g}"
    elif not (decided.above or decided.below):
        basis += "; the interval over models and images includes 0"
    else:
        verdict = SUPPORTED if decided.above else CONTRADICTED
    return marked(rows, decided, verdict, basis, p=permuted.p)


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
