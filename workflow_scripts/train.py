"""Train one model: weights and record."""

import dataclasses
import json
from pathlib import Path

import h5py
import torch
from tqdm import tqdm

from repcompare.architectures import build
from repcompare.networks.checkpoints import Checkpoint
from repcompare.networks.devices import prepare_process, resolve_device, resolve_precision
from repcompare.networks.models import save_model
from repcompare.networks.training import TrainingError, TrainingSettings, accuracy, train
from repcompare.storage.files import versions
from repcompare.storage.logs import logging_to

SECONDS_BETWEEN_CHECKPOINTS = 60


def main(snakemake, log) -> None:
    """Train `{architecture}/seed{seed}` on the study's training images."""
    spec = json.loads(snakemake.params.settings)
    settings = TrainingSettings(**spec["training"])
    seed = int(snakemake.wildcards.seed)
    name = f"{snakemake.wildcards.architecture}/seed{seed}"
    device = resolve_device(snakemake.resources.device)
    prepare_process(snakemake.threads, device)
    precision = resolve_precision(settings.precision, device)
    with h5py.File(snakemake.input.dataset) as file:
        splits = {
            split: tuple(
                torch.from_numpy(file[split][key][:]).to(device) for key in ("images", "labels")
            )
            for split in ("train", "test")
        }
        attributes = dict(file.attrs)
    in_channels, num_classes = splits["train"][0].shape[1], len(attributes["class_names"])
    network = build(spec["factory"], spec["kwargs"], in_channels, num_classes, seed=seed)
    network.set_normalisation(attributes["mean"], attributes["std"])
    network.to(device, memory_format=torch.channels_last)

    side_file = Checkpoint(
        Path(snakemake.output.weights).with_name("checkpoint.bin"),
        json.dumps([snakemake.params.settings, attributes["digest"], device.type, precision]),
        SECONDS_BETWEEN_CHECKPOINTS,
    )
    bar = tqdm(total=settings.epochs, desc=name, unit="epoch", disable=None)

    def report(epoch) -> None:
        bar.n = epoch.epoch
        bar.set_postfix(loss=f"{epoch.loss:.3f}", accuracy=f"{epoch.accuracy:.3f}")
        log.info("epoch %d loss %.4f accuracy %.4f", epoch.epoch, epoch.loss, epoch.accuracy)

    history = train(network, *splits["train"], settings, precision, seed, report, side_file)
    seconds = sum(epoch.seconds for epoch in history)
    accuracies = {f"{split}_accuracy": accuracy(network, *data) for split, data in splits.items()}
    log.info("%s: %s after %.1f s on %s", name, accuracies, seconds, device)
    if accuracies["test_accuracy"] < settings.minimum_accuracy:
        raise TrainingError(
            f"{name}: test accuracy {accuracies['test_accuracy']:.4f} is below "
            f"training.minimum_accuracy {settings.minimum_accuracy}"
        )
    record = {
        "model": name,
        "architecture": snakemake.wildcards.architecture,
        "seed": seed,
        "factory": spec["factory"],
        "kwargs": spec["kwargs"],
        "in_channels": in_channels,
        "num_classes": num_classes,
        "parameters": sum(p.numel() for p in network.parameters()),
        "representation_width": network.classifier.in_features,
        **accuracies,
        "training": spec["training"],
        "train_seconds": round(seconds, 3),
        "device": str(device),
        "precision": precision,
        "threads": snakemake.threads,
        "data_digest": attributes["digest"],
        "versions": versions(),
        "history": [dataclasses.asdict(epoch) for epoch in history],
    }
    save_model(snakemake.output.weights, snakemake.output.record, network, record)
    side_file.remove()


if __name__ == "__main__":
    with logging_to(snakemake.log[0]) as logger:  # noqa: F821
        main(snakemake, logger)  # noqa: F821
