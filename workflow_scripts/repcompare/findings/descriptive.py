"""The numbers that bear on each of the four findings, computed from the study's tables.

Numbers only: pairs share models, so the usual tests and intervals do not apply to them, and those
that do are in `study_tests`.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from repcompare.vocabulary import PRIMARY

LINEAR_SCORES = ("r2_test", "r2_floor", "stitched_accuracy", "recovered_accuracy", "agreement")


class Attack(NamedTuple):
    """One strength of the attack: the norm of the bound and the bound, in [0, 1] pixel units."""

    norm: str
    epsilon: float
    epsilon_label: str


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

    `geometry` is geometry.csv. One row a measure × architecture: `pairs_same`, `pairs_cross`,
    `mean_same`, `mean_cross`, `min_same`, `max_cross`, `difference` (mean_same − mean_cross) and
    `standardised`, the difference in standard deviations of the measure over every
    cross-architecture pair of the study. NaN where there is no such pair.
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


def reference_attack(transfer: pd.DataFrame) -> Attack | None:
    """The strength at which transfer is read: mean PGD transfer nearest 50 %.

    Near 0 and 100 % every pair looks alike, and a correlation with anything vanishes. Linf where
    it was attacked, else the first norm of transfer.csv; of equals, the smaller ε. None without
    a pair.
    """
    table = transfer[
        (transfer["attack"] == "pgd")
        & (transfer["denominator"] == PRIMARY)
        & (transfer["source"] != transfer["target"])
    ].dropna(subset="fooled")
    if table.empty:
        return None
    norm = "linf" if (table["norm"] == "linf").any() else table["norm"].iloc[0]
    means = table[table["norm"] == norm].groupby(["epsilon", "epsilon_label"])["fooled"].mean()
    epsilon, label = (means - 0.5).abs().idxmin()
    return Attack(str(norm), float(epsilon), str(label))


def rates_at(transfer: pd.DataFrame, attack: Attack, denominator: str = PRIMARY) -> pd.DataFrame:
    """The rows of transfer.csv of PGD at one strength, pairs of two different models only."""
    return transfer[
        (transfer["attack"] == "pgd")
        & (transfer["norm"] == attack.norm)
        & (transfer["epsilon_label"].astype(str) == attack.epsilon_label)
        & (transfer["denominator"] == denominator)
        & (transfer["source"] != transfer["target"])
    ]


def mirrored(geometry: pd.DataFrame) -> pd.DataFrame:
    """Rows of geometry.csv as ordered pairs (`source`, `target`), each pair both ways."""
    names = {"model_a": "source", "model_b": "target"}
    names |= {"architecture_a": "source_architecture", "architecture_b": "target_architecture"}
    there = geometry[geometry["model_a"] != geometry["model_b"]].rename(columns=names)
    back = there.rename(
        columns={
            "source": "target",
            "target": "source",
            "source_architecture": "target_architecture",
            "target_architecture": "source_architecture",
        }
    )
    return pd.concat([there, back], ignore_index=True)


def joined(geometry: pd.DataFrame, transfer: pd.DataFrame, attack: Attack) -> pd.DataFrame:
    """Similarity beside transfer: one row a measure × ordered pair that has both.

    Columns: measure, source, target, source_architecture, target_architecture,
    same_architecture, value, fooled, n, logit (empirical logit of the transfer rate,
    log((k + ½) / (n − k + ½)), finite at 0 and 100 %; Cox 1970).
    """
    rates = rates_at(transfer, attack)[["source", "target", "fooled", "n"]]
    columns = ["measure", "source", "target", "source_architecture", "target_architecture", "value"]
    table = mirrored(geometry)[columns].merge(rates, on=["source", "target"])
    table = table.dropna(subset=["value", "fooled"]).reset_index(drop=True)
    count = table["n"] * table["fooled"]
    table["logit"] = np.log((count + 0.5) / (table["n"] - count + 0.5))
    table["same_architecture"] = table["source_architecture"] == table["target_architecture"]
    return table


def transfer_numbers(
    geometry: pd.DataFrame, transfer: pd.DataFrame, attack: Attack
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
