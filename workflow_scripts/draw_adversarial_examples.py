"""Draw a few adversarial examples of a few models."""

import json

from repcompare.stages.draw_adversarial_examples import draw_adversarial_examples
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    draw_adversarial_examples(
        snakemake.output.svg,
        snakemake.output.png,
        adversarial=snakemake.input.adversarial,
        transfer=snakemake.input.transfer,
        dataset=snakemake.input.dataset,
        settings=json.loads(snakemake.params.settings),
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
