"""Evaluate one block: every target on every source's adversarial images."""

import json

from repcompare.stages.evaluate_transfer import evaluate_transfer
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    evaluate_transfer(
        snakemake.output.transfer,
        weights=snakemake.input.weights,
        records=snakemake.input.records,
        adversarial=snakemake.input.adversarial,
        dataset=snakemake.input.dataset,
        settings=json.loads(snakemake.params.settings),
        device=snakemake.resources.device,
        threads=snakemake.threads,
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
