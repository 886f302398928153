"""The verdicts as the page tells them: claim, verdict, effect with interval, p, n, and the rule."""

import math
from dataclasses import dataclass

import pandas as pd

from repcompare.findings.rows import Row
from repcompare.findings.rules import RULES
from repcompare.report.columns import MISSING, Column
from repcompare.vocabulary import label_of


@dataclass(frozen=True)
class Verdict:
    """One finding's verdict in words; `figure` is the name of the figure that shows it."""

    id: str
    claim: str
    verdict: str
    effect: str
    basis: str
    stability: str
    note: str
    rule: str
    figure: str


def verdicts(findings: pd.DataFrame) -> list[Verdict]:
    """The verdicts of findings.csv, in its order."""
    decided = findings[findings["verdict"] != ""]
    return [
        Verdict(
            id=row.finding,
            claim=RULES[row.finding].claim,
            verdict=row.verdict,
            effect=effect(row),
            basis=basis(row),
            stability=stability(row),
            note=row.note,
            rule=RULES[row.finding].rule,
            figure=RULES[row.finding].figure,
        )
        for row in decided.itertuples()
    ]


def effect(row: Row) -> str:
    """What was estimated, with its interval."""
    if not math.isfinite(row.effect):
        return ""
    digits, signed = (1, True) if row.finding == "transfer" else (3, row.finding != "linear")
    form = Column("", "", "number", digits, signed)
    interval = MISSING
    if math.isfinite(row.low) and math.isfinite(row.high):
        interval = f"{form.show(row.low)} to {form.show(row.high)}"
    measure = label_of(row.measure)
    what = {
        "linear": f"Mean held-out R² of {label_of(row.measure)} maps",
        "retraining": f"Mean δ by {measure}",
        "exception": f"δ of {row.architecture} less the others' by {measure}",
        "transfer": f"β, logits of transfer per unit of {measure}",
    }
    per_sd = ""
    if math.isfinite(row.per_sd):
        per_sd = f"; {Column('', '', 'number', 2, True).show(row.per_sd)} per standard deviation"
    ends = "simultaneous 95\u00a0% bounds" if row.finding == "exception" else "95\u00a0% interval"
    return f"{what[row.finding]}: {form.show(row.effect)}, {ends} {interval}{per_sd}"


def basis(row: Row) -> str:
    """p, and what it is computed from."""
    if not row.n_pairs:
        return ""
    ordered = "ordered " if row.finding in ("linear", "transfer") else ""
    own = " of its own" if row.finding == "exception" else ""
    drawn = {
        "linear": f"{row.resamples} architectures left out in turn",
        "transfer": f"{row.resamples} architectures left out in turn",
        "retraining": f"{row.resamples} architectures left out in turn",
        "exception": f"{row.resamples} architectures",
    }
    return (
        f"{p_text(row.p)}; {row.n_pairs} {ordered}pair{'' if row.n_pairs == 1 else 's'}{own}, "
        f"{row.n_models} models; {drawn[row.finding]}"
    )


# What else might have been chosen for each finding.
CHOICES = {
    "linear": "families of maps",
    "retraining": "measures",
    "exception": "measures",
    "transfer": "measures, strengths and denominators",
}


def stability(row: Row) -> str:
    """In how many of how many cases the verdict is the same; nothing of one that was not asked."""
    told = []
    if row.left_out_of:
        told.append(f"without one architecture in {row.left_out_agree} of {row.left_out_of} cases")
    if row.specifications_of:
        told.append(
            f"by other {CHOICES[row.finding]} in {row.specifications_agree} of "
            f"{row.specifications_of}"
        )
    return f"The verdict is the same {', '.join(told)}" if told else ""


def p_text(p: float) -> str:
    """A p value as text, with two digits that count."""
    if not math.isfinite(p):
        return f"p {MISSING}"
    digits = min(4, max(2, 1 - math.floor(math.log10(p)))) if p > 0 else 4
    return "p\u00a0<\u00a00.0001" if p < 0.0001 else f"p\u00a0=\u00a0{p:.{digits}f}"
