"""Pairs of models in one order or in both: the tables of geometry and of input features alike."""

import pandas as pd

from repcompare.vocabulary import DIRECTED

SWAPPED = {"model_a": "model_b", "architecture_a": "architecture_b", "layer_a": "layer_b"}
SWAPPED |= {second: first for first, second in SWAPPED.items()}

ENDS = {"model_a": "source", "model_b": "target"}
ENDS |= {"architecture_a": "source_architecture", "architecture_b": "target_architecture"}


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Every pair both ways, as `source` and `target`; a directed measure has its rows already."""
    return _ends(table, table[~table["measure"].isin(DIRECTED)])


def mirrored(table: pd.DataFrame) -> pd.DataFrame:
    """Every row both ways, as `source` and `target`: of a table of unordered pairs."""
    return _ends(table, table)


def undirected(table: pd.DataFrame) -> pd.DataFrame:
    """One row an unordered pair, its models in alphabetical order, the two directions averaged.

    Of what is no fraction (names, notes, counts) the first.
    """
    turned, back = table.copy(), table["model_a"] > table["model_b"]
    ends = [name for name in SWAPPED if name in table]
    turned.loc[back, ends] = table.loc[back, [SWAPPED[name] for name in ends]].to_numpy()
    keys = ["model_a", "model_b", "layer_a", "layer_b", "measure", "condition"]
    keys = [name for name in keys if name in table]
    fractions = table.select_dtypes("float")
    how = {name: "mean" if name in fractions else "first" for name in table if name not in keys}
    return turned.groupby(keys, sort=False).agg(how).reset_index()[list(table)]


def _ends(there: pd.DataFrame, back: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([there, back.rename(columns=SWAPPED)], ignore_index=True).rename(columns=ENDS)
