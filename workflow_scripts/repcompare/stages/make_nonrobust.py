"""The rule `make_nonrobust`: images that hold, of the classes they are given, only what a network sees.

Ilyas et al. 2019 (arXiv:1905.02175, section 3.2): every training image is changed a little, until the
source takes it for a class drawn at random, and is given that class as its label. To a person all labels
are wrong; a network that learns from them and then classifies clean images can only have learnt the
features that the source used.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from repcompare.attacks.balls import parse_ball
from repcompare.attacks.craft import Computation, Images, search, successes, targets
from repcompare.attacks.pgd import Search
from repcompare.data.dataset_file import Dataset
from repcompare.networks.devices import prepared_device, resolve_precision
from repcompare.networks.inference import batches, logits_of
from repcompare.networks.models import TrainedModel, folded, load_model
from repcompare.storage.hdf5 import as_attribute, new_hdf5, store_rows
from repcompare.storage.seals import made_by

# Of CIFAR's size, see `data.batches.images_at_once`.
BATCH = 500


def make_nonrobust(
    images: str | Path,
    *,
    weights: str | Path,
    record: str | Path,
    dataset: str | Path,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Store what one model uses in the training images: see `write_nonrobust`.

    Args:
        images: the file to write.
        weights: of the model.
        record: of the model.
        dataset: the study's data file.
        settings: `nonrobust`, `seed` and `precision`, which may be `auto`; and `inputs`, as in
            `stages.train.train`.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.
    """
    where = prepared_device(device, threads)
    precision = resolve_precision(settings["precision"], where)
    with Dataset(dataset) as data:
        model = load_model(weights, record, data, where, made_by(settings, "network"))
        section, seed, stored = settings["nonrobust"], settings["seed"], as_attribute(settings)
        write_nonrobust(images, model, data, section, precision, seed, stored)


def write_nonrobust(
    path: str | Path,
    model: TrainedModel,
    dataset: Dataset,
    section: Mapping[str, Any],
    precision: str,
    seed: int,
    stored_settings: str = "{}",
) -> None:
    """Store the training images as targeted PGD on `model` leaves them, with their targets as labels.

    `images` uint8 (n, C, H, W), each within its ball, `labels` int64 (n,), and as the attribute
    `success` the share of them that the model classifies so.

    Args:
        section: the config's `features.nonrobust`, with its defaults.
        precision: of the network under attack.
        seed: of the targets and the starts.
        stored_settings: what is stored of the settings, JSON.
    """
    train = dataset.split("train")
    n, labels = len(train), torch.from_numpy(train.labels)
    network = folded(model.network)
    ball = parse_ball(section["norm"], section["epsilon"])
    settings = Search(section["steps"], section["step_size"], target="random")
    aims = targets("random", train.ids, labels, logits_of(network, train.images, BATCH), seed)
    computation = Computation(BATCH, precision, seed)
    attributes = {
        **{key: model.record[key] for key in ("model", "model_digest", "data_digest")},
        "precision": precision,
        "device": str(model.device),
        "seed": seed,
        "settings": stored_settings,
    }
    met = np.empty(n, bool)
    with new_hdf5(path, attributes) as file:
        for rows in batches(n, BATCH, dataset.image_shape):
            clean = torch.from_numpy(train.images[rows])
            batch = Images(clean, train.ids[rows], aims[rows])
            (found,) = search(network, batch, settings, [ball], computation)
            ball.verify(clean, found.images)
            store_rows(file, "images", rows, n, found.images.numpy())
            met[rows] = successes(found, batch.classes, targeted=True)
        file["labels"] = aims.numpy()
        attributes["success"] = met.mean()
