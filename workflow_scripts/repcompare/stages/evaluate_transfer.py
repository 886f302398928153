"""The rule `evaluate_transfer`: what every target answers to every source's adversarial images."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.data.clean_images import clean_images
from repcompare.data.dataset_file import Dataset
from repcompare.networks.devices import prepared_device
from repcompare.networks.inference import StoredImages, logits_of, margins
from repcompare.networks.models import TrainedModel, folded, load_model
from repcompare.storage.hdf5 import new_hdf5, require_same_data, require_same_images
from repcompare.study.blocks import ordered_pairs


def evaluate_transfer(
    transfer: str | Path,
    *,
    weights: Sequence[str | Path],
    records: Sequence[str | Path],
    adversarial: Sequence[str | Path],
    dataset: str | Path,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Store what every model of a block answers to the others' adversarial images.

    See `store_answers`.

    Args:
        transfer: the file to write.
        weights: of the block's models.
        records: of the models, in the same order.
        adversarial: the images of each, in the same order.
        dataset: the study's data file.
        settings: `batch_size`.
        device: where the networks run, see `networks.devices.resolve_device`.
        threads: of the CPU.
    """
    where = prepared_device(device, threads)
    with Dataset(dataset) as data:
        models = [load_model(*files, data, where) for files in zip(weights, records, strict=True)]
        pairs = ordered_pairs([model.record["architecture"] for model in models])
        store_answers(transfer, models, adversarial, data, pairs, settings["batch_size"])


def store_answers(
    path: str | Path,
    models: Sequence[TrainedModel],
    adversarial: Sequence[str | Path],
    dataset: Dataset,
    pairs: Sequence[tuple[int, int]],
    batch_size: int,
) -> None:
    """Store each target's prediction and margin on each source's images, for every condition.

    One group `{source}/{target}` a pair, with `prediction` int64 and `margin` float32, both
    (conditions, n), the conditions in the order of its attribute `conditions`; the target's answers
    to the clean images as `clean_prediction` and `clean_margin` (n,).

    Args:
        models: every model of the block.
        adversarial: the file of each model, in the same order.
        dataset: with the clean images.
        pairs: (source, target) as positions in `models`.
        batch_size: see `data.batches.images_at_once`.

    Raises:
        MismatchError: the files are not of these models, or hold different images.
    """
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(AdversarialImages(name)) for name in adversarial]
        for model, file in zip(models, files, strict=True):
            file.require_weights(model.name, model.record["model_digest"])
        require_same_data(files)
        require_same_images(files)
        attributes = {
            "models": [model.name for model in models],
            "model_digests": [model.record["model_digest"] for model in models],
            "data_digest": models[0].record["data_digest"],
            "device": str(models[0].device),
        }
        labels = torch.from_numpy(files[0].labels)
        clean = torch.from_numpy(clean_images(files[0], dataset))
        with new_hdf5(path, attributes) as out:
            out["ids"], out["labels"] = files[0].ids, files[0].labels
            for target in sorted({target for _, target in pairs}):
                network = folded(models[target].network)
                on_clean = _answers(network, clean, labels, batch_size)
                for source in sorted(source for source, other in pairs if other == target):
                    attacks = files[source].attacks
                    on_attacks = [
                        _answers(network, one.images, labels, batch_size)
                        for one in attacks.values()
                    ]
                    group = out.create_group(f"{models[source].name}/{models[target].name}")
                    group.attrs["conditions"] = list(attacks)
                    group["clean_prediction"], group["clean_margin"] = on_clean
                    group["prediction"] = np.stack([prediction for prediction, _ in on_attacks])
                    group["margin"] = np.stack([margin for _, margin in on_attacks])


def _answers(
    network: torch.nn.Module, images: StoredImages, labels: torch.Tensor, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions int64 (n,) and margins of the labels float32 (n,)."""
    logits = logits_of(network, images, batch_size)
    return logits.argmax(1).numpy(), margins(logits, labels).numpy()
