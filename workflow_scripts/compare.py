"""Compare one block: linear maps and geometry of its pairs."""

import json

from repcompare.stages.compare import compare
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    compare(
        **dict(snakemake.output.items()),
        activations=snakemake.input.activations,
        records=snakemake.input.records,
        settings=json.loads(snakemake.params.settings),
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
