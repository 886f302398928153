"""geometry.csv read for a purpose: one layer, measures of similarity, pairs in one order or both."""

import pandas as pd

from repcompare.geometry.similarity import MEASURES
from repcompare.names import REPRESENTATION

SWAPPED = {
    "model_a": "model_b",
    "architecture_a": "architecture_b",
    "layer_a": "layer_b",
}
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
    return undirected(table[[MEASURES[name].similarity for name in table["measure"]]])


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
    return geometry["measure"].map(lambda name: MEASURES[name].directed).astype(bool)


def ordered_pairs_of(geometry: pd.DataFrame) -> pd.DataFrame:
    """Every pair both ways, as `source` and `target`; a directed measure has its rows already."""
    names = {"model_a": "source", "model_b": "target"}
    names |= {"architecture_a": "source_architecture", "architecture_b": "target_architecture"}
    back = geometry[~is_directed(geometry)].rename(columns=SWAPPED)
    return pd.concat([geometry, back], ignore_index=True).rename(columns=names)
