"""Compare the input features of one block's pairs."""

import json

from repcompare.stages.compare_features import compare_features
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    compare_features(
        snakemake.output.features,
        activations=snakemake.input.activations,
        adversarial=snakemake.input.adversarial,
        inputs=snakemake.input.features,
        evaluation=snakemake.input.evaluation,
        dataset=snakemake.input.dataset,
        settings=json.loads(snakemake.params.settings),
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
