"""Import one model: weights and record."""

import json

from repcompare.stages.import_model import import_model
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    import_model(
        snakemake.output.weights,
        snakemake.output.record,
        dataset=snakemake.input.dataset,
        source=snakemake.input.get("source"),
        architecture=snakemake.wildcards.architecture,
        seed=int(snakemake.wildcards.seed),
        settings=json.loads(snakemake.params.settings),
        device=snakemake.resources.device,
        threads=snakemake.threads,
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
