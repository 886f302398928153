"""What the heatmaps show: a value for every row and column, and its interval."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from repcompare.names import layer_order
from repcompare.statistics.jackknife import CONFIDENCE
from repcompare.tables.directions import mirrored, ordered
from repcompare.tables.features import at_reference
from repcompare.transfer.reference import Strength, rates_at, reference_attack
from repcompare.vocabulary import (
    FEATURE_MEASURES,
    LAYER_MEASURE,
    architecture_of,
    label_of,
    ordered_models,
    preferred,
)

# The columns of a value and of its interval.
INTERVAL = ["value", "low", "high"]
# Of more models than this a heatmap has one row an architecture: its cells would be dots.
MOST_MODELS = 100


@dataclass(frozen=True)
class Matrix:
    """A heatmap's content: frames of one index (rows) and columns, NaN where undefined.

    Attributes:
        title: what is shown, and how it was measured.
        label: the name of the values.
        value: the values; `percent` says that they are shares of one, to be shown in per cent.
        low, high: ends of their 95 % intervals; NaN where there is none.
        ends: what a row and what a column stands for.
        pairs: what is counted in it, in the plural.
    """

    title: str
    label: str
    value: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    percent: bool = False
    ends: tuple[str, str] = ("source", "target")
    pairs: str = "ordered pairs"


def stitched_accuracy(maps: pd.DataFrame) -> Matrix:
    """Accuracy of the target's own classifier on the mapped source; `maps` is maps.csv.

    Least squares where it was fitted, else the first family of the table.
    """
    family = preferred(maps["family"], "least_squares")
    table = maps[maps["family"] == family]
    return of_pairs(
        with_share_interval(table, "stitched_accuracy", "n_test"),
        f"Stitched accuracy ({label_of(family)} maps)",
        "stitched accuracy",
        percent=True,
    )


def held_out_r2(maps: pd.DataFrame) -> Matrix:
    """R² of the maps on the test images; `maps` is maps.csv, family as in `stitched_accuracy`."""
    family = preferred(maps["family"], "least_squares")
    names = {"r2_test": "value", "r2_test_low": "low", "r2_test_high": "high"}
    return of_pairs(
        maps[maps["family"] == family].rename(columns=names),
        f"Held-out R² ({label_of(family)} maps)",
        "R² on the test images",
    )


def similarity(geometry: pd.DataFrame) -> Matrix:
    """Similarity of the geometries; `geometry` as `tables.geometry.similarities` reads it.

    Debiased CKA where it was measured, else the first measure of the table.
    """
    measure = preferred(geometry["measure"], "cka_debiased")
    name = label_of(measure)
    return of_pairs(
        mirrored(geometry[geometry["measure"] == measure]),
        f"Similarity of geometry: {name}",
        name,
        ends=("model", "model"),
        pairs="pairs",
    )


def adversarial_transfer(transfer: pd.DataFrame) -> Matrix | None:
    """Share of the source's examples that fool the target; `transfer` is transfer.csv.

    PGD, images that both models classify correctly, at the ε of `reference_attack`; None if there
    is none.
    """
    attack = reference_attack(transfer)
    if attack is None:
        return None
    strength = f"{label_of(attack.norm)} ε = {attack.epsilon_label}"
    return of_pairs(
        with_share_interval(rates_at(transfer, attack), "fooled", "n"),
        f"Adversarial transfer (PGD, {strength}: mean nearest 50 %)",
        "target fooled",
        percent=True,
    )


def feature_similarity(features: pd.DataFrame, strength: Strength | None) -> list[Matrix]:
    """One matrix a measure of input features that is defined for any pair.

    `features` is features.csv. Perturbations are those of one strength, if anything was attacked,
    inversions those from noise.
    """
    table = ordered(at_reference(features, strength))
    of_measure = {name: table[table["measure"] == name] for name in FEATURE_MEASURES}
    return [
        of_pairs(rows, label_of(name), "")
        for name, rows in of_measure.items()
        if rows["value"].notna().any()
    ]


def layer_similarity(geometry: pd.DataFrame) -> list[Matrix]:
    """Every layer of one network against every layer of another, for pairs that have them all.

    `geometry` is geometry.csv, of all layers; by `LAYER_MEASURE`.
    """
    table = geometry[geometry["measure"] == LAYER_MEASURE]
    crossed = table[table["layer_a"] != table["layer_b"]]
    pairs = dict.fromkeys(zip(crossed["model_a"], crossed["model_b"], strict=True))
    matrices = []
    for a, b in pairs:
        rows = table[(table["model_a"] == a) & (table["model_b"] == b)]
        order = (layer_order(rows["layer_a"]), layer_order(rows["layer_b"]))
        value, low, high = (arranged(rows, "layer_a", "layer_b", name, *order) for name in INTERVAL)
        matrices.append(
            Matrix(
                f"{a} and {b}",
                label_of(LAYER_MEASURE),
                value,
                low,
                high,
                ends=(a, b),
                pairs="pairs of layers",
            )
        )
    return matrices


def of_pairs(table: pd.DataFrame, title: str, label: str, **about: Any) -> Matrix:
    """The matrix of rows with `source` and `target`; of many models, that of their architectures.

    A cell of two architectures is the mean over all pairs of their models that have a value; it has
    no interval.
    """
    matrix = Matrix(title, label, *by_model(table), **about)
    count = len(matrix.value)
    if count <= MOST_MODELS:
        return matrix
    # By name, since a table has thousands of rows of each.
    architectures = {model: architecture_of(model) for model in matrix.value.index}
    names = list(dict.fromkeys(architectures.values()))
    of_row, of_column = (table[end].map(architectures) for end in ("source", "target"))
    value = table["value"].astype(float).groupby([of_row, of_column]).mean().unstack()
    value = value.reindex(index=names, columns=names)
    return replace(
        matrix,
        title=f"{title}, means of {count} models by architecture",
        value=value,
        low=value * np.nan,
        high=value * np.nan,
    )


def by_model(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`value`, `low` and `high` of rows with `source` and `target`, over every model in either."""
    models = ordered_models([*table["source"], *table["target"]])
    value, low, high = (
        arranged(table, "source", "target", name, models, models) for name in INTERVAL
    )
    return value, low, high


def arranged(
    table: pd.DataFrame, rows: str, columns: str, value: str, index: list[str], names: list[str]
) -> pd.DataFrame:
    """One column of a table as a matrix with the rows and columns named."""
    wide = table.pivot(index=rows, columns=columns, values=value)
    return wide.reindex(index=index, columns=names).astype(float)


def with_share_interval(table: pd.DataFrame, share: str, count: str) -> pd.DataFrame:
    """The table with a share as `value`, and its Wilson score interval as `low` and `high`.

    `count`: the column with the number of images that the share is of. E. B. Wilson 1927.
    """
    p, n = table[share].astype(float), table[count].astype(float)
    z = ndtri((1 + CONFIDENCE) / 2)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return table.assign(value=p, low=centre - half, high=centre + half)


def cells_id(place: int) -> str:
    """The SVG id of the rectangle that the cells of a figure's matrix fill."""
    return f"cells{place}"
