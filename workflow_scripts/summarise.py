"""Join the results of models and blocks into the study's tables."""

import contextlib

import pandas as pd

from repcompare.storage.logs import logging_to
from repcompare.storage.tables import new_table, read_table, write_parts, write_table
from repcompare.tables.attacks import attacks_table, growth_table, steps_table
from repcompare.tables.geometry import retraining_means, with_ceilings
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


def main(snakemake) -> None:
    """Read every file of the study and write its tables, block by block."""
    files, tables = snakemake.input, snakemake.output
    current = activation_digests(files.activations)
    layers = pd.concat(checked_tables(files.layers, current), ignore_index=True)
    write_table(tables.models, models_table(files.records, layers))
    write_table(tables.layers, layers)
    write_table(tables.attacks, attacks_table(files.adversarial))
    write_table(tables.attack_steps, steps_table(files.adversarial))
    write_table(tables.attack_growth, growth_table(files.adversarial))
    if files.nonrobust:
        write_table(tables.nonrobust, nonrobust_table(files.nonrobust))
    write_parts(tables.controls, checked_tables(files.controls, current))
    write_parts(tables.convergence, checked_tables(files.convergence, current))
    classes = checked_tables(files.class_accuracies, current)
    write_parts(tables.class_accuracies, map(class_table, classes))
    means = retraining_means(map(read_table, files.geometry))
    with contextlib.ExitStack() as stack:
        append = {name: stack.enter_context(new_table(tables[name])) for name in PAIRED}
        pairs = []
        for maps, geometry, transfer, features in zip(
            checked_tables(files.maps, current),
            checked_tables(files.geometry, current),
            transfer_tables(files.transfer, files.adversarial),
            map(read_table, files.features),
            strict=True,
        ):
            parts = maps, with_ceilings(geometry, means), transfer, features
            for name, part in zip(PAIRED, parts, strict=True):
                append[name](part)
            pairs.append(pair_rows(*parts))
    write_table(tables.pairs, pairs_table(pairs))


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
