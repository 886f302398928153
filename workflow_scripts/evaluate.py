"""Evaluate one block: every network on the images that the others made."""

import json

from repcompare.stages.evaluate import evaluate
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    evaluate(
        snakemake.output.evaluation,
        weights=snakemake.input.weights,
        records=snakemake.input.records,
        adversarial=snakemake.input.adversarial,
        features=snakemake.input.features,
        dataset=snakemake.input.dataset,
        settings=json.loads(snakemake.params.settings),
        device=snakemake.resources.device,
        threads=snakemake.threads,
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
