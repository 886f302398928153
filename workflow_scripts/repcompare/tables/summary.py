"""The study's tables, joined from the files of its models and blocks, one block at a time.

A study of M models has M² pairs: only `pairs_table` is held in memory whole.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.names import REPRESENTATION
from repcompare.representations.activations_file import ModelActivations
from repcompare.storage.files import read_json, require_equal
from repcompare.storage.seals import DamagedError, block_origin, origin_of, place
from repcompare.tables.directions import ordered
from repcompare.tables.features import pair_columns
from repcompare.tables.files import read_table
from repcompare.tables.geometry import at_representation
from repcompare.tables.schema import TABLES
from repcompare.transfer.evaluation_file import Evaluation
from repcompare.vocabulary import PRIMARY, architecture_of

# What a row of pairs.csv is of: an ordered pair of models, and their architectures.
KEYS = ["source", "target"]
PAIR = [*KEYS, "source_architecture", "target_architecture"]

# What a row of pairs.csv says of a map.
MAP_COLUMNS = ["r2_test", "stitched_accuracy", "recovered_accuracy", "agreement"]

# What is said of a network that was not trained in the study.
NOTES = {"imported": "not trained here", "activations": "known by its activations alone"}

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
    notes = [NOTES[record["origin"]]] if record["origin"] in NOTES else []
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


def pair_rows(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row an ordered pair of a block, joined from those of its tables that there are, by name.

    Symmetric measures stand in both rows.
    """
    found = [COLUMNS[name](table) for name, table in tables.items() if len(table)]
    ends = [each[PAIR] for each, _ in found]
    table = pd.concat(ends).drop_duplicates(ignore_index=True)
    table["same_architecture"] = table["source_architecture"] == table["target_architecture"]
    for _, values in found:
        table = table.merge(values.reset_index(), on=KEYS, how="left", validate="one_to_one")
    return table


def _of_maps(maps: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    values = maps.pivot(index=KEYS, columns="family", values=MAP_COLUMNS)
    values.columns = [f"{column}_{family}" for column, family in values.columns]
    return maps, values


def _of_geometry(geometry: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    pairs = ordered(at_representation(geometry))
    return pairs, pairs.pivot(index=KEYS, columns="measure", values="value")


def _of_transfer(transfer: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    pgd = transfer[(transfer["attack"] == "pgd") & (transfer["denominator"] == PRIMARY)]
    condition = "transfer_" + pgd["norm"] + "_" + pgd["epsilon_label"].str.replace("/", "_")
    named = pgd.assign(condition=condition)
    return pgd, named.pivot(index=KEYS, columns="condition", values="fooled")


def _of_features(features: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return ordered(features), pair_columns(features)


# The ordered pairs of a block's table, and the columns of pairs.csv that it gives.
COLUMNS = {
    "maps": _of_maps,
    "geometry": _of_geometry,
    "transfer": _of_transfer,
    "features": _of_features,
}


def pairs_table(blocks: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The `pair_rows` of every block, by source and target; a note names what is undefined."""
    table = pd.concat(blocks, ignore_index=True)
    table = table.sort_values(["source", "target"], ignore_index=True)
    # A block may lack what another has.
    table = table[TABLES["pairs"].in_order(table.columns)]
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


def require_one_study(files: Mapping[str, Sequence[str | Path]]) -> str:
    """Raise MismatchError unless all files are of the networks that the records tell of.

    Returns the digest of what these are, which all tables of the study have as their origin.

    Args:
        files: `records`, and where there are such `activations` and `adversarial`, one a model, and
            `evaluations`, one a block, and `nonrobust`, records of training on a source's images.
    """
    records = {}
    for path in files["records"]:
        record = read_json(path)
        records[record["model"]] = path, record
    made = [(path, record["data_digest"]) for path, record in records.values()]
    require_equal("digest of the data", made)
    settings, known = [], [repr(sorted(records)), made[0][1]]
    for reader, kind in ((ModelActivations, "activations"), (AdversarialImages, "adversarial")):
        for path in files.get(kind, ()):
            with reader(path) as file:
                _, record = records[file.name]
                file.require_weights(file.name, record["model_digest"])
                require_equal("digest of the data", [made[0], (path, file.data_digest)])
                known += [file.name, file.model_digest, file.digest]
                if kind == "adversarial":
                    settings.append((path, file.attribute("settings")))
    require_equal("settings", settings)
    for path in files.get("evaluations", ()):
        with Evaluation(path) as block:
            require_equal("digest of the data", [made[0], (path, block.data_digest)])
            for name, digest in block.model_digests.items():
                record_path, record = records[name]
                shown = (record_path, record["model_digest"]), (path, digest)
                require_equal(f"weights of {name}", shown)
    for path in files.get("nonrobust", ()):
        trained = read_json(path)
        record_path, record = records[trained["source"]]
        shown = (record_path, record["model_digest"]), (path, trained["source_digest"])
        require_equal(f"weights of {trained['source']}", shown)
    return hashlib.sha256(repr(known).encode()).hexdigest()


def activation_digests(activations: Iterable[str | Path]) -> dict[str, tuple[str | Path, str]]:
    """The activations file of each model and its digest, by the model's name."""
    current = {}
    for path in activations:
        with ModelActivations(path) as file:
            current[file.name] = (path, file.digest)
    return current


def require_block_origins(
    paths: Iterable[str | Path], current: Mapping[str, tuple[str | Path, str]]
) -> None:
    """Raise DamagedError unless the tables of blocks were made from the activations of the study.

    Args:
        paths: of tables; those that lie in a study are looked at.
        current: what `activation_digests` says of the models of the study.
    """
    for path in filter(place, paths):
        architectures = Path(path).parent.name.split("--")
        digests = {
            name: digest
            for name, (_, digest) in current.items()
            if architecture_of(name) in architectures
        }
        if origin_of(path) != block_origin(digests):
            raise DamagedError(path, "not made from the activations that the study has")


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
