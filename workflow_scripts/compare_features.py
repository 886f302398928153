"""Compare the input features of one block's pairs."""

import contextlib
import json

import h5py

from repcompare.networks.devices import prepare_process, resolve_device
from repcompare.networks.models import load_model
from repcompare.stages.compare_features import Files, compare_features
from repcompare.storage.logs import logging_to


def main(snakemake) -> None:
    """Load the block's models and files and write its table."""
    settings = json.loads(snakemake.params.settings)
    device = resolve_device(snakemake.resources.device)
    prepare_process(snakemake.threads, device)
    given = snakemake.input
    with contextlib.ExitStack() as stack:
        dataset = stack.enter_context(h5py.File(given.dataset))
        models = [
            load_model(weights, record, dataset, device)
            for weights, record in zip(given.weights, given.records, strict=True)
        ]
        files = [
            Files(*(stack.enter_context(h5py.File(path)) for path in paths))
            for paths in zip(given.activations, given.adversarial, given.features, strict=True)
        ]
        compare_features(snakemake.output.features, models, files, settings["batch_size"])


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
