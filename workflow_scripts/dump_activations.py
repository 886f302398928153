"""Store what one model computes on every image of the study."""

import json

import h5py

from repcompare.networks.devices import prepare_process, resolve_device
from repcompare.networks.models import load_model, untrained
from repcompare.stages.dump_activations import dump_activations
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Load the model and stream its activations to HDF5."""
    settings = json.loads(snakemake.params.settings)
    device = resolve_device(snakemake.resources.device)
    prepare_process(snakemake.threads, device)
    with h5py.File(snakemake.input.dataset) as dataset:
        model = load_model(snakemake.input.weights, snakemake.input.record, dataset, device)
        dump_activations(
            snakemake.output.activations,
            model,
            untrained(model),
            dataset,
            settings["layers"],
            settings["fit_samples"],
            settings["batch_size"],
        )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
