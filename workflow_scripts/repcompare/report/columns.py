"""Columns and tables as the page shows them: text for a reader."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

MISSING = "–"


@dataclass(frozen=True)
class Column:
    """How one column is shown: `form` is "text", "count", "number" or "percent"."""

    key: str
    label: str
    form: str = "text"
    digits: int = 3
    signed: bool = False

    @property
    def numeric(self) -> bool:
        """Whether the column is aligned and sorted as numbers."""
        return self.form != "text"

    def show(self, value: object) -> str:
        """One cell's text; a dash for what is missing."""
        if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
            return MISSING
        if self.form == "text":
            return str(value)
        if self.form == "count":
            return f"{round(value):,}".replace(",", " ")
        scale = 100 if self.form == "percent" else 1
        text = f"{scale * value:{'+' if self.signed else ''}.{self.digits}f}"
        return text.replace("-", "−")


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
