"""Write the study's data file."""

import json

from repcompare.stages.prepare_data import prepare_data
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Hand what the rule has to its stage."""
    prepare_data(
        snakemake.output.dataset,
        settings=json.loads(snakemake.params.settings),
        root=snakemake.resources.data_root or None,
        test_images={
            "attack.samples": snakemake.resources.attack_samples,
            "features.samples": snakemake.resources.features_samples,
        },
        classes={"attack.objective": snakemake.resources.attack_classes},
        maps=bool(snakemake.resources.maps),
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
