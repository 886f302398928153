"""The study's tables, joined from the files of its models and blocks, one block at a time.

A study of M models has M² pairs: only `pairs_table` is held in memory whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from repcompare.names import REPRESENTATION
from repcompare.storage.files import MismatchError, read_json, require_equal
from repcompare.storage.tables import read_table
from repcompare.tables.attacks import condition
from repcompare.tables.features import pair_columns
from repcompare.tables.geometry import at_representation, ordered_pairs_of
from repcompare.transfer.rates import PairAnswers, rates
from repcompare.vocabulary import DENOMINATORS, PRIMARY

MODEL_COLUMNS = [
    "architecture",
    "seed",
    "model",
    "factory",
    "parameters",
    "representation_width",
    "train_accuracy",
    "test_accuracy",
    "train_seconds",
    "device",
    "precision",
]
LAYER_COLUMNS = ["n_over_d", "effective_rank", "dead_units"]
MAP_COLUMNS = ["r2_test", "stitched_accuracy", "recovered_accuracy", "agreement"]
CEILING_KEYS = ["measure", "layer_a", "layer_b"]
# Which model a digest of a block's table belongs to.
DIGESTS = {
    "digest_a": "model_a",
    "digest_b": "model_b",
    "source_digest": "source",
    "target_digest": "target",
    "digest": "model",
}


def activation_digests(activations: Sequence[str | Path]) -> dict[str, tuple[str | Path, str]]:
    """The activations file of each model and its digest, by the model's name."""
    current = {}
    for path in activations:
        with h5py.File(path) as file:
            current[file.attrs["model"]] = (path, file.attrs["digest"])
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


def models_table(records: Sequence[str | Path], layers: pd.DataFrame) -> pd.DataFrame:
    """One row a model: its record, and what layers.csv says of its representation."""
    rows = [read_json(path) for path in records]
    table = pd.DataFrame(rows)[MODEL_COLUMNS]
    table.insert(8, "epochs", [row["training"]["epochs"] for row in rows])
    found = layers.loc[layers["layer"] == REPRESENTATION, ["model", *LAYER_COLUMNS]]
    return table.merge(found, on="model", how="left", validate="one_to_one")


def retraining_means(blocks: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The mean value of the pairs of one architecture, by measure, layer and architecture.

    From the geometry of every block, one row each with the columns of `CEILING_KEYS`,
    `architecture` and `mean`. A block holds all pairs of its architecture.
    """
    means = []
    for geometry in blocks:
        own = geometry[geometry["architecture_a"] == geometry["architecture_b"]]
        own = own[own["layer_a"] == own["layer_b"]].rename(
            columns={"architecture_a": "architecture"}
        )
        means.append(own.groupby([*CEILING_KEYS, "architecture"])["value"].mean().reset_index())
    return pd.concat(means, ignore_index=True).rename(columns={"value": "mean"})


def with_ceilings(geometry: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """The geometry of a block with the noise ceiling of every row, as `ceiling` behind `null`.

    Of two architectures the mean of their `retraining_means`: what retraining alone leaves of a
    measure. NaN, and said so, where an architecture has one seed, and between different layers.
    """
    same_layer = geometry["layer_a"] == geometry["layer_b"]
    sides = [
        geometry[[*CEILING_KEYS, side]].merge(
            means.rename(columns={"architecture": side}), on=[*CEILING_KEYS, side], how="left"
        )["mean"]
        for side in ("architecture_a", "architecture_b")
    ]
    table = geometry.copy()
    table.insert(table.columns.get_loc("null") + 1, "ceiling", (sides[0] + sides[1]).to_numpy() / 2)
    for rows, reason in (
        (same_layer, "no ceiling: an architecture has one seed"),
        (~same_layer, "no ceiling between different layers"),
    ):
        lacking = rows & table["ceiling"].isna() & table["value"].notna()
        table.loc[lacking, "note"] = [
            "; ".join(filter(None, (note, reason))) for note in table.loc[lacking, "note"]
        ]
    return table


def class_table(accuracies: pd.DataFrame) -> pd.DataFrame:
    """A block's mean accuracies by class: one row an ordered pair of architectures, family, label."""
    keys = ["source_architecture", "target_architecture", "family", "label"]
    values = ["stitched_accuracy", "target_accuracy"]
    return accuracies.groupby(keys, sort=False)[values].mean().reset_index()


def transfer_tables(
    transfer: Iterable[str | Path], adversarial: Sequence[str | Path]
) -> Iterator[pd.DataFrame]:
    """One table a block, one row an ordered pair, condition and denominator; read when asked.

    Raises:
        MismatchError: a block was made from other weights or images than the models of the study.
    """
    sources = {}
    for path in adversarial:
        with h5py.File(path) as file:
            sources[file.attrs["model"]] = _source_answers(file, path)
    first = next(iter(sources.values()))
    for source in sources.values():
        if not np.array_equal(source["ids"], first["ids"]):
            raise MismatchError(f"{source['path']} and {first['path']} attack different images")
    labels = first["labels"]
    all_correct = np.all([s["clean"] == labels for s in sources.values()], axis=0)
    for path in transfer:
        rows = []
        with h5py.File(path) as file:
            for name, digest in zip(file.attrs["models"], file.attrs["model_digests"], strict=True):
                require_equal(
                    f"weights of {name}",
                    [(sources[name]["path"], sources[name]["digest"]), (path, digest)],
                )
            for source, target, group in _pairs(file):
                rows += _pair_rows(source, target, group, sources[source], labels, all_correct)
        yield pd.DataFrame(rows)


def nonrobust_table(records: Sequence[str | Path]) -> pd.DataFrame:
    """One row an ordered pair of architectures: what the target learns of the source's features."""
    columns = ["source_architecture", "target_architecture", "source", "success", "accuracy"]
    table = pd.DataFrame(map(read_json, records))
    return table[[*columns, "chance"]]


def pair_rows(
    maps: pd.DataFrame, geometry: pd.DataFrame, transfer: pd.DataFrame, features: pd.DataFrame
) -> pd.DataFrame:
    """One row an ordered pair of a block, joined from its tables.

    Symmetric measures stand in both rows.
    """
    keys = ["source", "target"]
    by_family = maps.pivot(index=keys, columns="family", values=MAP_COLUMNS)
    by_family.columns = [f"{column}_{family}" for column, family in by_family.columns]
    by_measure = ordered_pairs_of(at_representation(geometry)).pivot(
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


def _source_answers(file: h5py.File, path: str | Path) -> dict:
    return {
        "path": path,
        "digest": file.attrs["model_digest"],
        "ids": file["ids"][:],
        "labels": file["labels"][:],
        "clean": file["clean_prediction"][:],
        "conditions": {name: condition(group) for name, group in file["attacks"].items()},
        "perturbed": {name: group["prediction"][:] for name, group in file["attacks"].items()},
    }


def _pairs(file: h5py.File) -> list[tuple[str, str, h5py.Group]]:
    names = list(file.attrs["models"])
    return [
        (source, target, file[f"{source}/{target}"])
        for source in names
        for target in names
        if source in file and target in file[source]
    ]


def _pair_rows(
    source: str,
    target: str,
    group: h5py.Group,
    answers: dict,
    labels: np.ndarray,
    all_correct: np.ndarray,
) -> list[dict]:
    names = {
        "source": source,
        "target": target,
        "source_architecture": source.split("/")[0],
        "target_architecture": target.split("/")[0],
    }
    predictions, margins = group["prediction"][:], group["margin"][:]
    clean_prediction, clean_margin = group["clean_prediction"][:], group["clean_margin"][:]
    rows = []
    for row, name in enumerate(group.attrs["conditions"]):
        pair = PairAnswers(
            labels,
            all_correct,
            answers["clean"],
            answers["perturbed"][name],
            clean_prediction,
            predictions[row],
            clean_margin,
            margins[row],
        )
        rows += [
            {
                **names,
                **answers["conditions"][name],
                "denominator": denominator,
                **rates(pair, denominator),
            }
            for denominator in DENOMINATORS
        ]
    return rows
