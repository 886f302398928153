"""Training one network: in-memory data, mixed precision, Nesterov SGD, the last epoch kept."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from repcompare.augmentation import Augmentation
from repcompare.devices import autocast
from repcompare.inference import logits_of

EVALUATION_BATCH = 500


class TrainingError(RuntimeError):
    """Training that diverged, or that ended below the accuracy asked for."""


@dataclass(frozen=True)
class TrainingSettings:
    """The `training` section of the config, overrides merged; see config/README.md."""

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    schedule: str
    crop_padding: int
    horizontal_flip: bool
    precision: str
    minimum_accuracy: float


@dataclass(frozen=True)
class Epoch:
    """What one epoch reports: loss and accuracy are means over its augmented training batches."""

    epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


def learning_rate_schedule(
    optimizer: torch.optim.Optimizer, schedule: str, steps: int, learning_rate: float
) -> torch.optim.lr_scheduler.LRScheduler:
    """`one_cycle` (Smith and Topin 2018: up for a fifth, then cosine to ~0) or `linear` (to 0)."""
    if schedule == "one_cycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, learning_rate, total_steps=steps, pct_start=0.2, cycle_momentum=False
        )
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))


def train(
    network: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    settings: TrainingSettings,
    precision: str,
    seed: int,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> list[Epoch]:
    """Train `network` in place and leave it in eval mode.

    Args:
        network: on the device of `images`, in channels_last.
        images: uint8 (N, C, H, W), all of the training set.
        labels: int64 (N,), on the same device.
        settings: the recipe.
        precision: `float32` or `bfloat16`, already resolved.
        seed: of the order of the images and of their augmentation.
        progress: wraps the sequence of epoch numbers (a progress bar).
        report: called after each epoch.

    Raises:
        TrainingError: the loss is not finite.
    """
    device = images.device
    generator = torch.Generator().manual_seed(seed)
    augmented = Augmentation(images, settings.crop_padding, settings.horizontal_flip, generator)
    batch_size = min(settings.batch_size, len(labels))
    batches = len(labels) // batch_size
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.momentum > 0,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    schedule = learning_rate_schedule(
        optimizer, settings.schedule, settings.epochs * batches, settings.learning_rate
    )
    network.train()
    history = []
    for epoch in progress(range(1, settings.epochs + 1)):
        start = time.perf_counter()
        total = torch.zeros((), device=device)
        correct = torch.zeros((), device=device, dtype=torch.int64)
        order = torch.randperm(len(labels), generator=generator)
        # The last incomplete batch is left out: batch-norm statistics of a few images are noise.
        for index in order[: batches * batch_size].split(batch_size):
            batch, target = augmented(index), labels[index.to(device)]
            with autocast(device, precision):
                logits = network(batch)
            loss = cross_entropy(logits.float(), target, label_smoothing=settings.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            rate = schedule.get_last_lr()[0]
            schedule.step()
            total += loss.detach()
            correct += (logits.detach().argmax(1) == target).sum()
        mean_loss = total.item() / batches
        if not torch.isfinite(total):
            raise TrainingError(
                f"training diverged in epoch {epoch} of {settings.epochs}: the loss is {mean_loss}; "
                f"lower training.learning_rate (now {settings.learning_rate})"
            )
        history.append(
            Epoch(
                epoch,
                mean_loss,
                correct.item() / (batches * batch_size),
                rate,
                time.perf_counter() - start,
            )
        )
        report(history[-1])
    network.eval()
    return history


def accuracy(network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The fraction of `images` (uint8) that `network`, in eval mode and float32, gets right."""
    predictions = logits_of(network, images, EVALUATION_BATCH).argmax(1)
    return (predictions == labels.cpu()).float().mean().item()
