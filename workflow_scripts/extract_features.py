"""Extract what one model uses in the images of the probe set."""

import json

from repcompare.stages.extract_features import extract_features
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    extract_features(
        snakemake.output.features,
        weights=snakemake.input.weights,
        record=snakemake.input.record,
        dataset=snakemake.input.dataset,
        settings=json.loads(snakemake.params.settings),
        device=snakemake.resources.device,
        threads=snakemake.threads,
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
