"""Evaluate one block: every target on every source's adversarial images."""

import json

import h5py

from repcompare.networks.devices import prepare_process, resolve_device
from repcompare.networks.models import load_model
from repcompare.stages.evaluate_transfer import evaluate_transfer
from repcompare.storage.logs import logging_to
from repcompare.study.blocks import ordered_pairs


def main(snakemake) -> None:
    """Load the block's models and store their answers."""
    settings = json.loads(snakemake.params.settings)
    device = resolve_device(snakemake.resources.device)
    prepare_process(snakemake.threads, device)
    with h5py.File(snakemake.input.dataset) as dataset:
        models = [
            load_model(weights, record, dataset, device)
            for weights, record in zip(
                snakemake.input.weights, snakemake.input.records, strict=True
            )
        ]
    architectures = [model.record["architecture"] for model in models]
    evaluate_transfer(
        snakemake.output.transfer,
        models,
        snakemake.input.adversarial,
        ordered_pairs(architectures),
        settings["batch_size"],
    )


if __name__ == "__main__":
    with logging_to(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
