"""geometry.csv read for a purpose: one layer, measures of similarity, pairs in one order or both."""

from collections.abc import Iterable

import pandas as pd

from repcompare.names import REPRESENTATION
from repcompare.vocabulary import GEOMETRY_MEASURES

SWAPPED = {
    "model_a": "model_b",
    "architecture_a": "architecture_b",
    "layer_a": "layer_b",
}

CEILING_KEYS = ["measure", "layer_a", "layer_b"]
SWAPPED |= {second: first for first, second in SWAPPED.items()}

NUMBERS = ["value", "low", "high", "null", "ceiling"]


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
    return undirected(table[[GEOMETRY_MEASURES[name].similarity for name in table["measure"]]])


def undirected(geometry: pd.DataFrame) -> pd.DataFrame:
    """One row an unordered pair: the two directions of a directed measure averaged."""
    table = geometry.copy()
    swap = is_directed(table) & (table["model_a"] > table["model_b"])
    table.loc[swap, list(SWAPPED)] = geometry.loc[swap, list(SWAPPED.values())].to_numpy()
    keys = ["model_a", "model_b", "layer_a", "layer_b", "measure"]
    how = {key: "mean" if key in NUMBERS else "first" for key in table if key not in keys}
    return table.groupby(keys, sort=False).agg(how).reset_index()[list(geometry)]


def is_directed(geometry: pd.DataFrame) -> pd.Series:
    """Which rows are of a directed measure."""
    return geometry["measure"].map(lambda name: GEOMETRY_MEASURES[name].directed).astype(bool)


def ordered_pairs_of(geometry: pd.DataFrame) -> pd.DataFrame:
    """Every pair both ways, as `source` and `target`; a directed measure has its rows already."""
    names = {"model_a": "source", "model_b": "target"}
    names |= {"architecture_a": "source_architecture", "architecture_b": "target_architecture"}
    back = geometry[~is_directed(geometry)].rename(columns=SWAPPED)
    return pd.concat([geometry, back], ignore_index=True).rename(columns=names)


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


def retraining_means(blocks: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The mean value of the pairs of one architecture, by measure, layer and architecture.

    From the geometry of every block, one row each with the columns of `CEILING_KEYS`,
    `architecture` and `mean`. A block holds all pairs of its architecture.
    """
    means = []
    for geometry in blocks:
        own = geometry[geometry["architecture_a"] == geometry["architecture_b"]]
        own = own[own["layer_a"] == own["layer_b"]].rename(
            columns={"architecture_a": "architecture"}
        )
        means.append(own.groupby([*CEILING_KEYS, "architecture"])["value"].mean().reset_index())
    return pd.concat(means, ignore_index=True).rename(columns={"value": "mean"})


def with_ceilings(geometry: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """The geometry of a block with the noise ceiling of every row, as `ceiling` behind `null`.

    Of two architectures the mean of their `retraining_means`: what retraining alone leaves of a
    measure. NaN, and said so, where an architecture has one seed, and between different layers.
    """
    same_layer = geometry["layer_a"] == geometry["layer_b"]
    sides = [
        geometry[[*CEILING_KEYS, side]].merge(
            means.rename(columns={"architecture": side}), on=[*CEILING_KEYS, side], how="left"
        )["mean"]
        for side in ("architecture_a", "architecture_b")
    ]
    table = geometry.copy()
    table.insert(table.columns.get_loc("null") + 1, "ceiling", (sides[0] + sides[1]).to_numpy() / 2)
    for rows, reason in (
        (same_layer, "no ceiling: an architecture has one seed"),
        (~same_layer, "no ceiling between different layers"),
    ):
        lacking = rows & table["ceiling"].isna() & table["value"].notna()
        table.loc[lacking, "note"] = [
            "; ".join(filter(None, (note, reason))) for note in table.loc[lacking, "note"]
        ]
    return table
