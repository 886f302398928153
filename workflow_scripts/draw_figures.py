"""Draw the figures that the study's tables give."""

from repcompare.stages.draw_figures import draw_figures
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    draw_figures(snakemake.output.svg, snakemake.output.png, tables=dict(snakemake.input.items()))


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
