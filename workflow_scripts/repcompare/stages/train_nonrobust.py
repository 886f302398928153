"""The rule `train_nonrobust`: one architecture trained on what another one uses, tested on clean images."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from repcompare.data.dataset_file import Dataset
from repcompare.features.nonrobust_file import NonrobustImages
from repcompare.networks import training
from repcompare.networks.checkpoints import Checkpoint
from repcompare.networks.devices import prepared_device
from repcompare.stages.train import SECONDS_BETWEEN_CHECKPOINTS, Spec, accuracy_of, check_size
from repcompare.storage.files import versions, write_json
from repcompare.storage.hdf5 import require_same_data
from repcompare.storage.seals import made_by

LOG = logging.getLogger(__name__)


def train_nonrobust(
    record: str | Path,
    *,
    dataset: str | Path,
    images: str | Path,
    source: str,
    target: str,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Train the target on the source's non-robust images and write its accuracy on clean ones.

    A checkpoint beside the record is gone on from, if it is of this training.

    Args:
        record: the JSON record to write.
        dataset: the study's data file.
        images: what `stages.make_nonrobust` wrote of the source.
        source: the source architecture's name.
        target: the target architecture's name.
        settings: as in `stages.train.train`, and `seed`.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.

    Raises:
        MismatchError: the images were made from another data file.
        TrainingError: the images do not fit in memory, or the training diverged.
    """
    spec = Spec.of(settings, prepared_device(device, threads))
    seed = settings["seed"]
    with Dataset(dataset) as data, NonrobustImages(images) as made:
        data.require_settings(made_by(settings, "dataset"))
        made.require_settings(made_by(settings, "images"))
        require_same_data([data, made])
        check_size(data)
        seen = torch.from_numpy(made.images).to(spec.device)
        labels = torch.from_numpy(made.labels).to(spec.device)
        network, classes = spec.built(data, seed), len(data.class_names)
        made_from, made_by_weights, success = made.name, made.model_digest, made.success
        of_this = [target, settings, made.digest, spec.device.type, spec.precision]
    side_file = Checkpoint(
        Path(record).with_suffix(".checkpoint.bin"),
        json.dumps(of_this, sort_keys=True),
        SECONDS_BETWEEN_CHECKPOINTS,
    )
    training.train(network, seen, labels, spec.settings, spec.precision, seed, checkpoint=side_file)
    with Dataset(dataset) as data:
        accuracy = accuracy_of(network, data)
    LOG.info("clean test accuracy %.4f", accuracy)
    write_json(
        record,
        {
            "source": made_from,
            "source_digest": made_by_weights,
            "source_architecture": source,
            "target_architecture": target,
            "seed": seed,
            "success": success,
            "accuracy": accuracy,
            "chance": 1 / classes,
            "device": str(spec.device),
            "precision": spec.precision,
            "versions": versions(),
        },
    )
    side_file.remove()
