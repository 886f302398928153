"""Compare one block: linear maps and geometry of its pairs."""

import json

from repcompare.compare import compare_block
from repcompare.logs import logging_to


def main(snakemake) -> None:
    """Read the block's activations and write maps, scores and geometry."""
    settings = json.loads(snakemake.params.settings)
    compare_block(
        snakemake.input.activations,
        snakemake.output.maps,
        snakemake.output.scores,
        snakemake.output.geometry,
        settings["families"],
        settings["measures"],
        settings["fit_samples"],
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
