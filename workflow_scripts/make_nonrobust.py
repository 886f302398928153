"""Make the training images that hold only what one model uses, under the classes it takes them for."""

import json

import h5py

from repcompare.networks.devices import prepare_process, resolve_device, resolve_precision
from repcompare.networks.models import load_model
from repcompare.stages.make_nonrobust import write_nonrobust
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Load the model and attack its training images."""
    settings = json.loads(snakemake.params.settings)
    device = resolve_device(snakemake.resources.device)
    prepare_process(snakemake.threads, device)
    precision = resolve_precision(settings["precision"], device)
    with h5py.File(snakemake.input.dataset) as dataset:
        model = load_model(snakemake.input.weights, snakemake.input.record, dataset, device)
        write_nonrobust(
            snakemake.output.images,
            model,
            dataset,
            settings["nonrobust"],
            precision,
            settings["seed"],
        )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
