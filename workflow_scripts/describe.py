"""Describe one model: its layers, and the maps to it from controls."""

import json

from repcompare.stages.describe import describe_model
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Read the model's activations and write its tables."""
    settings = json.loads(snakemake.params.settings)
    describe_model(
        snakemake.input.activations,
        snakemake.input.dataset,
        snakemake.output.layers,
        snakemake.output.controls,
        settings["families"],
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
