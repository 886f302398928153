"""features.csv read for a purpose: one condition of each measure, pairs in both orders."""

import numpy as np
import pandas as pd

from repcompare.transfer.reference import Strength
from repcompare.vocabulary import FEATURE_MEASURES

DIRECTED = ("stir", "inverted_cka")
# Measures that are taken of an attack, and the start of inversions that others are read at.
OF_ATTACK = ("perturbation_agreement", "mistake_agreement")
START = "noise"

SWAPPED = {"model_a": "model_b", "model_b": "model_a"}
SWAPPED |= {"architecture_a": "architecture_b", "architecture_b": "architecture_a"}


def at_reference(features: pd.DataFrame, attack: Strength | None) -> pd.DataFrame:
    """The rows that are read: inversions from noise, perturbations of one attack, in fixed order.

    `features` is features.csv.
    """
    ball = f"{attack.norm} {attack.epsilon_label}" if attack else ""
    wanted = np.select(
        [features["measure"].isin(DIRECTED), features["measure"].isin(OF_ATTACK)], [START, ball], ""
    )
    chosen = features[features["condition"] == wanted]
    place = {name: place for place, name in enumerate(FEATURE_MEASURES)}
    return chosen.sort_values("measure", key=lambda names: names.map(place), kind="stable")


def both_ways(features: pd.DataFrame) -> pd.DataFrame:
    """Every pair as `source` and `target`; what has no direction stands in both rows."""
    names = {"model_a": "source", "model_b": "target"}
    names |= {"architecture_a": "source_architecture", "architecture_b": "target_architecture"}
    back = features[~features["measure"].isin(DIRECTED)].rename(columns=SWAPPED)
    return pd.concat([features, back], ignore_index=True).rename(columns=names)


def pair_columns(features: pd.DataFrame) -> pd.DataFrame:
    """A column for each measure and condition, a row for each ordered pair."""
    table = both_ways(features)
    condition = table["condition"].str.replace(r"[ /]", "_", regex=True)
    table["column"] = table["measure"] + np.where(condition == "", "", "_" + condition)
    return table.pivot(index=["source", "target"], columns="column", values="value")


def undirected(features: pd.DataFrame) -> pd.DataFrame:
    """One row an unordered pair and measure: the directions of a directed measure averaged."""
    table = features.copy()
    swap = table["model_a"] > table["model_b"]
    table.loc[swap, list(SWAPPED)] = features.loc[swap, list(SWAPPED.values())].to_numpy()
    keys = ["measure", "model_a", "model_b", "architecture_a", "architecture_b"]
    return table.groupby(keys, sort=False)[["value", "null"]].mean().reset_index()
