"""Make the training images that hold only what one model uses, under the classes it takes them for."""

import json

from repcompare.stages.make_nonrobust import make_nonrobust
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    make_nonrobust(
        snakemake.output.images,
        dataset=snakemake.input.dataset,
        weights=snakemake.input.weights,
        record=snakemake.input.record,
        settings=json.loads(snakemake.params.settings),
        device=snakemake.resources.device,
        threads=snakemake.threads,
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
