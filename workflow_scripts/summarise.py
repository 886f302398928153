"""Join the results of models and blocks into the study's tables."""

import pandas as pd

from repcompare.attack_tables import attacks_table, growth_table, steps_table
from repcompare.logs import logging_to
from repcompare.summary import (
    class_table,
    joined_table,
    models_table,
    nonrobust_table,
    pairs_table,
    transfer_table,
    with_ceilings,
)
from repcompare.tables import read_table, write_table


def main(snakemake) -> None:
    """Read every file of the study and write its tables."""
    files, tables = snakemake.input, snakemake.output
    layers, controls, maps, classes, geometry, convergence = (
        joined_table(files[name], files.activations)
        for name in (
            "layers",
            "controls",
            "maps",
            "class_accuracies",
            "geometry",
            "convergence",
        )
    )
    geometry = with_ceilings(geometry)
    features = pd.concat(map(read_table, files.features), ignore_index=True)
    transfer = transfer_table(files.transfer, files.adversarial)
    write_table(tables.models, models_table(files.records, layers))
    write_table(tables.layers, layers)
    write_table(tables.controls, controls)
    write_table(tables.maps, maps)
    write_table(tables.class_accuracies, class_table(classes))
    write_table(tables.geometry, geometry)
    write_table(tables.convergence, convergence)
    write_table(tables.attacks, attacks_table(files.adversarial))
    write_table(tables.attack_steps, steps_table(files.adversarial))
    write_table(tables.attack_growth, growth_table(files.adversarial))
    write_table(tables.transfer, transfer)
    write_table(tables.features, features)
    if files.nonrobust:
        write_table(tables.nonrobust, nonrobust_table(files.nonrobust))
    write_table(tables.pairs, pairs_table(maps, geometry, transfer, features))


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
