"""The rule `summarise`: the results of models and blocks joined into the study's tables."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from repcompare.tables.attacks import attacks_table, growth_table, steps_table
from repcompare.tables.files import new_table, read_table, write_parts, write_table
from repcompare.tables.geometry import retraining_means, with_retraining_references
from repcompare.tables.schema import TABLES
from repcompare.tables.summary import (
    activation_digests,
    checked_tables,
    class_table,
    models_table,
    nonrobust_table,
    pair_rows,
    pairs_table,
    require_block_origins,
    require_one_study,
)
from repcompare.tables.transfer import transfer_tables

# The tables of pairs of models, whose rows of a block are joined, and the files that they are made of.
PAIRED = {
    "maps": "maps",
    "geometry": "geometry",
    "transfer": "evaluations",
    "features": "features",
}
OF_BLOCKS = ("maps", "class_accuracies", "geometry", "convergence", "features")
OF_ATTACKS = {
    "attacks": attacks_table,
    "attack_steps": steps_table,
    "attack_growth": growth_table,
}


def summarise(
    tables: Mapping[str, str | Path], *, files: Mapping[str, Sequence[str | Path]]
) -> None:
    """Write the study's tables, block by block.

    Args:
        tables: where each table is to be written, by its name: those that the study asks for.
        files: what models and blocks stored, as far as it is asked for: `records`, `activations`,
            `layers`, `controls`, one a model; `adversarial`, one a model that is attacked; `maps`,
            `class_accuracies`, `geometry`, `convergence`, `evaluations` and `features`, one a block;
            `nonrobust`.

    Raises:
        MismatchError: a file was made from others than those that are given.
    """
    origin = require_one_study(files)
    current = activation_digests(files["activations"])
    for name in OF_BLOCKS:
        require_block_origins(files.get(name, ()), current)
    layers = pd.concat(checked_tables(files["layers"], current), ignore_index=True)
    write_table(tables["models"], "models", models_table(files["records"], layers), origin)
    write_table(tables["layers"], "layers", layers, origin)
    for name, made in OF_ATTACKS.items():
        if name in tables:
            write_table(tables[name], name, made(files["adversarial"]), origin)
    if "nonrobust" in tables:
        write_table(tables["nonrobust"], "nonrobust", nonrobust_table(files["nonrobust"]), origin)
    for name in ("controls", "convergence"):
        if name in tables:
            write_parts(tables[name], name, checked_tables(files[name], current), origin)
    if "class_accuracies" in tables:
        classes = checked_tables(files["class_accuracies"], current)
        write_parts(
            tables["class_accuracies"], "class_accuracies", map(class_table, classes), origin
        )
    if "pairs" in tables:
        pairs = []
        with contextlib.ExitStack() as stack:
            append = {
                name: stack.enter_context(new_table(tables[name], name, origin))
                for name in PAIRED
                if name in tables
            }
            for parts in blocks(list(append), files, current):
                for name, part in parts.items():
                    append[name](part)
                pairs.append(pair_rows(parts))
        write_table(tables["pairs"], "pairs", pairs_table(pairs), origin)


def blocks(
    names: Sequence[str],
    files: Mapping[str, Sequence[str | Path]],
    current: Mapping[str, tuple[str | Path, str]],
) -> Iterator[dict[str, pd.DataFrame]]:
    """The tables of each block by name, one block at a time; empty ones where it has no file."""
    there = {name: {Path(path).parent for path in files[PAIRED[name]]} for name in names}
    streams = {name: stream(name, files, current) for name in names}
    folders = dict.fromkeys(Path(path).parent for name in names for path in files[PAIRED[name]])
    for folder in folders:
        yield {
            name: next(streams[name])
            if folder in there[name]
            else pd.DataFrame(columns=TABLES[name].names)
            for name in names
        }


def stream(
    name: str,
    files: Mapping[str, Sequence[str | Path]],
    current: Mapping[str, tuple[str | Path, str]],
) -> Iterator[pd.DataFrame]:
    """The table of every block that has one, read when asked."""
    paths = files[PAIRED[name]]
    if name == "transfer":
        return transfer_tables(paths, files["adversarial"])
    if name == "features":
        return map(read_table, paths)
    tables = checked_tables(paths, current)
    if name == "maps":
        return tables
    means = retraining_means(map(read_table, paths))
    return (with_retraining_references(table, means) for table in tables)
