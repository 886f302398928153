"""What a column and a table are in the schema: names, kinds, units and ranges, and what fits them.

Read by jobs that import neither numpy nor pandas, so it does not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from repcompare.storage.patterns import is_of_pattern
from repcompare.vocabulary import GEOMETRY_MEASURES, MAP_FAMILIES, NORMS

# What stands in the braces of a column's name, as a regular expression.
PLACEHOLDERS = {
    "family": "|".join(MAP_FAMILIES),
    "measure": "|".join(GEOMETRY_MEASURES),
    "ball": "(?:" + "|".join(NORMS) + ")_.+",
    "start": ".+",
}

# Where the tables lie that those of a study are joined from, those of an export, and those of several
# studies.
FOLDERS = {
    "blocks": "blocks/{a}--{b}",
    "models": "models/{architecture}/seed{seed}",
    "export": "export",
    "combined": "combined",
}


@dataclass(frozen=True)
class Column:
    """One column of a table, or all that are named by one pattern, such as `r2_test_{family}`.

    `kind` is "text", "int", "float" or "bool". A number lies between `low` and `high`, where there
    are such, and text is one of `values`, where there are such. Where a number may be `empty`, the
    reason stands in the row's `note`; of one that is `of_some` rows, the others have none, and
    need no reason. A text that may be empty says so by that. A column that is `optional` is not there
    in a study that does not ask for what it is of.
    """

    name: str
    kind: str
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    empty: bool = False
    optional: bool = False
    of_some: bool = False

    def is_named(self, name: str) -> bool:
        """Whether a column of this name is this one, or one of its pattern."""
        return is_of_pattern(name, self.name, PLACEHOLDERS)

    @property
    def repeated(self) -> bool:
        """Whether the name is a pattern, for any number of columns."""
        return "{" in self.name

    @property
    def allowed(self) -> str:
        """What it may hold, in words: a range, or the values."""
        if self.values:
            return ", ".join(self.values)
        if self.low is None and self.high is None:
            return ""
        if self.high is None:
            return f"≥ {self.low}"
        return f"≤ {self.high}" if self.low is None else f"{self.low} to {self.high}"


@dataclass(frozen=True)
class Table:
    """One table: what a row is, the columns that tell rows apart, and all columns in their order.

    `name` is that of the file in `tables/`, `blocks/…` and `models/…` of what is joined to it,
    `export/…` or `combined/…`. A study has it that asks for one of the `sections` of the config, or
    any study if there are none. One that `may_be_empty` has a header alone where there is nothing of
    the kind.
    """

    name: str
    meaning: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    sections: tuple[str, ...] = ()
    may_be_empty: bool = False

    @property
    def path(self) -> str:
        """Where it lies in the results of a study."""
        folder, _, name = self.name.rpartition("/")
        return f"{FOLDERS.get(folder, 'tables')}/{name}.csv"

    @property
    def names(self) -> list[str]:
        """The names of the columns; of those that depend on the study, the patterns."""
        return [column.name for column in self.columns]

    def described(self, names: Sequence[str]) -> list[Column]:
        """The column of the schema for each name.

        Raises:
            ValueError: a column is missing, is not in the schema, or is not in its place.
        """
        found, left = [], list(names)
        for column in self.columns:
            if column.repeated:
                while left and column.is_named(left[0]):
                    found.append(column)
                    del left[0]
            elif left and left[0] == column.name:
                found.append(column)
                del left[0]
            elif column.optional and column.name not in left:
                continue
            elif column.name in left:
                raise ValueError(f"column {left[0]!r} where the schema has {column.name!r}")
            else:
                raise ValueError(f"no column {column.name!r}")
        if left:
            raise ValueError(f"columns {left} that the schema does not have")
        return found

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Those names that are columns of the table, in its order."""
        given = list(names)
        return [name for column in self.columns for name in given if column.is_named(name)]

    def stored(self, name: str, *columns: Column, after: str, without: str = "") -> "Table":
        """The table as a block or a model stores it: with the digests it is checked by."""
        kept = [column for column in self.columns if column.name != without]
        place = [column.name for column in kept].index(after) + 1
        return replace(self, name=name, columns=(*kept[:place], *columns, *kept[place:]))


def text(
    name: str, *, meaning: str, values: Iterable[str] = (), empty: bool = False, unit: str = ""
) -> Column:
    """A column of text."""
    return Column(name, "text", meaning, unit, values=tuple(values), empty=empty)


def count(name: str, *, meaning: str, unit: str = "", low: int = 0, empty: bool = False) -> Column:
    """A column of whole numbers."""
    return Column(name, "int", meaning, unit, low, empty=empty)


def number(
    name: str,
    *,
    meaning: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    empty: bool = False,
    optional: bool = False,
    of_some: bool = False,
) -> Column:
    """A column of numbers."""
    empty = empty or of_some
    return Column(
        name, "float", meaning, unit, low, high, empty=empty, optional=optional, of_some=of_some
    )


def share(name: str, *, meaning: str, empty: bool = False) -> Column:
    """A column of shares of one."""
    return Column(name, "float", meaning, "share", 0, 1, empty=empty)


def digest(name: str, *, meaning: str) -> Column:
    """A column of digests of the activations that a row was made from."""
    return text(name, meaning=meaning)
