"""The rule `extract_features`: one network's margin gradients, and images that it takes for others."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from repcompare.data.dataset_file import Dataset
from repcompare.features.gradients import margin_gradients
from repcompare.features.inversion import (
    Inversions,
    invert,
    noise_starts,
    other_images,
    represented,
    representing,
)
from repcompare.networks.devices import prepared_device, resolve_precision
from repcompare.networks.inference import to_float
from repcompare.networks.models import TrainedModel, folded, load_model
from repcompare.storage.hdf5 import new_hdf5


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
        settings: the keys of `FeatureSettings`; precision may be `auto`.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.
    """
    where = prepared_device(device, threads)
    chosen = {key: settings[key] for key in FeatureSettings.__dataclass_fields__}
    chosen["precision"] = resolve_precision(settings["precision"], where)
    with Dataset(dataset) as data:
        model = load_model(weights, record, data, where)
        store_features(features, model, data, FeatureSettings(**chosen))


def store_features(
    path: str | Path, model: TrainedModel, dataset: Dataset, settings: FeatureSettings
) -> None:
    """Store gradients and inversions of the probe set, the first `samples` test images.

    `gradient` float32 (n, C, H, W) is that of the margin of the label with respect to the image, in
    float32; `representation` (n, d) what the network makes of the images. For each start, `noise`
    or another `image` of the probe set of another class, `inversion/{start}` holds `images`
    float32, their `residual` (n,) and their `representation`. Starts depend on the seed and the
    image's id alone, so that all networks begin at the same ones.
    """
    test = dataset.split("test", settings.samples)
    ids, labels = test.ids, test.labels
    clean = to_float(torch.from_numpy(test.images[: settings.samples]))
    others = other_images(ids, labels, settings.seed)
    starts = {"noise": noise_starts(ids, clean.shape[1:], settings.seed), "image": clean[others]}
    network, answers = representing(model.network), folded(model.network)
    attributes = {
        **{key: model.record[key] for key in ("model", "model_digest", "data_digest")},
        "architecture": model.record["architecture"],
        "precision": settings.precision,
        "device": str(model.device),
        "seed": settings.seed,
        "tolerance": settings.tolerance,
    }
    batches = torch.arange(len(ids)).split(settings.batch_size)
    with new_hdf5(path, attributes) as file:
        file["ids"], file["labels"], file["clean"] = ids, labels, clean.numpy()
        targets = torch.from_numpy(labels)
        logits, gradients = zip(
            *(
                margin_gradients(answers, clean[b].to(model.device), targets[b].to(model.device))
                for b in batches
            ),
            strict=True,
        )
        file["prediction"] = torch.cat(logits).argmax(1).cpu().numpy()
        file["gradient"] = torch.cat(gradients).cpu().numpy()
        aimed = represented(network, clean, settings.batch_size, model.device)
        file["representation"] = aimed.numpy()
        for name, start in starts.items():
            parts = [
                invert(
                    network,
                    aimed[b].to(model.device),
                    start[b].to(model.device),
                    settings.steps,
                    settings.step_size,
                    settings.precision,
                )
                for b in batches
            ]
            found = Inversions(*(torch.cat(part).cpu() for part in zip(*parts, strict=True)))
            group = file.create_group(f"inversion/{name}")
            group["images"] = found.images.numpy()
            group["residual"] = found.residuals.numpy()
            group["representation"] = represented(
                network, found.images, settings.batch_size, model.device
            ).numpy()
        file["inversion/image/start"] = ids[others]
