"""Train one architecture on the non-robust features of another, and test it on clean images."""

import json

import h5py
import torch

from repcompare.architectures import build
from repcompare.networks.devices import prepare_process, resolve_device, resolve_precision
from repcompare.networks.training import TrainingSettings, accuracy, train
from repcompare.storage.files import require_equal, versions, write_json
from repcompare.storage.logs import logging_to


def main(snakemake, log) -> None:
    """Train the target and write its accuracy."""
    spec = json.loads(snakemake.params.settings)
    settings = TrainingSettings(**spec["training"])
    device = resolve_device(snakemake.resources.device)
    prepare_process(snakemake.threads, device)
    precision = resolve_precision(settings.precision, device)
    with (
        h5py.File(snakemake.input.dataset) as dataset,
        h5py.File(snakemake.input.images) as source,
    ):
        require_equal(
            "digest of the data",
            [
                (dataset.filename, dataset.attrs["digest"]),
                (source.filename, source.attrs["data_digest"]),
            ],
        )
        images, labels = (
            torch.from_numpy(source[key][:]).to(device) for key in ("images", "labels")
        )
        test = [
            torch.from_numpy(dataset["test"][key][:]).to(device) for key in ("images", "labels")
        ]
        classes = len(dataset.attrs["class_names"])
        mean, std = dataset.attrs["mean"], dataset.attrs["std"]
        made_from, success = source.attrs["model"], float(source.attrs["success"])
    network = build(spec["factory"], spec["kwargs"], images.shape[1], classes, seed=spec["seed"])
    network.set_normalisation(mean, std)
    network.to(device, memory_format=torch.channels_last)
    train(network, images, labels, settings, precision, spec["seed"])
    record = {
        "source": made_from,
        "source_architecture": snakemake.wildcards.source,
        "target_architecture": snakemake.wildcards.target,
        "seed": spec["seed"],
        "success": success,
        "accuracy": accuracy(network, *test),
        "chance": 1 / classes,
        "device": str(device),
        "precision": precision,
        "versions": versions(),
    }
    log.info("clean test accuracy %.4f", record["accuracy"])
    write_json(snakemake.output.record, record)


if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as logger:  # noqa: F821
        main(snakemake, logger)  # noqa: F821
