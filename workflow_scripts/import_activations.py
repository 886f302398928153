"""Import one model that is known by its activations alone."""

import json

from repcompare.stages.import_activations import import_activations
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    import_activations(
        snakemake.output.activations,
        snakemake.output.record,
        dataset=snakemake.input.dataset,
        source=snakemake.input.source,
        architecture=snakemake.wildcards.architecture,
        seed=int(snakemake.wildcards.seed),
        settings=json.loads(snakemake.params.settings),
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
