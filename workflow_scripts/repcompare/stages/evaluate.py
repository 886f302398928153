"""The rule `evaluate`: what every network of a block makes of the images that the others made."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.data.clean_images import clean_images
from repcompare.data.dataset_file import Dataset
from repcompare.features.features_file import InputFeatures
from repcompare.features.inversion import represented, representing
from repcompare.names import STARTS
from repcompare.networks.devices import prepared_device
from repcompare.networks.inference import StoredImages, logits_of, margins
from repcompare.networks.models import TrainedModel, folded, load_model
from repcompare.storage.hdf5 import (
    COMPRESSED,
    ModelFile,
    as_attribute,
    new_hdf5,
    require_same_data,
    require_same_images,
)
from repcompare.storage.seals import made_by
from repcompare.study.blocks import ordered_pairs


def evaluate(
    evaluation: str | Path,
    *,
    weights: Sequence[str | Path],
    records: Sequence[str | Path],
    adversarial: Sequence[str | Path],
    features: Sequence[str | Path],
    dataset: str | Path,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Store what every model of a block makes of the others' images: see `store_evaluation`.

    Args:
        evaluation: the file to write.
        weights: of the block's models.
        records: of the models; this and the files that follow in the same order.
        adversarial: the models' adversarial images; none where the study attacks none.
        features: their inversions, what `stages.extract_features` wrote; none where there are none.
        dataset: the study's data file.
        settings: `batch_size`; and `inputs`, as in `stages.train.train`.
        device: where the networks run, see `networks.devices.resolve_device`.
        threads: of the CPU.
    """
    where = prepared_device(device, threads)
    with Dataset(dataset) as data:
        made = made_by(settings, "networks") or [{}] * len(weights)
        models = [
            load_model(one, record, data, where, network)
            for one, record, network in zip(weights, records, made, strict=True)
        ]
        pairs = ordered_pairs([model.record["architecture"] for model in models])
        batch_size = settings["batch_size"]
        store_evaluation(
            evaluation, models, adversarial, features, data, pairs, batch_size, settings
        )


def store_evaluation(
    path: str | Path,
    models: Sequence[TrainedModel],
    adversarial: Sequence[str | Path],
    features: Sequence[str | Path],
    dataset: Dataset,
    pairs: Sequence[tuple[int, int]],
    batch_size: int,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Store each target's answers to each source's images, and how it represents its inversions.

    Of adversarial images `{source}/{target}` has `prediction` int32 and `margin` float32, both
    (conditions, n), the conditions in the order of its attribute `conditions`; `clean/{target}` has
    the target's `prediction` and `margin` (n,) on the clean images. Of inversions
    `{source}/{target}/{start}` is the target's representation of them, float16 (n, d), up to a shift
    and a scale.

    Args:
        models: every model of the block.
        adversarial: the file of each model, in the same order; or none.
        features: the file of each model, in the same order; or none.
        dataset: with the clean images.
        pairs: (source, target) as positions in `models`.
        batch_size: see `data.batches.images_at_once`.
        settings: what is stored of them; and `inputs`, as in `stages.train.train`.

    Raises:
        MismatchError: the files are not of these models, or hold different images.
    """
    with contextlib.ExitStack() as stack:
        attacked = [stack.enter_context(AdversarialImages(name)) for name in adversarial]
        inverted = [stack.enter_context(InputFeatures(name)) for name in features]
        attributes = {
            "models": [model.name for model in models],
            "model_digests": [model.record["model_digest"] for model in models],
            "data_digest": models[0].record["data_digest"],
            "device": str(models[0].device),
        }
        settings = settings or {}
        attributes["settings"] = as_attribute(settings)
        made: dict[str, list[ModelFile]] = {"adversarial": [*attacked], "features": [*inverted]}
        for kind, files in made.items():
            if files:
                for file in files:
                    file.require_settings(made_by(settings, kind))
                check(models, files)
                attributes[f"{kind}_digests"] = [file.digest for file in files]
        with new_hdf5(path, attributes) as out:
            if attacked:
                store_answers(out, models, attacked, dataset, pairs, batch_size)
            if inverted:
                store_representations(out, models, inverted, pairs, batch_size)


def check(models: Sequence[TrainedModel], files: Sequence[ModelFile]) -> None:
    """Raise MismatchError unless every file is of its model and all hold the same images."""
    for model, file in zip(models, files, strict=True):
        file.require_weights(model.name, model.record["model_digest"])
    require_same_data(files)
    require_same_images(files)


def store_answers(
    out: h5py.Group,
    models: Sequence[TrainedModel],
    files: Sequence[AdversarialImages],
    dataset: Dataset,
    pairs: Sequence[tuple[int, int]],
    batch_size: int,
) -> None:
    """What each target answers to the clean images, and to those of every source."""
    labels = torch.from_numpy(files[0].labels)
    clean = torch.from_numpy(clean_images(files[0], dataset))
    out["ids"], out["labels"] = files[0].ids, files[0].labels
    for target in sorted({target for _, target in pairs}):
        name, network = models[target].name, folded(models[target].network)
        on_clean = answers(network, clean, labels, batch_size)
        out[f"clean/{name}/prediction"], out[f"clean/{name}/margin"] = on_clean
        for source in sorted(source for source, other in pairs if other == target):
            attacks = files[source].attacks
            on_attacks = [answers(network, a.images, labels, batch_size) for a in attacks.values()]
            group = out.require_group(f"{models[source].name}/{name}")
            group.attrs["conditions"] = list(attacks)
            for kind, values in zip(
                ("prediction", "margin"), zip(*on_attacks, strict=True), strict=True
            ):
                group.create_dataset(kind, data=np.stack(values), **COMPRESSED)


def answers(
    network: torch.nn.Module, images: StoredImages, labels: torch.Tensor, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions int32 (n,) and margins of the labels float32 (n,)."""
    logits = logits_of(network, images, batch_size)
    return logits.argmax(1).to(torch.int32).numpy(), margins(logits, labels).numpy()


def store_representations(
    out: h5py.Group,
    models: Sequence[TrainedModel],
    files: Sequence[InputFeatures],
    pairs: Sequence[tuple[int, int]],
    batch_size: int,
) -> None:
    """How each target represents the inversions of every source."""
    for target in sorted({target for _, target in pairs}):
        network = representing(models[target].network)
        for source in sorted(source for source, other in pairs if other == target):
            group = out.require_group(f"{models[source].name}/{models[target].name}")
            for start in STARTS:
                images = files[source].inversions(start).images
                seen = represented(network, images, batch_size).numpy()
                group.create_dataset(start, data=compact(seen), **COMPRESSED)


def compact(representation: np.ndarray) -> np.ndarray:
    """A representation (n, d), its mean taken off and its largest value 1, in half precision.

    Similarity is not changed by a shift nor by a scale. Without its mean, for the rounding of a unit
    that is large and hardly varies would be of the size of what varies.
    """
    centred = representation - representation.mean(axis=0, dtype=np.float64)
    return (centred / (np.abs(centred).max(initial=0.0) or 1.0)).astype(np.float16)
