"""A data frame as a table of the page: each column's heading, and its cells as text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from repcompare.registry import known

# A cell without a value.
MISSING = "–"


@dataclass(frozen=True)
class Column:
    """How one column is shown: `form` is a name in `FORMS`."""

    key: str
    label: str
    form: str = "text"
    digits: int = 3
    signed: bool = False

    @property
    def numeric(self) -> bool:
        """Whether the column is aligned and sorted as numbers."""
        return self.form != "text"

    def show(self, value: Any) -> str:
        """One cell's text; a dash for what is missing."""
        if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
            return MISSING
        return known(FORMS, self.form, "form")(self, value)

    def decimals(self, value: float) -> str:
        """A number with the column's digits and sign."""
        return f"{value:{'+' if self.signed else ''}.{self.digits}f}".replace("-", "−")


FORMS: dict[str, Callable[[Column, Any], str]] = {
    "text": lambda column, value: str(value),
    "count": lambda column, value: f"{round(value):,}".replace(",", " "),
    "number": Column.decimals,
    "percent": lambda column, value: column.decimals(100 * value),
}


@dataclass(frozen=True)
class Table:
    """A table ready for the template."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


def table(frame: pd.DataFrame, columns: Sequence[Column]) -> Table:
    """The columns named, in that order, of every row."""
    cells = [[column.show(value) for value in frame[column.key]] for column in columns]
    return Table(columns, list(zip(*cells, strict=True)))


def whole(frame: pd.DataFrame) -> Table:
    """Every column under its own name, four digits after the point."""
    columns = []
    for key in frame.columns:
        kind = frame[key].dtype.kind if isinstance(frame[key].dtype, np.dtype) else "O"
        form = {"f": "number", "i": "count", "u": "count"}.get(kind, "text")
        columns.append(Column(key, key, form, digits=4))
    return table(frame.astype({key: object for key in frame if frame[key].dtype == bool}), columns)
