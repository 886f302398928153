"""Projected gradient descent and its control, stored as the 8-bit images that are evaluated."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import torch
from torch.nn.functional import cross_entropy

from repcompare import threat_models
from repcompare.augmentation import to_float
from repcompare.devices import autocast
from repcompare.inference import logits_of
from repcompare.models import TrainedModel, folded
from repcompare.storage import new_hdf5


@dataclass(frozen=True)
class Condition:
    """One setting at which every image is perturbed."""

    attack: str
    norm: str
    epsilon: float
    epsilon_label: str

    @property
    def id(self) -> str:
        """The name of its group in the file, such as `pgd-linf-8_255`."""
        return f"{self.attack}-{self.norm}-{self.epsilon_label.replace('/', '_')}"


@dataclass(frozen=True)
class PGDSettings:
    """`step_size` is a multiple of epsilon / steps, as in Madry et al. 2018's 2.5."""

    steps: int
    step_size: float
    batch_size: int
    precision: str
    seed: int


def pgd(
    network: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    start: torch.Tensor,
    condition: Condition,
    settings: PGDSettings,
) -> torch.Tensor:
    """Untargeted PGD (Madry et al. 2018) on the cross-entropy: the perturbation of its last step.

    The loss is summed, so that an image's gradient does not depend on its batch, and no image stops
    early, even when it is misclassified: stopping weakens transfer.

    Args:
        network: frozen, in eval mode, taking images in [0, 1].
        images: float32 (N, C, H, W) in [0, 1].
        labels: int64 (N,).
        start: the first perturbation, float32 (N, C, H, W), inside the ball.

    Returns:
        float32 (N, C, H, W): inside the ball, and `images + perturbation` inside [0, 1].
    """
    norm, epsilon = condition.norm, condition.epsilon
    step = settings.step_size * epsilon / settings.steps
    lowest, highest = -images, 1 - images
    if norm == "linf":
        # Both constraints are boxes, so one clamp projects on their intersection.
        lowest, highest = lowest.clamp_min(-epsilon), highest.clamp_max(epsilon)
    perturbation = start.clamp(lowest, highest)
    for _ in range(settings.steps):
        candidate = (images + perturbation).requires_grad_()
        with autocast(images.device, settings.precision):
            logits = network(candidate)
        loss = cross_entropy(logits.float(), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, candidate)
        perturbation = perturbation.add(threat_models.ascent_direction(gradient, norm), alpha=step)
        if norm == "l2":
            perturbation = threat_models.project(perturbation, norm, epsilon)
        perturbation = perturbation.clamp(lowest, highest)
    return perturbation


def attack_model(
    path: str | Path,
    model: TrainedModel,
    dataset: h5py.File,
    samples: int,
    conditions: list[Condition],
    settings: PGDSettings,
) -> None:
    """Store the perturbed images of the first `samples` test images under every condition.

    Losses, predictions and success are those of the stored 8-bit images, in float32; every stored
    image is checked against its bound. The start of an image depends on `settings.seed` and its id
    alone; noise also on the model, so that each source has a control of its own.
    """
    test = dataset["test"]
    ids, labels = test["ids"][:samples], test["labels"][:samples]
    clean = torch.from_numpy(test["images"][:samples])
    targets = torch.from_numpy(labels)
    network = folded(model.network)
    attributes = {
        **{key: model.record[key] for key in ("model", "model_digest", "data_digest")},
        "precision": settings.precision,
        "device": str(model.device),
        "seed": settings.seed,
    }
    noise_seed = int(model.record["model_digest"][:8], 16) ^ settings.seed
    with new_hdf5(path, attributes) as file:
        file["ids"], file["labels"], file["clean"] = ids, labels, clean.numpy()
        file["clean_prediction"] = logits_of(network, clean, settings.batch_size).argmax(1).numpy()
        for condition in conditions:
            ball = (condition.norm, condition.epsilon)
            if condition.attack == "noise":
                change = threat_models.draw_noise(ids, clean.shape[1:], *ball, noise_seed)
            else:
                change = threat_models.draw_start(ids, clean.shape[1:], *ball, settings.seed)
                change = _run_pgd(
                    network, clean, targets, change, condition, settings, model.device
                )
            stored = threat_models.quantise(clean, change, *ball)
            threat_models.verify(clean, stored, *ball)
            logits = logits_of(network, stored, settings.batch_size)
            prediction = logits.argmax(1).numpy()
            group = file.create_group(f"attacks/{condition.id}")
            group.create_dataset(
                "images",
                data=stored.numpy(),
                chunks=(min(256, len(stored)), *stored.shape[1:]),
                compression="gzip",
                compression_opts=1,
            )
            group["prediction"] = prediction
            group["loss"] = cross_entropy(logits, targets, reduction="none").numpy()
            group["success"] = prediction != labels
            for key in ("attack", "norm", "epsilon", "epsilon_label"):
                group.attrs[key] = getattr(condition, key)
            group.attrs["steps"] = settings.steps if condition.attack == "pgd" else 0
            group.attrs["step_size"] = settings.step_size if condition.attack == "pgd" else 0.0


def _run_pgd(network, clean, targets, start, condition, settings, device) -> torch.Tensor:
    parts = (part.split(settings.batch_size) for part in (clean, targets, start))
    return torch.cat(
        [
            pgd(
                network, to_float(x.to(device)), y.to(device), s.to(device), condition, settings
            ).cpu()
            for x, y, s in zip(*parts, strict=True)
        ]
    )
