"""Train one architecture on the non-robust features of another, and test it on clean images."""

import json

from repcompare.stages.train_nonrobust import train_nonrobust
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    train_nonrobust(
        snakemake.output.record,
        dataset=snakemake.input.dataset,
        images=snakemake.input.images,
        source=snakemake.wildcards.source,
        target=snakemake.wildcards.target,
        settings=json.loads(snakemake.params.settings),
        device=snakemake.resources.device,
        threads=snakemake.threads,
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
