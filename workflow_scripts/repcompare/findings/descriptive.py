"""The numbers that bear on each of the four findings, computed from the study's tables.

Numbers only: pairs share models, so the usual tests and intervals do not apply to them, and those
that do are in `findings.table`.
"""

import numpy as np
import pandas as pd

from repcompare.statistics.node_effects import (
    partial_association,
    rank_correlation,
    without_node_effects,
)
from repcompare.tables.directions import mirrored
from repcompare.transfer.rates import empirical_logit
from repcompare.transfer.reference import Strength, rates_at

LINEAR_SCORES = (
    "r2_test",
    "r2_floor",
    "r2_class_floor",
    "stitched_accuracy",
    "recovered_accuracy",
    "agreement",
)


def linear_numbers(maps: pd.DataFrame) -> pd.DataFrame:
    """Finding 1: how well one linear map carries one representation to another.

    `maps` is maps.csv. One row a map family × kind of pair (`same_architecture`) with the number
    of ordered pairs and, for each of `LINEAR_SCORES`, its median, minimum and maximum.
    """
    table = maps[maps["source"] != maps["target"]]
    same = table["source_architecture"] == table["target_architecture"]
    grouped = table.assign(same_architecture=same).groupby(
        ["family", "same_architecture"], sort=False
    )
    columns = {"pairs": grouped.size()}
    for score in LINEAR_SCORES:
        columns[f"{score}_median"] = grouped[score].median()
        columns[f"{score}_min"] = grouped[score].min()
        columns[f"{score}_max"] = grouped[score].max()
    numbers = pd.DataFrame(columns).reset_index()
    # Families in the table's order, and in each the pairs that the finding is about first.
    order = {family: place for place, family in enumerate(maps["family"].unique())}
    return numbers.sort_values(
        ["family", "same_architecture"], key=lambda column: column.map(lambda v: order.get(v, v))
    ).reset_index(drop=True)


def same_and_cross(geometry: pd.DataFrame) -> pd.DataFrame:
    """Similarity of each architecture's models to one another and to all other models.

    `geometry` as `tables.geometry.similarities` reads it. One row a measure × architecture:
    `pairs_same`, `pairs_cross`, `mean_same`, `mean_cross`, `min_same`, `max_cross`, `difference`
    (mean_same − mean_cross) and `standardised`, the difference in standard deviations of the
    measure over every cross-architecture pair of the study. NaN where there is no such pair.
    """
    rows = []
    for measure in geometry["measure"].unique():
        of_measure = geometry[geometry["measure"] == measure]
        same = of_measure["architecture_a"] == of_measure["architecture_b"]
        deviation = of_measure.loc[~same, "value"].std()
        names = pd.unique(of_measure[["architecture_a", "architecture_b"]].to_numpy().ravel())
        for architecture in sorted(names):
            involved = of_measure[["architecture_a", "architecture_b"]].eq(architecture).any(axis=1)
            inner = of_measure.loc[involved & same, "value"].dropna()
            outer = of_measure.loc[involved & ~same, "value"].dropna()
            difference = inner.mean() - outer.mean()
            rows.append(
                {
                    "measure": measure,
                    "architecture": architecture,
                    "pairs_same": len(inner),
                    "pairs_cross": len(outer),
                    "mean_same": inner.mean(),
                    "mean_cross": outer.mean(),
                    "min_same": inner.min(),
                    "max_cross": outer.max(),
                    "difference": difference,
                    "standardised": difference / deviation if deviation > 0 else np.nan,
                }
            )
    columns = ["measure", "architecture", "pairs_same", "pairs_cross", "mean_same", "mean_cross"]
    columns += ["min_same", "max_cross", "difference", "standardised"]
    return pd.DataFrame(rows, columns=columns)


def retraining_numbers(geometry: pd.DataFrame) -> pd.DataFrame:
    """Finding 2: is a retrained architecture more similar than another architecture?

    One row a measure: `pairs_same` and `pairs_cross` in the study, `mean_same`, `mean_cross`
    (over all pairs of the kind), `difference`, the smallest and largest difference of an
    architecture, and in how many of how many `architectures` it is `above` zero.
    """
    same = geometry["architecture_a"] == geometry["architecture_b"]
    by_architecture = same_and_cross(geometry)
    rows = []
    for measure, numbers in by_architecture.groupby("measure", sort=False):
        values = geometry.loc[geometry["measure"] == measure, "value"].dropna()
        inner, outer = values[same[values.index]], values[~same[values.index]]
        differences = numbers["difference"].dropna()
        rows.append(
            {
                "measure": measure,
                "pairs_same": len(inner),
                "pairs_cross": len(outer),
                "mean_same": inner.mean(),
                "mean_cross": outer.mean(),
                "difference": inner.mean() - outer.mean(),
                "difference_min": differences.min(),
                "difference_max": differences.max(),
                "above": int((differences > 0).sum()),
                "architectures": len(differences),
            }
        )
    columns = ["measure", "pairs_same", "pairs_cross", "mean_same", "mean_cross", "difference"]
    columns += ["difference_min", "difference_max", "above", "architectures"]
    return pd.DataFrame(rows, columns=columns)


def exception_numbers(geometry: pd.DataFrame) -> pd.DataFrame:
    """Finding 3: does some architecture come out alike from every seed?

    One row an architecture, the most self-similar first: `pairs_same`, `measures` with a
    difference, in how many of them it is `above` zero, in how many `separated` (its least
    similar same-architecture pair exceeds its most similar cross-architecture pair), the mean of
    the `standardised` differences, and one column a measure with the standardised difference.
    """
    numbers = same_and_cross(geometry)
    wide = numbers.pivot(index="architecture", columns="measure", values="standardised")
    wide = wide[numbers["measure"].unique()]
    grouped = numbers.groupby("architecture")
    summary = pd.DataFrame(
        {
            "pairs_same": grouped["pairs_same"].max(),
            "measures": grouped["difference"].count(),
            "above": numbers["difference"].gt(0).groupby(numbers["architecture"]).sum(),
            "separated": (numbers["min_same"] > numbers["max_cross"])
            .groupby(numbers["architecture"])
            .sum(),
            "standardised": grouped["standardised"].mean(),
        }
    )
    table = summary.join(wide).reset_index()
    return table.sort_values("standardised", ascending=False, ignore_index=True)


def joined(geometry: pd.DataFrame, transfer: pd.DataFrame, attack: Strength) -> pd.DataFrame:
    """Similarity beside transfer: one row a measure × ordered pair that has both.

    Columns: measure, source, target, source_architecture, target_architecture,
    same_architecture, value, fooled, n, logit (empirical logit of the transfer rate,
    log((k + ½) / (n − k + ½)), finite at 0 and 100 %; Cox 1970).
    """
    rates = rates_at(transfer, attack)[["source", "target", "fooled", "n"]]
    columns = ["measure", "source", "target", "source_architecture", "target_architecture", "value"]
    table = mirrored(geometry)[columns].merge(rates, on=["source", "target"])
    table = table.dropna(subset=["value", "fooled"]).reset_index(drop=True)
    table["logit"] = empirical_logit(table["n"] * table["fooled"], table["n"])
    table["same_architecture"] = table["source_architecture"] == table["target_architecture"]
    return table


def transfer_numbers(
    geometry: pd.DataFrame, transfer: pd.DataFrame, attack: Strength
) -> pd.DataFrame:
    """Finding 4: do pairs with more similar geometry show higher transfer?

    One row a measure × `pairs` ("all", "cross", "same"): the number `n` of ordered pairs,
    `spearman` (raw), `partial` (correlation of similarity with the logit of transfer once what
    is common to each source and to each target has been removed from both) and `slope` (logits
    per unit of similarity in the same sense).
    """
    table = joined(geometry, transfer, attack)
    rows = []
    for measure in geometry["measure"].unique():
        pairs = table[table["measure"] == measure]
        same = pairs["same_architecture"]
        for kind, chosen in (("all", pairs), ("cross", pairs[~same]), ("same", pairs[same])):
            partial, slope = partial_association(chosen)
            rows.append(
                {
                    "measure": measure,
                    "pairs": kind,
                    "n": len(chosen),
                    "spearman": rank_correlation(chosen["value"], chosen["fooled"]),
                    "partial": partial,
                    "slope": slope,
                }
            )
    return pd.DataFrame(rows, columns=["measure", "pairs", "n", "spearman", "partial", "slope"])


def residuals(pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """What is left of similarity and of the logit of transfer once source and target are known.

    `pairs`: n rows of `joined` of one measure. Both (n,).
    """
    similarity, logit, _ = without_node_effects(pairs)
    return similarity, logit
