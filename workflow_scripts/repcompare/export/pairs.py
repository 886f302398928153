"""The tables of pairs as arrays: an axis for the source, one for the target, and those of the table."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from repcompare.names import layer_order
from repcompare.storage.files import MismatchError
from repcompare.storage.netcdf import Variable
from repcompare.tables.columns import Column
from repcompare.tables.directions import ordered
from repcompare.tables.features import ordered_features
from repcompare.tables.schema import TABLES
from repcompare.vocabulary import architecture_of

ENDS = ("source", "target")
# What each axis is of, besides the ends.
AXES = {
    "family": "The family of maps.",
    "measure": "The measure of geometry.",
    "layer": "The layer of both models; penultimate is the representation.",
    "condition": "The attack and its ball.",
    "denominator": "Which images are counted.",
    "feature": "The measure of input features, and the ball or the start that it is of.",
}
# What a condition of attacks is, each a label of its axis.
OF_CONDITION = ("attack", "norm", "epsilon", "epsilon_label")


class Arranged(NamedTuple):
    """Rows of ordered pairs, and the columns that tell the rows of one pair apart."""

    rows: pd.DataFrame
    axes: tuple[str, ...]


def _geometry(table: pd.DataFrame) -> Arranged:
    same = table[table["layer_a"] == table["layer_b"]].rename(columns={"layer_a": "layer"})
    return Arranged(ordered(same.drop(columns="layer_b")), ("measure", "layer"))


def _maps(table: pd.DataFrame) -> Arranged:
    return Arranged(table, ("family",))


def _transfer(table: pd.DataFrame) -> Arranged:
    # As the groups of adversarial.h5 are called.
    ball = table["norm"] + "-" + table["epsilon_label"].str.replace("/", "_")
    rows = table.assign(condition=table["attack"] + "-" + ball)
    return Arranged(rows, ("condition", "denominator"))


def _features(table: pd.DataFrame) -> Arranged:
    return Arranged(ordered_features(table), ("feature",))


ARRANGED = {"maps": _maps, "geometry": _geometry, "transfer": _transfer, "features": _features}


def pair_arrays(tables: Mapping[str, pd.DataFrame], models: list[str]) -> dict[str, Variable]:
    """The arrays of all tables by name, `{table}_{column}`, and the labels of their axes.

    Every number of a table becomes an array (…, source, target), float64, NaN where there is none.
    Of a measure that has no direction both orders are filled. Of geometry only what compares a
    layer with the same layer is in it.

    Args:
        tables: those of `ARRANGED` that there are, by name.
        models: all models, in the order that they are to have.

    Raises:
        MismatchError: a table has a model that is not among them.
    """
    found: dict[str, Variable] = {}
    for end in ENDS:
        found[end] = _labels(end, models, f"The {end} of the pair, architecture/seed.")
        architectures = list(map(architecture_of, models))
        meaning = f"The architecture of the {end}."
        found[f"{end}_architecture"] = _labels(end, architectures, meaning)
    for name, table in tables.items():
        found |= _arrays(name, *ARRANGED[name](table), models)
    return found


def _labels(axis: str, values: list, meaning: str) -> Variable:
    return Variable((axis,), np.array(values), {"long_name": meaning})


def _arrays(
    name: str, rows: pd.DataFrame, axes: tuple[str, ...], models: list[str]
) -> dict[str, Variable]:
    """The arrays of one table, and the labels of the axes that it alone has."""
    unknown = sorted({*rows["source"], *rows["target"]} - {*models})
    if unknown:
        raise MismatchError(
            f"{TABLES[name].path} has {unknown[0]}, which the study does not; call snakemake again"
        )
    labels = {axis: _ordered(axis, rows[axis]) for axis in axes} | dict.fromkeys(ENDS, models)
    places = tuple(pd.Index(values).get_indexer(rows[axis]) for axis, values in labels.items())
    shape = tuple(map(len, labels.values()))
    found = {axis: _labels(axis, labels[axis], AXES[axis]) for axis in axes}
    besides = [f"{end}_architecture" for end in ENDS]
    if "condition" in axes:
        first, meanings = rows.drop_duplicates("condition"), _meanings(name)
        found |= {
            key: _labels("condition", list(first[key]), meanings[key]) for key in OF_CONDITION
        }
        besides += OF_CONDITION
    for column in _numbers(name):
        values = np.full(shape, np.nan)
        values[places] = rows[column.name].to_numpy(float)
        described = {"long_name": column.meaning, "coordinates": " ".join(besides)}
        described |= {"units": column.unit} if column.unit else {}
        found[f"{name}_{column.name}"] = Variable(tuple(labels), values, described)
    return found


def _ordered(axis: str, values: pd.Series) -> list[str]:
    """The labels of an axis, in the order of the table; of layers that of a network."""
    return layer_order(values) if axis == "layer" else list(dict.fromkeys(values))


def _meanings(name: str) -> dict[str, str]:
    """What each column of a table means."""
    return {column.name: column.meaning for column in TABLES[name].columns}


def _numbers(name: str) -> Iterator[Column]:
    """The columns of a table that hold numbers of a pair."""
    keys = {*TABLES[name].keys, *OF_CONDITION}
    return (c for c in TABLES[name].columns if c.kind in ("int", "float") and c.name not in keys)
