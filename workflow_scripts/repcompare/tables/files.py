"""Tables on disk: CSV, an empty cell where a value is undefined, all else as the schema has it."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from repcompare.storage.files import replacing, require_equal
from repcompare.storage.seals import (
    DamagedError,
    beside,
    beside_text,
    origin_of,
    place,
    require_beside,
)
from repcompare.tables.columns import Column, Table
from repcompare.tables.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

    Rows: TypeAlias = pd.DataFrame | Sequence[Mapping]

# How far beyond its range a value may lie by rounding.
ROUNDING = 1e-9


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table; only an empty cell is missing, so that an architecture may be called NA.

    What the schema says is text stays text, an ε of "1" too; text that may be empty is never missing.
    `columns` are those to read, None all: of the millions of rows of a large study they decide the
    memory.

    Raises:
        DamagedError: one of a study is not what was written there, or any other is no table.
    """
    # Most jobs write tables and read none: only who reads pays for the import.
    import pandas as pd

    require_beside(path)
    texts = [
        column for table in TABLES.values() for column in table.columns if column.kind == "text"
    ]
    dtypes = {column.name: str for column in texts}
    try:
        table = pd.read_csv(
            path, keep_default_na=False, na_values=[""], dtype=dtypes, usecols=columns
        )
    except ValueError as error:
        raise DamagedError(path, f"damaged: not a table ({error})") from error
    if table.empty:
        # Of a column without rows pandas does not know that it holds numbers.
        table = table.astype({name: float for name in table if name not in dtypes})
    return table.fillna(
        {column.name: "" for column in texts if column.empty and column.name in table}
    )


def read_tables(
    paths: Mapping[str, str | Path], columns: Mapping[str, Sequence[str]] | None = None
) -> dict[str, pd.DataFrame]:
    """Read tables of one study by name; `columns` are those to read of some of them.

    Raises:
        DamagedError: as `read_table` does.
        MismatchError: they are not made from the same.
    """
    tables = {name: read_table(path, (columns or {}).get(name)) for name, path in paths.items()}
    origins = [(path, origin_of(path)) for path in paths.values() if place(path)]
    require_equal("what the tables are made from", origins)
    return tables


@contextlib.contextmanager
def new_table(path: str | Path, name: str, origin: str = "") -> Iterator[Callable[[Rows], None]]:
    """Yield a function that writes the next rows of a table; it is whole or not there at all.

    A cell that is missing or not finite becomes empty. Of a table in a study the digest lies beside it.

    Args:
        path: the file to write.
        name: which table of `schema.TABLES` it is.
        origin: the digest of all that it is made from, by which tables of one study are known.

    Raises:
        ValueError: the columns are not those of the schema, or not those of the rows before; a
            value is not allowed; a cell is empty without a reason in its row's `note`; or there
            are no rows, and the table may not be empty.
    """
    header: list[str] = []

    def append(rows: Rows) -> None:
        if not len(rows):
            return
        try:
            columns = by_column(rows)
            if header and list(columns) != header:
                raise ValueError(f"rows of {list(columns)} in a table of {header}")
            cells = checked(TABLES[name], columns)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if not header:
            writer.writerow(columns)
            header.extend(columns)
        writer.writerows(zip(*cells, strict=True))

    with replacing(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            yield append
            if not header:
                if not TABLES[name].may_be_empty:
                    raise ValueError(f"{path}: a table needs at least one row")
                writer.writerow(TABLES[name].names)
        if place(path):
            with replacing(beside(path)) as digest:
                digest.write_text(beside_text(path, temporary, origin), encoding="utf-8")


def write_table(path: str | Path, name: str, rows: Rows, origin: str = "") -> None:
    """Write a table; see `new_table` for what it refuses."""
    write_parts(path, name, [rows], origin)


def write_parts(path: str | Path, name: str, parts: Iterable[Rows], origin: str = "") -> None:
    """Write a table whose rows come in parts, of which one at a time is in memory."""
    with new_table(path, name, origin) as append:
        for part in parts:
            append(part)


def by_column(rows: Rows) -> dict[str, list]:
    """The values of each column, of a data frame or of rows with one set of keys."""
    if not isinstance(rows, Sequence):
        return {name: values.tolist() for name, values in rows.items()}
    names = list(rows[0])
    for row in rows:
        if list(row) != names:
            raise ValueError(f"a row of {list(row)} among rows of {names}")
    return {name: [row[name] for row in rows] for name in names}


def checked(table: Table, columns: Mapping[str, list]) -> list[list]:
    """The cells of each column as they are written. Raises ValueError as `empties` does."""
    cells = []
    found = empties(table, columns)
    for column, empty, values in zip(
        table.described(list(columns)), found, columns.values(), strict=True
    ):
        # Whole numbers among which some are missing come as fractions.
        written = int if column.kind == "int" else _as_it_is
        cells.append(
            ["" if gap else written(value) for gap, value in zip(empty, values, strict=True)]
        )
    return cells


def empties(table: Table, columns: Mapping[str, list]) -> list[np.ndarray]:
    """Which cells of each column are empty, bool (n,).

    Raises ValueError, naming column, value and row, where the schema allows no such column or value.
    """
    noted = [isinstance(note, str) and note != "" for note in columns.get("note", ())]
    found = []
    described = table.described(list(columns))
    for column, (name, values) in zip(described, columns.items(), strict=True):
        if column.kind == "text":
            empty = np.array([value is None or value != value or value == "" for value in values])
            allowed = np.array([not column.values or value in column.values for value in values])
            explained = np.full(len(values), column.empty)
        else:
            numbers = np.array(values, float)
            empty, allowed = ~np.isfinite(numbers), in_range(column, numbers)
            explained = np.array(noted if column.empty and noted else [False] * len(values))
            explained |= column.of_some
        for refused, why in (
            (empty & ~explained, "not finite without a note" if column.empty else "empty"),
            (~empty & ~allowed, f"not {column.allowed}"),
        ):
            if refused.any():
                first = int(np.flatnonzero(refused)[0])
                row = ", ".join(f"{key} {columns[key][first]}" for key in table.keys)
                raise ValueError(f"{name} is {why}: {values[first]!r} in the row of {row}")
        found.append(empty)
    return found


def _as_it_is(value: Any) -> Any:
    return value


def in_range(column: Column, numbers: np.ndarray) -> np.ndarray:
    """Which numbers (n,) a column may hold, but for rounding."""
    low, high = column.low, column.high
    inside = np.full(len(numbers), True)
    if low is not None:
        inside &= numbers >= low - ROUNDING
    if high is not None:
        inside &= numbers <= high + ROUNDING
    if column.kind == "int":
        inside &= numbers == np.rint(numbers)
    return inside
