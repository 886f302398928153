"""Draw the gradients and the inversions of a few images by a few models."""

import json

from repcompare.stages.draw_feature_gallery import draw_feature_gallery
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    draw_feature_gallery(
        snakemake.output.svg,
        snakemake.output.png,
        features=snakemake.input.features,
        dataset=snakemake.input.dataset,
        settings=json.loads(snakemake.params.settings),
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
