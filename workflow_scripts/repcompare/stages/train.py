"""The rule `train`: one network on the study's images, its weights and its record."""

import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from repcompare.architectures import build
from repcompare.architectures.classifier import Classifier
from repcompare.data.dataset_file import Dataset
from repcompare.networks import training
from repcompare.networks.checkpoints import Checkpoint
from repcompare.networks.devices import prepared_device, resolve_precision
from repcompare.networks.models import Record, save_model
from repcompare.networks.training import TrainingError, TrainingSettings
from repcompare.storage.files import versions

SECONDS_BETWEEN_CHECKPOINTS = 60

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Spec:
    """What a rule's settings say of one training."""

    factory: str
    kwargs: Mapping[str, Any]
    settings: TrainingSettings
    device: torch.device

    @classmethod
    def of(cls, settings: Mapping[str, Any], device: torch.device) -> "Spec":
        """From `factory`, `kwargs` and `training`."""
        return cls(
            settings["factory"],
            settings["kwargs"],
            TrainingSettings(**settings["training"]),
            device,
        )

    @property
    def precision(self) -> str:
        """The arithmetic on the device."""
        return resolve_precision(self.settings.precision, self.device)

    def built(self, data: Dataset, seed: int) -> Classifier:
        """The network before its training, on the device."""
        channels, classes = data.image_shape[0], len(data.class_names)
        network = build(self.factory, self.kwargs, channels, classes, seed=seed)
        network.set_normalisation(data.mean, data.std)
        # torch can, its overloads have no device with a memory format.
        network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def tensors(self, data: Dataset, split: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Images uint8 (n, C, H, W) and labels int64 (n,) of a split, on the device."""
        found = data.split(split)
        images, labels = torch.from_numpy(found.images[:]), torch.from_numpy(found.labels)
        return images.to(self.device), labels.to(self.device)


def train(
    weights: str | Path,
    record: str | Path,
    *,
    dataset: str | Path,
    architecture: str,
    seed: int,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Train `{architecture}/seed{seed}` on the study's training images.

    A checkpoint beside the weights is gone on from, if it is of this training.

    Args:
        weights: the safetensors file to write.
        record: the `Record` to write.
        dataset: the study's data file.
        architecture: the architecture's name in the study.
        seed: of the initialisation and of all that is drawn while training.
        settings: `factory`, `kwargs` and `training`, the keys of `TrainingSettings`.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.

    Raises:
        TrainingError: the training diverged, or ended below the accuracy that was asked for.
    """
    spec = Spec.of(settings, prepared_device(device, threads))
    name = f"{architecture}/seed{seed}"
    with Dataset(dataset) as data:
        splits = {split: spec.tensors(data, split) for split in ("train", "test")}
        network, data_digest = spec.built(data, seed), data.digest
        num_classes = len(data.class_names)
    of_this = [settings, data_digest, spec.device.type, spec.precision]
    side_file = Checkpoint(
        Path(weights).with_name("checkpoint.bin"),
        json.dumps(of_this, sort_keys=True),
        SECONDS_BETWEEN_CHECKPOINTS,
    )
    bar = tqdm(total=spec.settings.epochs, desc=name, unit="epoch", disable=None)

    def report(epoch: training.Epoch) -> None:
        bar.n = epoch.epoch
        bar.set_postfix(loss=f"{epoch.loss:.3f}", accuracy=f"{epoch.accuracy:.3f}")
        LOG.info("epoch %d loss %.4f accuracy %.4f", epoch.epoch, epoch.loss, epoch.accuracy)

    history = training.train(
        network, *splits["train"], spec.settings, spec.precision, seed, report, side_file
    )
    seconds = sum(epoch.seconds for epoch in history)
    train_accuracy, test_accuracy = (
        training.accuracy(network, *splits[split]) for split in ("train", "test")
    )
    LOG.info(
        "%s: accuracy %.4f, on the test images %.4f, after %.1f s on %s",
        name, train_accuracy, test_accuracy, seconds, spec.device,
    )  # fmt: skip
    if test_accuracy < spec.settings.minimum_accuracy:
        raise TrainingError(
            f"{name}: test accuracy {test_accuracy:.4f} is below "
            f"training.minimum_accuracy {spec.settings.minimum_accuracy}"
        )
    found = Record(
        model=name,
        architecture=architecture,
        seed=seed,
        factory=spec.factory,
        kwargs=spec.kwargs,
        in_channels=splits["train"][0].shape[1],
        num_classes=num_classes,
        origin="trained",
        parameters=sum(p.numel() for p in network.parameters()),
        representation_width=network.classifier.in_features,
        train_accuracy=train_accuracy,
        test_accuracy=test_accuracy,
        training=settings["training"],
        train_seconds=round(seconds, 3),
        device=str(spec.device),
        precision=spec.precision,
        threads=threads,
        data_digest=data_digest,
        versions=versions(),
        history=[dataclasses.asdict(epoch) for epoch in history],
    )
    save_model(weights, record, network, dataclasses.asdict(found))
    side_file.remove()
