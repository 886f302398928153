"""Do networks learn the same non-robust features? Train one on what only another one sees.

Ilyas et al. 2019 (arXiv:1905.02175, section 3.2): every training image is changed a little, until the
source takes it for a class drawn at random, and is given that class as its label. To a person all labels
are wrong; a network that learns from them and then classifies clean images can only have learnt the
features that the source used.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import torch

from repcompare.attacks.balls import parse_ball
from repcompare.attacks.craft import Computation, Images, search, successes, targets
from repcompare.attacks.pgd import Search
from repcompare.networks.inference import logits_of
from repcompare.networks.models import TrainedModel, folded
from repcompare.storage.files import new_hdf5

BATCH = 500


def write_nonrobust(
    path: str | Path,
    model: TrainedModel,
    dataset: h5py.File,
    section: Mapping[str, Any],
    precision: str,
    seed: int,
) -> None:
    """Store the training images as targeted PGD on `model` leaves them, with their targets as labels.

    `images` uint8 (n, C, H, W), each within its ball, `labels` int64 (n,), and as the attribute
    `success` the share of them that the model classifies so.

    Args:
        section: the config's `features.nonrobust`, with its defaults.
        precision: of the network under attack.
        seed: of the targets and the starts.
    """
    train = dataset["train"]
    clean, labels = (torch.from_numpy(train[key][:]) for key in ("images", "labels"))
    network = folded(model.network)
    ball = parse_ball(section["norm"], section["epsilon"])
    settings = Search(section["steps"], section["step_size"], target="random")
    ids = train["ids"][:]
    aims = targets("random", ids, labels, logits_of(network, clean, BATCH), seed)
    computation = Computation(BATCH, precision, seed)
    (found,) = search(network, Images(clean, ids, aims), settings, [ball], computation)
    ball.verify(clean, found.images)
    attributes = {
        **{key: model.record[key] for key in ("model", "model_digest", "data_digest")},
        "success": successes(found, aims, targeted=True).mean(),
        "precision": precision,
        "device": str(model.device),
        "seed": seed,
    }
    with new_hdf5(path, attributes) as file:
        file.create_dataset("images", data=found.images.numpy(), compression="gzip")
        file["labels"] = aims.numpy()
