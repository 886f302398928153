"""features.csv read for a purpose: one condition of each measure, or a column for each."""

import numpy as np
import pandas as pd

from repcompare.tables.directions import ordered
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import FEATURE_MEASURES

# Measures that are taken of an attack, or of inversions, and the start that these are read at.
OF_ATTACK = ("perturbation_agreement", "mistake_agreement")
OF_INVERSIONS = ("stir", "inverted_cka")
START = "noise"


def at_reference(features: pd.DataFrame, attack: Strength | None) -> pd.DataFrame:
    """The rows that are read: inversions from noise, perturbations of one attack, in fixed order.

    `features` is features.csv.
    """
    ball = f"{attack.norm} {attack.epsilon_label}" if attack else ""
    wanted = np.select(
        [features["measure"].isin(OF_INVERSIONS), features["measure"].isin(OF_ATTACK)],
        [START, ball],
        "",
    )
    chosen = features[features["condition"] == wanted]
    place = {name: place for place, name in enumerate(FEATURE_MEASURES)}
    return chosen.sort_values("measure", key=lambda names: names.map(place), kind="stable")


def ordered_features(features: pd.DataFrame) -> pd.DataFrame:
    """Every pair both ways, with `feature`: a measure and its condition, such as `stir_noise`."""
    table = ordered(features)
    condition = table["condition"].str.replace(r"[ /]", "_", regex=True)
    table["feature"] = table["measure"] + np.where(condition == "", "", "_" + condition)
    return table


def pair_columns(features: pd.DataFrame) -> pd.DataFrame:
    """A column for each measure and condition, a row for each ordered pair."""
    table = ordered_features(features)
    return table.pivot(index=["source", "target"], columns="feature", values="value")
