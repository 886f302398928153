"""Join the results of models and blocks into the study's tables."""

from repcompare.logs import logging_to
from repcompare.summary import (
    attacks_table,
    block_table,
    disagreement_table,
    models_table,
    pairs_table,
    transfer_table,
)
from repcompare.tables import write_table


def main(snakemake) -> None:
    """Read every file of the study and write its tables."""
    files, tables = snakemake.input, snakemake.output
    maps = block_table(files.maps, files.activations)
    geometry = block_table(files.geometry, files.activations)
    transfer = transfer_table(files.transfer, files.adversarial)
    disagreement = disagreement_table(files.activations)
    write_table(tables.models, models_table(files.records, geometry))
    write_table(tables.maps, maps)
    write_table(tables.geometry, geometry)
    write_table(tables.attacks, attacks_table(files.adversarial))
    write_table(tables.transfer, transfer)
    write_table(tables.pairs, pairs_table(maps, geometry, transfer, disagreement))


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
