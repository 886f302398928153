"""The rule `attack`: one model under every attack of a study, in one file."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch.nn.functional import cross_entropy

from repcompare.attacks.balls import Ball
from repcompare.attacks.craft import (
    Computation,
    Examples,
    Images,
    growth,
    noise,
    search,
    successes,
    targets,
)
from repcompare.attacks.pgd import Search
from repcompare.attacks.suite import Attack, planned
from repcompare.data.dataset_file import Dataset
from repcompare.names import MAIN
from repcompare.networks.devices import prepared_device, resolve_precision
from repcompare.networks.inference import logits_of, margins
from repcompare.networks.models import TrainedModel, folded, load_model
from repcompare.storage.hdf5 import new_hdf5


def attack(
    adversarial: str | Path,
    *,
    weights: str | Path,
    record: str | Path,
    dataset: str | Path,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Store one model's perturbed images under every attack of the study: see `attack_model`.

    Args:
        adversarial: the file to write.
        weights: of the model.
        record: of the model.
        dataset: the study's data file.
        settings: the config's `attack`; precision may be `auto`.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.
    """
    where = prepared_device(device, threads)
    precision = resolve_precision(settings["precision"], where)
    computation = Computation(settings["batch_size"], precision, settings["seed"])
    with Dataset(dataset) as data:
        model = load_model(weights, record, data, where)
        attack_model(adversarial, model, data, settings["samples"], planned(settings), computation)


def attack_model(
    path: str | Path,
    model: TrainedModel,
    dataset: Dataset,
    samples: int,
    attacks: Sequence[Attack],
    computation: Computation,
) -> None:
    """Store the perturbed images of the first `samples` test images, one group an attack and ball.

    Losses, margins, predictions and success (the label missed, or the target met) are those of the
    stored 8-bit images, in float32; every stored image is checked against its bound. What is drawn
    for an image depends on the seed, its id and the model alone: from one start, two networks' own
    perturbations would agree by that start. Only random targets are the same for all. Below
    `growth`, by norm: how many of the images that the model classifies correctly `pgd` fools in
    ever larger balls.
    """
    test = dataset.split("test", samples)
    ids, labels = test.ids, torch.from_numpy(test.labels)
    clean = torch.from_numpy(test.images[:samples])
    network = folded(model.network)
    attributes = {
        **{key: model.record[key] for key in ("model", "model_digest", "data_digest")},
        "precision": computation.precision,
        "device": str(model.device),
        "seed": computation.seed,
    }
    own_seed = int(model.record["model_digest"][:8], 16) ^ computation.seed
    of_model = dataclasses.replace(computation, seed=own_seed)
    with new_hdf5(path, attributes) as file:
        clean_logits = logits_of(network, clean, computation.batch_size)
        prediction = clean_logits.argmax(1)
        file["ids"], file["labels"], file["clean"] = ids, labels.numpy(), clean.numpy()
        file["clean_prediction"] = prediction.numpy()
        for attack in attacks:
            if attack.search is None:
                images = Images(clean, ids, labels)
                found = noise(network, images, attack.balls, of_model)
            else:
                rule = attack.search.target
                classes = targets(rule, ids, labels, clean_logits, computation.seed)
                images = Images(clean, ids, classes)
                found = search(network, images, attack.search, attack.balls, of_model)
            for ball, examples in zip(attack.balls, found, strict=True):
                ball.verify(clean, examples.images)
                group = file.create_group(f"attacks/{attack.group(ball)}")
                _store(group, examples, labels, images.classes, attack, ball)
            if attack.name == MAIN and (prediction == labels).any():
                correct = np.flatnonzero(prediction == labels)
                _store_growth(file, network, images, correct, attack, found, of_model)


def _store(
    group: h5py.Group,
    examples: Examples,
    labels: torch.Tensor,
    classes: torch.Tensor,
    attack: Attack,
    ball: Ball,
) -> None:
    group.attrs.update({"attack": attack.name, "norm": ball.norm, "epsilon": ball.epsilon})
    group.attrs["epsilon_label"] = ball.label
    images, targeted = examples.images.numpy(), bool(attack.search and attack.search.targeted)
    group.create_dataset(
        "images",
        data=images,
        chunks=(min(256, len(images)), *images.shape[1:]),
        compression="gzip",
        compression_opts=1,
    )
    group["prediction"] = examples.logits.argmax(1).numpy()
    group["loss"] = cross_entropy(examples.logits, labels, reduction="none").numpy()
    group["margin"] = margins(examples.logits, labels).numpy()
    group["success"] = successes(examples, classes, targeted)
    if targeted:
        group["target_class"] = classes.numpy()
    if attack.search:
        group["objective"] = examples.objectives.numpy()
        group["zero_gradient"] = examples.zero_gradients.numpy()
        for key in Search.__dataclass_fields__:
            group.attrs[f"search_{key}"] = getattr(attack.search, key)


def _store_growth(
    file: h5py.File,
    network: torch.nn.Module,
    images: Images,
    correct: np.ndarray,
    attack: Attack,
    found: Sequence[Examples],
    computation: Computation,
) -> None:
    settings = attack.search
    assert settings is not None, "only the control has none"
    for norm in dict.fromkeys(ball.norm for ball in attack.balls):
        fooled = [
            (ball, successes(examples, images.classes, settings.targeted)[correct])
            for ball, examples in zip(attack.balls, found, strict=True)
            if ball.norm == norm
        ]
        curve = growth(network, images.chosen(correct), settings, fooled, computation)
        group = file.create_group(f"growth/{norm}")
        group["epsilon"], group["success_rate"] = np.array(curve).T
