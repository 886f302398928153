"""The page that joins studies: one HTML file that needs nothing beside itself."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure as Drawing

from repcompare.combine.joined import QUANTITIES
from repcompare.figures.forest import forest
from repcompare.figures.style import save
from repcompare.findings.rules import RULES, SUPPORTED
from repcompare.report.columns import MISSING, Column, Table, table
from repcompare.report.html import environment, policy
from repcompare.report.page import PAGE, Figure, inlined
from repcompare.report.verdicts import CHOICES, p_text
from repcompare.vocabulary import FINDINGS

# How the effect of each finding is written.
NUMBERS = {
    "linear": Column("", "", "number", 3),
    "retraining": Column("", "", "number", 3, signed=True),
    "exception": Column("", "", "number", 3, signed=True),
    "transfer": Column("", "", "number", 2, signed=True),
}
NAMES = {
    "linear": "Linear maps",
    "retraining": "Retraining",
    "exception": "An exception",
    "transfer": "Adversarial transfer",
}
EFFECTS = {name: quantity.label for name, quantity in QUANTITIES.items()}
EFFECTS["exception"] = "largest δ less the others'"


class Pooling(NamedTuple):
    """The pooled effects of a finding: their table, what is said of them, and the forest plot.

    `rules` is what the plot adds to the page's style.
    """

    table: Table
    said: str
    figure: Markup
    title: str
    rules: str


class Finding(NamedTuple):
    """One finding in all studies; `pooling` is None where nothing is pooled.

    `verdicts` are those of the studies in their order, `not_pooled` names studies with the reason.
    """

    id: str
    name: str
    claim: str
    verdicts: list[str]
    supported: int
    table: Table
    caption: str
    not_pooled: list[tuple[str, str]]
    pooling: Pooling | None


def render_page(
    rows: pd.DataFrame, pooled: pd.DataFrame, shared: Mapping[tuple[str, ...], Sequence[str]]
) -> str:
    """The page as HTML.

    Args:
        rows: combined.csv.
        pooled: pooled.csv.
        shared: see `joined.shared_architectures`.
    """
    said = [
        told(name, rows[rows["finding"] == name], pooled[pooled["finding"] == name])
        for name in FINDINGS
    ]
    style = (PAGE / "page.css").read_text(encoding="utf-8")
    style += "".join(one.pooling.rules for one in said if one.pooling)
    return (
        environment(Path(__file__).parent)
        .get_template("combined.html.j2")
        .render(
            policy=policy(style),
            style=Markup(style),
            studies=list(rows["study"].unique()),
            findings=said,
            shared=shared,
        )
    )


def told(name: str, rows: pd.DataFrame, pooled: pd.DataFrame) -> Finding:
    """One finding, from its rows of combined.csv, and that of pooled.csv if there is one."""
    shown = rows.assign(
        interval=[interval(name, row.estimate_low, row.estimate_high) for row in rows.itertuples()],
        # In a column of p the letter and the sign of equality say nothing.
        p=[p_text(p)[2:].removeprefix("=\u00a0") for p in rows["p"]],
        left_out=of_cases(rows["left_out_agree"], rows["left_out_of"]),
        specifications=of_cases(rows["specifications_agree"], rows["specifications_of"]),
        architectures=rows["resamples"].where(rows["resamples"] > 0),
    )
    ends = "simultaneous 95\u00a0% bounds" if name == "exception" else "95\u00a0% interval"
    columns = [
        Column("study", "study"),
        Column("verdict", "verdict"),
        replace(NUMBERS[name], key="estimate", label=EFFECTS[name]),
        Column("interval", ends),
        Column("p", "p"),
        Column("left_out", "same without one architecture"),
        Column("specifications", f"same by other {CHOICES[name]}"),
        Column("architectures", "architectures", "count"),
    ]
    if name == "exception":
        columns.insert(2, Column("architecture", "architecture"))
    if len(pooled):
        columns.append(Column("weight", "weight, %", "percent", 0))
    left = rows[rows["not_pooled"] != ""] if name in QUANTITIES else rows[:0]
    return Finding(
        name,
        NAMES[name],
        RULES[name].claim,
        list(rows["verdict"]),
        int((rows["verdict"] == SUPPORTED).sum()),
        table(shown, columns),
        f"{NAMES[name]}, by study",
        list(zip(left["study"], left["not_pooled"], strict=True)),
        pooling(name, rows, pooled.iloc[0]) if len(pooled) else None,
    )


def pooling(name: str, rows: pd.DataFrame, pooled: pd.Series) -> Pooling:
    """The pooled effects of one finding, from its rows of combined.csv and that of pooled.csv."""
    both = pd.DataFrame(
        {
            "name": ["fixed effect", "random effects"],
            "effect": [pooled["fixed"], pooled["random"]],
            "low": [pooled["fixed_low"], pooled["random_low"]],
            "high": [pooled["fixed_high"], pooled["random_high"]],
            "df": [pooled["fixed_df"], pooled["random_df"]],
            "weight": [math.nan, math.nan],
        }
    )
    drawn = rows.loc[rows["weight"].notna(), ["study", "estimate", "weight"]]
    drawn = drawn.rename(columns={"study": "name", "estimate": "effect"}).assign(
        low=rows["estimate_low"], high=rows["estimate_high"]
    )
    drawn = pd.concat([drawn, both], ignore_index=True)
    number = NUMBERS[name]
    drawn["interval"] = [interval(name, row.low, row.high) for row in drawn.itertuples()]
    drawn["text"] = [f"{number.show(row.effect)}  ({row.interval})" for row in drawn.itertuples()]
    title = f"The effect in every study, and pooled: {EFFECTS[name]}"
    svg = svg_of(forest(drawn, EFFECTS[name], QUANTITIES[name].reference))
    figures, rules = inlined({name: Figure(svg, title, "")})
    columns = [
        Column("name", "pooled as"),
        replace(number, key="effect", label=EFFECTS[name]),
        Column("interval", "95\u00a0% interval"),
        Column("df", "degrees of freedom", "number", 1),
    ]
    return Pooling(
        table(drawn[drawn["weight"].isna()], columns),
        heterogeneity(name, pooled),
        figures[name]["svg"],
        title,
        rules,
    )


def heterogeneity(name: str, pooled: pd.Series) -> str:
    """How much the effects differ between studies, in a sentence; and what two of them can tell."""
    on_scale = " (of −log(1 − R²))" if name == "linear" else ""
    further = pooled["studies"] - 1
    wide = (
        " Of two studies the interval by random effects has 1 degree of freedom, and reaches 12.7 "
        "standard errors to each side: it is wide, as two effects tell hardly anything of how "
        "effects vary."
    )
    return (
        f"Cochran's Q = {pooled['q']:.2f} on {further} degree{'' if further == 1 else 's'} of "
        f"freedom, {p_text(pooled['q_p'])}; I² = {100 * pooled['i2']:.0f}\u00a0%; "
        f"τ = {pooled['tau']:.3f}{on_scale}.{wide if further == 1 else ''}"
    )


def interval(name: str, low: float, high: float) -> str:
    """An interval of the effect of a finding as text."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return MISSING
    return f"{NUMBERS[name].show(low)} to {NUMBERS[name].show(high)}"


def of_cases(agree: pd.Series, cases: pd.Series) -> list[str]:
    """`4 of 5`, or a dash where there are no cases."""
    return [f"{a} of {b}" if b else MISSING for a, b in zip(agree, cases, strict=True)]


def svg_of(figure: Drawing) -> str:
    """A figure as the text of an SVG document."""
    with TemporaryDirectory() as folder:
        svg = Path(folder, "forest.svg")
        save(figure, svg, svg.with_suffix(".png"))
        return svg.read_text(encoding="utf-8")
