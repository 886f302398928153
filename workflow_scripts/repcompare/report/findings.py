"""The four findings as the page tells them: the question, the numbers that bear on it, a table."""

import math
from dataclasses import dataclass

import pandas as pd

from repcompare.findings import descriptive
from repcompare.report.columns import MISSING, Column, Table, table
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import CONTROLS, label_of, preferred


@dataclass(frozen=True)
class Number:
    """One number that bears on a finding: what it is, its value, and its range or basis."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True)
class Finding:
    """One finding; `missing` says what the study lacks to bear on it, or is empty."""

    id: str
    name: str
    question: str
    numbers: list[Number]
    table: Table
    caption: str
    figure: str
    missing: str = ""


def linear(maps: pd.DataFrame, controls: pd.DataFrame) -> Finding:
    """Finding 1, from maps.csv and controls.csv."""
    numbers = descriptive.linear_numbers(maps)
    family = preferred(maps["family"], "least_squares")
    cross = numbers[(numbers["family"] == family) & ~numbers["same_architecture"].astype(bool)]
    shown, missing = [], "This study has no pair of different architectures."
    if len(cross):
        row, missing = cross.iloc[0], ""
        shown = [
            Number(
                "held-out R², median",
                number(row["r2_test_median"]),
                f"{spread(row['r2_test_min'], row['r2_test_max'])} over {row['pairs']} ordered "
                f"pairs of different architectures; floor {number(row['r2_floor_median'])}, of the "
                f"classes alone {number(row['r2_class_floor_median'])}",
            ),
            *stitched_numbers(row),
            *control_numbers(controls, family),
        ]
    kinds = {True: "same", False: "different"}
    rows = numbers.assign(
        family=numbers["family"].map(label_of),
        kind=numbers["same_architecture"].map(kinds),
    )
    columns = [
        Column("family", "map"),
        Column("kind", "architectures"),
        Column("pairs", "ordered pairs", "count"),
        Column("r2_test_median", "held-out R², median", "number"),
        Column("r2_test_min", "min", "number"),
        Column("r2_test_max", "max", "number"),
        Column("r2_floor_median", "floor", "number"),
        Column("r2_class_floor_median", "classes alone", "number"),
        Column("recovered_accuracy_median", "recovered accuracy, median %", "percent", 1),
        Column("recovered_accuracy_min", "min %", "percent", 1),
        Column("agreement_median", "agreement, median %", "percent", 1),
    ]
    return Finding(
        "linear",
        "Linear maps",
        "Are the hidden representations of networks of different architecture, trained on one "
        "task, related by linear maps?",
        shown,
        table(rows, columns),
        "Linear maps by family and kind of pair",
        "maps_by_family",
        missing,
    )


def stitched_numbers(row: pd.Series) -> list[Number]:
    """What a target's classifier makes of the mapped source; nothing where no target has one."""
    if not math.isfinite(row["agreement_median"]):
        return []
    ends = row["recovered_accuracy_min"], row["recovered_accuracy_max"]
    same = row["agreement_min"], row["agreement_max"]
    return [
        Number(
            "recovered accuracy, median",
            number(row["recovered_accuracy_median"], 1, percent=True),
            f"{spread(*ends, 1, percent=True)}; 0 % is chance, 100 % the target's own accuracy",
        ),
        Number(
            "agreement with the target, median",
            number(row["agreement_median"], 1, percent=True),
            f"{spread(*same, 1, percent=True)} of test images given the same class",
        ),
    ]


def control_numbers(controls: pd.DataFrame, family: str) -> list[Number]:
    """What maps of one family from the controls reach: the same scores, of nothing learnt."""
    medians = controls[controls["family"] == family].groupby("control")[
        ["r2_test", "recovered_accuracy"]
    ]
    return [
        Number(
            f"control: from {CONTROLS[control]}, R²",
            number(row["r2_test"]),
            f"median; recovered accuracy {number(row['recovered_accuracy'], 1, percent=True)}",
        )
        for control, row in medians.median().iterrows()
    ]


def retraining(geometry: pd.DataFrame) -> Finding:
    """Finding 2, from geometry.csv."""
    numbers = descriptive.retraining_numbers(geometry)
    measure = preferred(geometry["measure"], "cka_debiased")
    chosen = numbers[numbers["measure"] == measure]
    shown, missing = [], lacking(geometry)
    if len(chosen) and not missing:
        row, name = chosen.iloc[0], label_of(measure)
        above = (numbers["difference"] > 0).sum()
        shown = [
            Number(
                f"{name}, same minus different architecture",
                number(row["difference"], 3, signed=True),
                f"{number(row['mean_same'], 3)} over {row['pairs_same']} pairs of one "
                f"architecture, {number(row['mean_cross'], 3)} over {row['pairs_cross']} pairs "
                "of different ones",
            ),
            Number(
                "architectures more similar to themselves",
                f"{row['above']} of {row['architectures']}",
                f"by {name}; differences from {number(row['difference_min'], 3, signed=True)} "
                f"to {number(row['difference_max'], 3, signed=True)}",
            ),
            Number(
                "measures with a positive difference",
                f"{above} of {len(numbers)}",
                "mean over all pairs of the study",
            ),
        ]
    rows = numbers.assign(
        measure=numbers["measure"].map(label_of),
        count=numbers["above"].astype(str) + " of " + numbers["architectures"].astype(str),
    )
    columns = [
        Column("measure", "measure"),
        Column("pairs_same", "pairs, same", "count"),
        Column("pairs_cross", "pairs, different", "count"),
        Column("mean_same", "mean, same", "number"),
        Column("mean_cross", "mean, different", "number"),
        Column("difference", "difference", "number", 3, signed=True),
        Column("difference_min", "lowest", "number", 3, signed=True),
        Column("difference_max", "highest", "number", 3, signed=True),
        Column("count", "architectures above 0"),
    ]
    return Finding(
        "retraining",
        "Retraining",
        "Does training one architecture again, from another initialisation, give a geometry more "
        "similar than another architecture does?",
        shown,
        table(rows, columns),
        "Similarity of pairs of one architecture and of different ones",
        "same_and_cross_architecture",
        missing,
    )


def exception(geometry: pd.DataFrame) -> Finding:
    """Finding 3, from geometry.csv."""
    numbers = descriptive.exception_numbers(geometry)
    shown, missing = [], lacking(geometry)
    if not missing:
        row = numbers.iloc[0]
        rest = numbers["standardised"].iloc[1:].dropna()
        others = (
            f"the others {spread(rest.min(), rest.max(), 1)}" if len(rest) else "no other has seeds"
        )
        shown = [
            Number(
                "most similar to itself across seeds",
                row["architecture"],
                f"{row['pairs_same']} pairs of its own",
            ),
            Number(
                "its same − different similarity, in SD",
                number(row["standardised"], 1, signed=True),
                "of the pairs of different architectures, mean over the measures; " + others,
            ),
            Number(
                "measures where its pairs stand apart",
                f"{row['separated']} of {row['measures']}",
                "its least similar pair of seeds above its most similar pair with another "
                "architecture",
            ),
        ]
    rows = numbers.assign(
        above=numbers["above"].astype(str) + " of " + numbers["measures"].astype(str)
    )
    columns = [
        Column("architecture", "architecture"),
        Column("pairs_same", "pairs of its own", "count"),
        Column("standardised", "mean difference, SD", "number", 2, signed=True),
        *(
            Column(measure, f"{label_of(measure)}, SD", "number", 2, signed=True)
            for measure in geometry["measure"].unique()
        ),
        Column("above", "measures above 0"),
        Column("separated", "measures apart", "count"),
    ]
    return Finding(
        "exception",
        "Exception",
        "Is there an architecture that does learn a consistently similar geometry from every "
        "initialisation?",
        shown,
        table(rows, columns),
        "Similarity of each architecture to itself, less that to the others",
        "same_and_cross_architecture",
        missing,
    )


def lacking(geometry: pd.DataFrame) -> str:
    """What the study lacks to set same-architecture against cross-architecture pairs."""
    same = geometry["architecture_a"] == geometry["architecture_b"]
    if geometry.empty:
        return "This study has one model only: there is no pair."
    if not same.any():
        return "Every architecture has one seed: there is no pair of one architecture."
    return (
        "This study has one architecture: there is no other to compare with." if same.all() else ""
    )


def transfer(
    geometry: pd.DataFrame, rates: pd.DataFrame, attack: Strength | None, strength: str
) -> Finding:
    """Finding 4, from geometry.csv and transfer.csv; `strength` is the attack's in words."""
    question = "Do pairs with more similar geometry show higher adversarial transfer?"
    columns = [
        Column("measure", "measure"),
        Column("n", "ordered pairs", "count"),
        Column("spearman", "Spearman", "number", 2, signed=True),
        Column("partial", "partial", "number", 2, signed=True),
        Column("slope", "slope, logits", "number", 1, signed=True),
        Column("partial_cross", "partial, different", "number", 2, signed=True),
        Column("partial_same", "partial, same", "number", 2, signed=True),
    ]
    shown, missing = [], "This study has no pair with both a similarity and a transfer rate."
    rows = pd.DataFrame(columns=[column.key for column in columns])
    if attack is not None and len(geometry):
        numbers = descriptive.transfer_numbers(geometry, rates, attack)
        rows = numbers[numbers["pairs"] == "all"].set_index("measure")
        for kind in ("cross", "same"):
            of_kind = numbers[numbers["pairs"] == kind].set_index("measure")
            rows[f"partial_{kind}"] = of_kind["partial"]
        measure = preferred(geometry["measure"], "cka_debiased")
        row, name, missing = rows.loc[measure], label_of(measure), ""
        defined = rows["partial"].dropna()
        shown = [
            Number(
                f"{name}, Spearman with transfer",
                number(row["spearman"], signed=True),
                f"over {row['n']:.0f} ordered pairs, PGD at {strength}",
            ),
            Number(
                f"{name}, partial correlation",
                number(row["partial"], signed=True),
                "once source and target effects are removed; among pairs of different "
                f"architectures alone {number(row['partial_cross'], signed=True)}",
            ),
            Number(
                "partial correlation over the measures",
                f"{number(defined.min(), signed=True)} to {number(defined.max(), signed=True)}"
                if len(defined)
                else MISSING,
                f"positive for {(defined > 0).sum()} of {len(rows)} measures",
            ),
        ]
        rows = rows.reset_index()
        rows["measure"] = rows["measure"].map(label_of)
    return Finding(
        "transfer",
        "Transfer",
        question,
        shown,
        table(rows, columns),
        "Association of similarity with transfer; a dash where source and target effects already "
        "account for the similarity of so few pairs",
        "geometry_against_transfer",
        missing,
    )


def number(value: float, digits: int = 2, *, percent: bool = False, signed: bool = False) -> str:
    """A number as text, a dash if it is undefined."""
    unit = "\u00a0%" if percent and math.isfinite(value) else ""
    form = Column("", "", "percent" if percent else "number", digits, signed)
    return form.show(float(value)) + unit


def spread(low: float, high: float, digits: int = 2, *, percent: bool = False) -> str:
    """A range as text."""
    return f"{number(low, digits, percent=percent)} to {number(high, digits, percent=percent)}"
