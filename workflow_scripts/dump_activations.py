"""Store what one model computes on every image of the study."""

import json

from repcompare.stages.dump_activations import dump_activations
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    dump_activations(
        snakemake.output.activations,
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
