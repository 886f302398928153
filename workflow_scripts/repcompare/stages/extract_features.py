"""What in the image one network uses: its margin gradients, and images it takes for others."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch

from repcompare.attacks.pgd import Objective
from repcompare.data.example_streams import INVERSION, example_streams
from repcompare.features.inversion import Inversions, invert, representing
from repcompare.networks.augmentation import to_float
from repcompare.networks.inference import margins
from repcompare.networks.models import TrainedModel, folded
from repcompare.storage.files import new_hdf5

STARTS = ("noise", "image")


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
    path: str | Path, model: TrainedModel, dataset: h5py.File, settings: FeatureSettings
) -> None:
    """Store gradients and inversions of the probe set, the first `samples` test images.

    `gradient` float32 (n, C, H, W) is that of the margin of the label with respect to the image, in
    float32; `representation` (n, d) what the network makes of the images. For each start, `noise`
    or another `image` of the probe set of another class, `inversion/{start}` holds `images`
    float32, their `residual` (n,) and their `representation`. Starts depend on the seed and the
    image's id alone, so that all networks begin at the same ones.
    """
    test = dataset["test"]
    ids, labels = test["ids"][: settings.samples], test["labels"][: settings.samples]
    clean = to_float(torch.from_numpy(test["images"][: settings.samples]))
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


def margin_gradients(
    network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, K), and the gradient of the margin z_y − max_{k≠y} z_k by the image, float32.

    `images` float32 (N, C, H, W) in [0, 1], `labels` int64 (N,).
    """
    seen = []

    def values(logits: torch.Tensor) -> torch.Tensor:
        seen.append(logits.detach())
        return margins(logits, labels)

    gradient = Objective(network, images, values, "float32").at_clean.gradient
    return seen[0], gradient


@torch.inference_mode()
def represented(
    network: torch.nn.Module, images: torch.Tensor, batch_size: int, device: torch.device
) -> torch.Tensor:
    """Representations float32 (N, d), on the CPU, of float images (N, C, H, W)."""
    return torch.cat([network(batch.to(device)).cpu() for batch in images.split(batch_size)])


def noise_starts(ids: np.ndarray, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """An image of uniform noise for each id, float32 (N, *shape)."""
    streams = example_streams(ids, seed, INVERSION)
    drawn = np.stack([stream.random(tuple(shape), dtype=np.float32) for stream in streams])
    return torch.from_numpy(drawn).contiguous(memory_format=torch.channels_last)


def other_images(ids: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """For each image the place of another one of another class, or of any if there is one class."""
    places = np.arange(len(ids))
    chosen = []
    for place, stream in enumerate(example_streams(ids, seed, INVERSION, restart=1)):
        allowed = places[labels != labels[place]]
        if not len(allowed):
            allowed = places[places != place] if len(ids) > 1 else places
        chosen.append(stream.choice(allowed))
    return np.array(chosen)
