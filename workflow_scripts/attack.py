"""Attack one model: adversarial images under every attack, norm and epsilon, and the noise control."""

import json

from repcompare.stages.attack import attack
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    attack(
        snakemake.output.adversarial,
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
