"""The rule `summarise`: the results of models and blocks joined into the study's tables."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from repcompare.tables.attacks import attacks_table, growth_table, steps_table
from repcompare.tables.files import new_table, read_table, write_parts, write_table
from repcompare.tables.geometry import retraining_means, with_ceilings
from repcompare.tables.schema import TABLES
from repcompare.tables.summary import (
    activation_digests,
    checked_tables,
    class_table,
    models_table,
    nonrobust_table,
    pair_rows,
    pairs_table,
)
from repcompare.tables.transfer import transfer_tables

# The tables of pairs of models, whose rows of a block are joined.
PAIRED = ("maps", "geometry", "transfer", "features")


def summarise(
    tables: Mapping[str, str | Path], *, files: Mapping[str, Sequence[str | Path]]
) -> None:
    """Write the study's tables, block by block.

    Args:
        tables: where each table is to be written, by its name.
        files: what models and blocks stored: `records`, `activations`, `layers`, `controls`,
            one a model; `maps`, `class_accuracies`, `geometry`, `convergence`,
            one a block; `transfer` and `features`, one a block of networks with answers, which have
            `adversarial` alone; `nonrobust`, where the study has them.

    Raises:
        MismatchError: a file was made from others than those that are given.
    """
    current = activation_digests(files["activations"])
    layers = pd.concat(checked_tables(files["layers"], current), ignore_index=True)
    write_table(tables["models"], "models", models_table(files["records"], layers))
    write_table(tables["layers"], "layers", layers)
    write_table(tables["attacks"], "attacks", attacks_table(files["adversarial"]))
    write_table(tables["attack_steps"], "attack_steps", steps_table(files["adversarial"]))
    write_table(tables["attack_growth"], "attack_growth", growth_table(files["adversarial"]))
    if files["nonrobust"]:
        write_table(tables["nonrobust"], "nonrobust", nonrobust_table(files["nonrobust"]))
    for name in ("controls", "convergence"):
        write_parts(tables[name], name, checked_tables(files[name], current))
    classes = checked_tables(files["class_accuracies"], current)
    write_parts(tables["class_accuracies"], "class_accuracies", map(class_table, classes))
    means = retraining_means(map(read_table, files["geometry"]))
    with contextlib.ExitStack() as stack:
        append = {name: stack.enter_context(new_table(tables[name], name)) for name in PAIRED}
        pairs = []
        for maps, geometry, transfer, features in zip(
            checked_tables(files["maps"], current),
            checked_tables(files["geometry"], current),
            at_blocks("transfer", files, transfer_tables(files["transfer"], files["adversarial"])),
            at_blocks("features", files, map(read_table, files["features"])),
            strict=True,
        ):
            parts = maps, with_ceilings(geometry, means), transfer, features
            for name, part in zip(PAIRED, parts, strict=True):
                append[name](part)
            pairs.append(pair_rows(*parts))
    write_table(tables["pairs"], "pairs", pairs_table(pairs))


def at_blocks(
    name: str, files: Mapping[str, Sequence[str | Path]], tables: Iterator[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """The table of every block of `maps`, in that order; an empty one where a block has no file."""
    there = {Path(path).parent for path in files[name]}
    for path in files["maps"]:
        empty = pd.DataFrame(columns=TABLES[name].names)
        yield next(tables) if Path(path).parent in there else empty
