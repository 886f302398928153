"""The rule `train`: one network on the study's images, its weights and its record."""

import dataclasses
import json
import logging
import math
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
from repcompare.networks.devices import prepared_device, processor, resolve_precision
from repcompare.networks.models import save_model
from repcompare.networks.record import Record
from repcompare.networks.training import TrainingError, TrainingSettings
from repcompare.storage.files import versions
from repcompare.storage.seals import made_by

SECONDS_BETWEEN_CHECKPOINTS = 60
# Of the training images, a byte a value. They are in memory twice: with the copy that batches are
# gathered from half of what a job is given.
MOST_BYTES = 10**9

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

    def tensors(self, data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
        """The training images uint8 (n, C, H, W) and their labels int64 (n,), on the device."""
        check_size(data)
        found = data.split("train")
        images, labels = torch.from_numpy(found.images[:]), torch.from_numpy(found.labels)
        return images.to(self.device), labels.to(self.device)


def check_size(data: Dataset) -> None:
    """Raise TrainingError if the training images are more than can be in memory."""
    n, shape = data.sizes["train"], data.image_shape
    each = math.prod(shape)
    if n * each > MOST_BYTES:
        raise TrainingError(
            f"data.train_samples: {n} images of {'x'.join(map(str, shape))} are "
            f"{n * each / 1e9:.2f} GB; training keeps them in memory, and takes at most "
            f"{MOST_BYTES / 1e9:g} GB: {MOST_BYTES // each} of them"
        )


def accuracy_of(network: Classifier, data: Dataset) -> float:
    """The share of the test images that the network gets right, read a part at a time."""
    test = data.split("test")
    return training.accuracy(network, test.images, torch.from_numpy(test.labels))


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
        settings: `factory`, `kwargs` and `training`, the keys of `TrainingSettings`; and `inputs`, the
            settings that each kind of input must have been made by.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.

    Raises:
        TrainingError: the images do not fit in memory, the training diverged, or it ended below the
            accuracy that was asked for.
    """
    spec = Spec.of(settings, prepared_device(device, threads))
    name = f"{architecture}/seed{seed}"
    with Dataset(dataset) as data:
        data.require_settings(made_by(settings, "dataset"))
        images, labels = spec.tensors(data)
        network, data_digest = spec.built(data, seed), data.digest
        num_classes = len(data.class_names)
    of_this = [name, settings, data_digest, spec.device.type, spec.precision]
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
        network, images, labels, spec.settings, spec.precision, seed, report, side_file
    )
    on_train = training.accuracy(network, images, labels)
    with Dataset(dataset) as data:
        on_test = accuracy_of(network, data)
    LOG.info(
        "%s: accuracy %.4f, on the test images %.4f, on %s", name, on_train, on_test, spec.device
    )
    if on_test < spec.settings.minimum_accuracy:
        raise TrainingError(
            f"{name}: test accuracy {on_test:.4f} is below "
            f"training.minimum_accuracy {spec.settings.minimum_accuracy}"
        )
    found = Record(
        model=name,
        architecture=architecture,
        seed=seed,
        factory=spec.factory,
        kwargs=spec.kwargs,
        in_channels=images.shape[1],
        num_classes=num_classes,
        origin="trained",
        parameters=sum(p.numel() for p in network.parameters()),
        representation_width=network.classifier.in_features,
        train_accuracy=on_train,
        test_accuracy=on_test,
        training=settings["training"],
        device=str(spec.device),
        processor=processor(spec.device),
        precision=spec.precision,
        threads=threads,
        data_digest=data_digest,
        versions=versions(),
        history=[dataclasses.asdict(epoch) for epoch in history],
    )
    save_model(weights, record, network, dataclasses.asdict(found))
    side_file.remove()
