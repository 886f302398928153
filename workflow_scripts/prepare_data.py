"""Write the study's data file."""

import json

from repcompare.stages.prepare_data import write_dataset
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Load the data set, split it and store it."""
    settings = json.loads(snakemake.params.settings)
    write_dataset(
        snakemake.output.dataset,
        settings["name"],
        snakemake.resources.data_root or None,
        settings["fit_samples"],
        settings["train_samples"],
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
