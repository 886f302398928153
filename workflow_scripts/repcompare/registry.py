"""Tables of the things that have a name: one row a thing, and no row that stands for all other names."""

from collections.abc import Mapping
from typing import TypeVar

Row = TypeVar("Row")


def known(table: Mapping[str, Row], name: str, key: str) -> Row:
    """The row of `name`. Raises ValueError, with `key` and the names there are, if there is none."""
    if name not in table:
        raise ValueError(f"{key}: {name!r} is not one of {', '.join(table)}")
    return table[name]
