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
from repcompare.storage.hdf5 import as_attribute, new_hdf5, store_rows
from repcompare.storage.seals import made_by


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
        settings: the config's `attack`; precision may be `auto`. And `inputs`, as in
            `stages.train.train`.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.
    """
    where = prepared_device(device, threads)
    precision = resolve_precision(settings["precision"], where)
    computation = Computation(
        settings["batch_size"], precision, settings["seed"], settings["quantise"]
    )
    with Dataset(dataset) as data:
        model = load_model(weights, record, data, where, made_by(settings, "network"))
        attacks, stored = planned(settings), as_attribute(settings)
        attack_model(adversarial, model, data, settings["samples"], attacks, computation, stored)


def attack_model(
    path: str | Path,
    model: TrainedModel,
    dataset: Dataset,
    samples: int,
    attacks: Sequence[Attack],
    computation: Computation,
    stored_settings: str = "{}",
) -> None:
    """Store the perturbed images of the first `samples` test images, one group an attack and ball.

    Losses, margins, predictions and success (the label missed, or the target met) are those of the
    stored images, in float32; every stored image is checked against its bound. What is drawn
    for an image depends on the seed, its id and the model alone: from one start, two networks' own
    perturbations would agree by that start. Only random targets are the same for all. Below
    `growth`, by norm: how many of the images that the model classifies correctly `pgd` fools in
    ever larger balls. Images are stored batch by batch: only the clean ones are all in memory.
    `stored_settings` is JSON.
    """
    test = dataset.split("test", samples)
    ids, labels = test.ids, torch.from_numpy(test.labels)
    clean = torch.from_numpy(test.images[: len(ids)])
    network = folded(model.network)
    attributes = {
        **{key: model.record[key] for key in ("model", "model_digest", "data_digest")},
        "precision": computation.precision,
        "device": str(model.device),
        "seed": computation.seed,
        "settings": stored_settings,
    }
    own_seed = int(model.record["model_digest"][:8], 16) ^ computation.seed
    of_model = dataclasses.replace(computation, seed=own_seed)
    with new_hdf5(path, attributes) as file:
        clean_logits = logits_of(network, clean, computation.batch_size)
        prediction = clean_logits.argmax(1)
        correct = (prediction == labels).numpy()
        file["ids"], file["labels"] = ids, labels.numpy()
        file["clean_prediction"] = prediction.numpy()
        for attack in attacks:
            rule = attack.search.target if attack.search else "none"
            classes = targets(rule, ids, labels, clean_logits, computation.seed)
            images = Images(clean, ids, classes)
            groups = [_new_group(file, attack, ball) for ball in attack.balls]
            for rows in images.batches(computation.batch_size):
                batch = images.chosen(rows)
                found = _perturbed(network, batch, attack, of_model)
                for group, ball, examples in zip(groups, attack.balls, found, strict=True):
                    ball.verify(batch.clean, examples.images)
                    for name, values in _stored(examples, batch, labels[rows], attack).items():
                        store_rows(group, name, rows, len(ids), values)
            if attack.name == MAIN and correct.any():
                _store_growth(file, network, images, correct, attack, of_model)


def _new_group(file: h5py.File, attack: Attack, ball: Ball) -> h5py.Group:
    """The group of one attack and ball, saying which they are."""
    group = file.create_group(f"attacks/{attack.group(ball)}")
    group.attrs.update({"attack": attack.name, "norm": ball.norm, "epsilon": ball.epsilon})
    group.attrs["epsilon_label"] = ball.label
    if attack.search:
        for key in Search.__dataclass_fields__:
            group.attrs[f"search_{key}"] = getattr(attack.search, key)
    return group


def _perturbed(
    network: torch.nn.Module, batch: Images, attack: Attack, computation: Computation
) -> list[Examples]:
    """The examples of a batch in each ball of an attack."""
    if attack.search is None:
        return noise(network, batch, attack.balls, computation)
    return search(network, batch, attack.search, attack.balls, computation)


def _stored(
    examples: Examples, batch: Images, labels: torch.Tensor, attack: Attack
) -> dict[str, np.ndarray]:
    """What is stored of the examples of a batch, by data set."""
    targeted = bool(attack.search and attack.search.targeted)
    if examples.images.dtype == torch.uint8:
        change = (examples.images.numpy().astype(np.int32) - batch.clean.numpy()) / 255
    else:
        change = (examples.images.double() - batch.clean.double() / 255).numpy()
    sizes = np.abs(change.reshape(len(change), -1))
    found = {
        "images": examples.images.numpy(),
        "prediction": examples.logits.argmax(1).numpy(),
        "loss": cross_entropy(examples.logits, labels, reduction="none").numpy(),
        "margin": margins(examples.logits, labels).numpy(),
        "success": successes(examples, batch.classes, targeted),
        "linf": sizes.max(axis=1),
        "l2": np.sqrt((sizes**2).sum(axis=1)),
    }
    if targeted:
        found["target_class"] = batch.classes.numpy()
    if attack.search:
        found["objective"] = examples.objectives.numpy()
        found["zero_gradient"] = examples.zero_gradients.numpy()
    return found


def _store_growth(
    file: h5py.File,
    network: torch.nn.Module,
    images: Images,
    correct: np.ndarray,
    attack: Attack,
    computation: Computation,
) -> None:
    """Store how many of the images that are classified correctly, bool (n,), ever larger balls fool."""
    settings = attack.search
    assert settings is not None, "only the control has none"
    chosen = images.chosen(np.flatnonzero(correct))
    for norm in dict.fromkeys(ball.norm for ball in attack.balls):
        fooled = [
            (ball, file[f"attacks/{attack.group(ball)}/success"][:][correct])
            for ball in attack.balls
            if ball.norm == norm
        ]
        curve = growth(network, chosen, settings, fooled, computation)
        group = file.create_group(f"growth/{norm}")
        group["epsilon"], group["success_rate"] = np.array(curve).T
