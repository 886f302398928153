"""The study's tables, joined from the files of its models and blocks, one block at a time.

A study of M models has M² pairs: only `pairs_table` is held in memory whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from repcompare.names import REPRESENTATION
from repcompare.representations.activations_file import ModelActivations
from repcompare.storage.files import read_json, require_equal
from repcompare.tables.directions import ordered
from repcompare.tables.features import pair_columns
from repcompare.tables.files import read_table
from repcompare.tables.geometry import at_representation
from repcompare.tables.schema import TABLES
from repcompare.vocabulary import PRIMARY

# What a row of pairs.csv says of a map.
MAP_COLUMNS = ["r2_test", "stitched_accuracy", "recovered_accuracy", "agreement"]

# Which model a digest of a block's table belongs to.
DIGESTS = {
    "digest_a": "model_a",
    "digest_b": "model_b",
    "source_digest": "source",
    "target_digest": "target",
    "digest": "model",
}


def models_table(records: Sequence[str | Path], layers: pd.DataFrame) -> pd.DataFrame:
    """One row a model: its record, and what layers.csv says of its representation."""
    rows = [read_json(path) for path in records]
    table = pd.DataFrame([{**row, **_origin(row)} for row in rows])
    columns = TABLES["models"].names
    found = layers.loc[
        layers["layer"] == REPRESENTATION,
        ["model", *(name for name in columns if name not in table)],
    ]
    return table.merge(found, on="model", how="left", validate="one_to_one")[columns]


def _origin(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says of where a network comes from, how it is used and what it lacks."""
    notes = ["not trained here"] if record["origin"] == "imported" else []
    if record["test_accuracy"] is None:
        notes.append("has no answers")
    found: dict[str, Any] = {"epochs": (record["training"] or {}).get("epochs")}
    found |= {"note": "; ".join(notes), "weights": record.get("weights")}
    used = record["adaptation"]
    if used is None:
        return found | {"input": None, "classifier": None}
    mean, std = (" ".join(f"{value:.4g}" for value in used[key]) for key in ("mean", "std"))
    shown = f"{used['size']} px, mean {mean}, std {std}"
    return found | {"input": shown, "classifier": used["classifier"]}


def pair_rows(
    maps: pd.DataFrame, geometry: pd.DataFrame, transfer: pd.DataFrame, features: pd.DataFrame
) -> pd.DataFrame:
    """One row an ordered pair of a block, joined from its tables.

    Symmetric measures stand in both rows.
    """
    keys = ["source", "target"]
    by_family = maps.pivot(index=keys, columns="family", values=MAP_COLUMNS)
    by_family.columns = [f"{column}_{family}" for column, family in by_family.columns]
    by_measure = ordered(at_representation(geometry)).pivot(
        index=keys, columns="measure", values="value"
    )
    pgd = transfer[(transfer["attack"] == "pgd") & (transfer["denominator"] == PRIMARY)]
    condition = "transfer_" + pgd["norm"] + "_" + pgd["epsilon_label"].str.replace("/", "_")
    by_condition = pgd.assign(condition=condition).pivot(
        index=keys, columns="condition", values="fooled"
    )
    architectures = maps[[*keys, "source_architecture", "target_architecture"]].drop_duplicates()
    table = architectures.assign(
        same_architecture=architectures["source_architecture"]
        == architectures["target_architecture"]
    )
    for part in (by_family, by_measure, by_condition, pair_columns(features)):
        table = table.merge(part.reset_index(), on=keys, how="left", validate="one_to_one")
    return table


def pairs_table(blocks: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The `pair_rows` of every block, by source and target; a note names what is undefined."""
    table = pd.concat(blocks, ignore_index=True)
    table = table.sort_values(["source", "target"], ignore_index=True)
    undefined = table.isna()
    table["note"] = [
        "undefined: " + ", ".join(table.columns[row]) if row.any() else ""
        for row in undefined.to_numpy()
    ]
    return table


def class_table(accuracies: pd.DataFrame) -> pd.DataFrame:
    """A block's mean accuracies by class: one row an ordered pair of architectures, family, label."""
    keys = list(TABLES["class_accuracies"].keys)
    values = ["stitched_accuracy", "target_accuracy"]
    return accuracies.groupby(keys, sort=False)[values].mean().reset_index()


def nonrobust_table(records: Sequence[str | Path]) -> pd.DataFrame:
    """One row an ordered pair of architectures: what the target learns of the source's features."""
    return pd.DataFrame(map(read_json, records))[TABLES["nonrobust"].names]


def activation_digests(activations: Sequence[str | Path]) -> dict[str, tuple[str | Path, str]]:
    """The activations file of each model and its digest, by the model's name."""
    current = {}
    for path in activations:
        with ModelActivations(path) as file:
            current[file.name] = (path, file.digest)
    return current


def checked_tables(
    paths: Iterable[str | Path], current: Mapping[str, tuple[str | Path, str]]
) -> Iterator[pd.DataFrame]:
    """The table of every file of one kind, without the digests it is checked by, read when asked.

    Args:
        current: what `activation_digests` says of the models of the study.

    Raises:
        MismatchError: a file was made from other activations than a model of the study has.
    """
    for path in paths:
        table = read_table(path)
        for digest, model in DIGESTS.items():
            if digest in table:
                for name, value in set(zip(table[model], table[digest], strict=True)):
                    require_equal(f"activations of {name}", [current[name], (path, value)])
        yield table.drop(columns=DIGESTS, errors="ignore")
