"""Describe one model: its layers, and the maps to it from controls."""

import json

from repcompare.stages.describe import describe
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    describe(
        **dict(snakemake.output.items()),
        activations=snakemake.input.activations,
        dataset=snakemake.input.dataset,
        record=snakemake.input.record,
        settings=json.loads(snakemake.params.settings),
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
