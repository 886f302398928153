"""The rule `extract_features`: one network's margin gradients, and images that it takes for others."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from repcompare.attacks.balls import normalised
from repcompare.data.dataset_file import Dataset
from repcompare.features.gradients import margin_gradients
from repcompare.features.inversion import (
    invert,
    noise_starts,
    other_images,
    represented,
    representing,
    residuals,
)
from repcompare.names import STARTS
from repcompare.networks.devices import prepared_device, resolve_precision
from repcompare.networks.inference import batches, to_bytes, to_float
from repcompare.networks.models import TrainedModel, folded, load_model
from repcompare.storage.hdf5 import as_attribute, new_hdf5, store_rows
from repcompare.storage.seals import made_by


@dataclass(frozen=True)
class FeatureSettings:
    """The config's `features`, its precision resolved; see config/README.md."""

    samples: int
    steps: int
    step_size: float
    tolerance: float
    batch_size: int
    precision: str
    seed: int


def extract_features(
    features: str | Path,
    *,
    weights: str | Path,
    record: str | Path,
    dataset: str | Path,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Store what one model uses in the images of the probe set: see `store_features`.

    Args:
        features: the file to write.
        weights: of the model.
        record: of the model.
        dataset: the study's data file.
        settings: the keys of `FeatureSettings`; precision may be `auto`. And `inputs`, as in
            `stages.train.train`.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.
    """
    where = prepared_device(device, threads)
    chosen = {key: settings[key] for key in FeatureSettings.__dataclass_fields__}
    chosen["precision"] = resolve_precision(settings["precision"], where)
    with Dataset(dataset) as data:
        model = load_model(weights, record, data, where, made_by(settings, "network"))
        store_features(features, model, data, FeatureSettings(**chosen))


def store_features(
    path: str | Path, model: TrainedModel, dataset: Dataset, settings: FeatureSettings
) -> None:
    """Store gradients and inversions of the probe set, the first `samples` test images.

    `gradient` float16 (n, C, H, W) is that of the margin of the label with respect to the image, in
    float32, divided by its largest absolute value: only its direction is asked for. A gradient of
    zeros stays so. `representation` (n, d) is what the network makes of the images. For each start,
    `noise` or another `image` of the probe set of another class, `inversion/{start}` holds `images`
    uint8; their `residual` (n,), by `inversion.residuals`, and their `representation` are of the images
    as they are stored.
    Starts depend on the seed and the image's id alone, so that all networks begin at the same ones.
    """
    test = dataset.split("test", settings.samples)
    n, labels = len(test), torch.from_numpy(test.labels)
    clean = torch.from_numpy(test.images[:n])
    others = other_images(test.ids, test.labels, settings.seed)
    network, answers = representing(model.network), folded(model.network)
    attributes = {
        **{key: model.record[key] for key in ("model", "model_digest", "data_digest")},
        "architecture": model.record["architecture"],
        "precision": settings.precision,
        "device": str(model.device),
        "seed": settings.seed,
        "tolerance": settings.tolerance,
        "settings": as_attribute(asdict(settings)),
    }
    with new_hdf5(path, attributes) as file:
        file["ids"], file["labels"] = test.ids, test.labels
        file["inversion/image/start"] = test.ids[others]
        for rows in batches(n, settings.batch_size, dataset.image_shape):
            images = to_float(clean[rows].to(model.device))
            logits, gradient = margin_gradients(answers, images, labels[rows].to(model.device))
            aimed = represented(network, clean[rows], settings.batch_size)
            stored = {
                "prediction": logits.argmax(1),
                "gradient": normalised(gradient, math.inf).half(),
                "representation": aimed,
            }
            starts = {
                "noise": noise_starts(test.ids[rows], clean.shape[1:], settings.seed),
                "image": to_float(clean[others[rows]]),
            }
            for name, start in starts.items():
                found = invert(
                    network,
                    aimed.to(model.device),
                    start.to(model.device),
                    settings.steps,
                    settings.step_size,
                    settings.precision,
                )
                inverted = to_bytes(found)
                seen = represented(network, inverted, settings.batch_size)
                stored |= {
                    f"inversion/{name}/images": inverted,
                    f"inversion/{name}/representation": seen,
                }
            for name, values in stored.items():
                store_rows(file, name, rows, n, values.cpu().numpy())
        for name in STARTS:
            seen_by = file[f"inversion/{name}/representation"][:]
            file[f"inversion/{name}/residual"] = residuals(seen_by, file["representation"][:])
