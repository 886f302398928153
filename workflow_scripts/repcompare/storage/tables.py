"""The study's tables on disk: CSV, an empty cell where a value is undefined."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from repcompare.storage.files import replacing

# Columns that may look like numbers and are not: an epsilon of "1", notes that are all empty.
TEXT = {"epsilon_label": str, "condition": str, "lacks": str, "note": str, "flag": str}


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table; only an empty cell is missing, so that an architecture may be called NA."""
    table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=TEXT)
    for column in table.columns.intersection(["lacks", "note", "flag", "condition"]):
        table[column] = table[column].fillna("")
    return table


@contextlib.contextmanager
def new_table(path: str | Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield a function that writes the next rows of a table; it is whole or not there at all.

    A cell that is missing or not finite becomes empty.

    Raises:
        ValueError: such a cell has no reason in its row's `note`, the columns of the rows are not
            those of the first, or there are no rows.
    """
    columns: list[str] = []

    def append(rows: pd.DataFrame) -> None:
        if rows.empty:
            return
        if columns and list(rows) != columns:
            raise ValueError(f"{path}: rows of {list(rows)} in a table of {columns}")
        missing = rows.isna() | rows.isin([np.inf, -np.inf])
        unexplained = missing.any(axis=1)
        if "note" in rows:
            unexplained &= rows["note"] == ""
        if unexplained.any():
            row = rows[unexplained].iloc[0]
            names = sorted(rows.columns[missing.loc[row.name]])
            raise ValueError(f"{path}: {names} not finite without a note in {row.to_dict()}")
        rows.mask(missing).to_csv(file, header=not columns, index=False, lineterminator="\r\n")
        columns[:] = list(rows)

    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        yield append
        if not columns:
            raise ValueError(f"{path}: a table needs at least one row")


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table; see `new_table` for what it refuses."""
    write_parts(path, [table])


def write_parts(path: str | Path, parts: Iterable[pd.DataFrame]) -> None:
    """Write a table whose rows come in parts, of which one at a time is in memory."""
    with new_table(path) as append:
        for part in parts:
            append(part)
