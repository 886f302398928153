"""Join the results of models and blocks into the study's tables."""

from repcompare.stages.summarise import summarise
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    summarise(dict(snakemake.output.items()), files=dict(snakemake.input.items()))


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
