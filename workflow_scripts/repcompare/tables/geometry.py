"""geometry.csv read for a purpose: one layer, measures of similarity, retraining references."""

from collections.abc import Iterable

import pandas as pd

from repcompare.names import REPRESENTATION
from repcompare.tables.directions import undirected
from repcompare.vocabulary import GEOMETRY_MEASURES

# What a retraining reference is of.
REFERENCE_KEYS = ["measure", "layer_a", "layer_b"]


def at_representation(geometry: pd.DataFrame) -> pd.DataFrame:
    """The rows of the representation, the layer that the classifier reads."""
    return geometry[
        (geometry["layer_a"] == REPRESENTATION) & (geometry["layer_b"] == REPRESENTATION)
    ]


def similarities(geometry: pd.DataFrame) -> pd.DataFrame:
    """The measures of similarity of the representation, one row a pair and measure.

    Of a directed measure the mean of both directions. Measures keep the table's order.
    """
    table = at_representation(geometry)
    return undirected(table.loc[[GEOMETRY_MEASURES[name].similarity for name in table["measure"]]])


def retraining_means(blocks: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The mean value of the pairs of one architecture, by measure, layer and architecture.

    From the geometry of every block, one row each with the columns of `REFERENCE_KEYS`,
    `architecture` and `mean`. A block holds all pairs of its architecture.
    """
    means = []
    for geometry in blocks:
        own = geometry[geometry["architecture_a"] == geometry["architecture_b"]]
        own = own[own["layer_a"] == own["layer_b"]].rename(
            columns={"architecture_a": "architecture"}
        )
        means.append(own.groupby([*REFERENCE_KEYS, "architecture"])["value"].mean().reset_index())
    return pd.concat(means, ignore_index=True).rename(columns={"value": "mean"})


def with_retraining_references(geometry: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """The geometry of a block with the `retraining_reference` of every row behind `class_null`.

    Of two architectures the mean of their `retraining_means`: what retraining alone leaves of a
    measure. It is no bound: other pairs may be more similar than their architectures' own. NaN,
    and said so, where an architecture has one seed, and between different layers.
    """
    same_layer = geometry["layer_a"] == geometry["layer_b"]
    sides = [
        geometry[[*REFERENCE_KEYS, side]].merge(
            means.rename(columns={"architecture": side}), on=[*REFERENCE_KEYS, side], how="left"
        )["mean"]
        for side in ("architecture_a", "architecture_b")
    ]
    table = geometry.copy()
    reference = (sides[0] + sides[1]).to_numpy() / 2
    table.insert(table.columns.get_loc("class_null") + 1, "retraining_reference", reference)
    for rows, reason in (
        (same_layer, "no retraining reference: an architecture has one seed"),
        (~same_layer, "no retraining reference between different layers"),
    ):
        lacking = rows & table["retraining_reference"].isna() & table["value"].notna()
        table.loc[lacking, "note"] = [
            "; ".join(filter(None, (note, reason))) for note in table.loc[lacking, "note"]
        ]
    return table
