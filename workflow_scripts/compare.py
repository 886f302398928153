"""Compare one block: linear maps and geometry of its pairs."""

import json

from repcompare.stages.compare import Outputs, compare_block
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Read the block's activations and write its maps and tables."""
    settings = json.loads(snakemake.params.settings)
    compare_block(
        snakemake.input.activations,
        Outputs(**dict(snakemake.output.items())),
        settings["families"],
        settings["measures"],
        settings["layer_pairs"],
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
