"""The study's tables on disk: CSV, an empty cell where a value is undefined."""

from pathlib import Path

import pandas as pd

from repcompare.storage import write_csv

# Columns that may look like numbers and are not: an epsilon of "1", notes that are all empty.
TEXT = {"epsilon_label": str, "condition": str, "note": str, "flag": str}


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table; only an empty cell is missing, so that an architecture may be called NA."""
    table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=TEXT)
    for column in table.columns.intersection(["note", "flag", "condition"]):
        table[column] = table[column].fillna("")
    return table


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table, whole or not at all; see `write_csv` for what it refuses."""
    write_csv(path, table.to_dict("records"))
