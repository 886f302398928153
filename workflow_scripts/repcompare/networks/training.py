"""Training one network: in-memory data, mixed precision, Nesterov SGD, the last epoch kept."""

import dataclasses
import importlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from repcompare.networks.augmentation import Augmentation
from repcompare.networks.checkpoints import Checkpoint
from repcompare.networks.devices import autocast, with_recorded_step
from repcompare.networks.inference import StoredImages, logits_of, to_float
from repcompare.registry import known
from repcompare.storage.interruptions import postponed

# Of CIFAR's size, see `data.batches.images_at_once`.
EVALUATION_BATCH = 500
ADVERSARIAL_TRAINING = "repcompare.attacks.adversarial_training"

# What of a run is of its present epoch alone.
IN_EPOCH = ("order", "batch", "rate", "loss", "correct")


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
    adversarial: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Epoch:
    """What one epoch reports: loss and accuracy are means over its training batches, augmented and perturbed."""

    epoch: int
    loss: float
    accuracy: float
    learning_rate: float


def one_cycle(optimizer: torch.optim.Optimizer, steps: int) -> LRScheduler:
    """From near 0 up to the optimizer's rate for a fifth of the steps, then a cosine to ~0.

    Smith and Topin 2018, arXiv:1708.07120.
    """
    return OneCycleLR(
        optimizer,
        optimizer.defaults["lr"],
        total_steps=steps,
        pct_start=0.2,
        cycle_momentum=False,
    )


def linear(optimizer: torch.optim.Optimizer, steps: int) -> LRScheduler:
    """From the optimizer's rate to 0 in a straight line."""
    return LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))


SCHEDULES: dict[str, Callable[[torch.optim.Optimizer, int], LRScheduler]] = {
    "one_cycle": one_cycle,
    "linear": linear,
}


class PlainSGD(torch.optim.SGD):
    """torch's, without what it wraps its methods in for its compiler: to import that takes as long as torch.

    The same steps, bit for bit.
    """

    add_param_group = inspect.unwrap(torch.optim.SGD.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.SGD.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))


class Run:
    """One network's training: all that a step changes, and so what a checkpoint holds."""

    def __init__(
        self,
        network: torch.nn.Module,
        images: torch.Tensor,
        labels: torch.Tensor,
        settings: TrainingSettings,
        precision: str,
        seed: int,
    ) -> None:
        """As `train`, whose arguments these are."""
        self.network, self.labels, self.settings = network, labels, settings
        self.device = images.device
        self.arithmetic = autocast(self.device, precision)
        self.generator = torch.Generator().manual_seed(seed)
        self.augmented = Augmentation(
            images, settings.crop_padding, settings.horizontal_flip, self.generator
        )
        self.perturbed = None
        if settings.adversarial:
            # By name, as an architecture is: a change of an attack's code must not make networks
            # stale that are trained on the images themselves.
            module = importlib.import_module(ADVERSARIAL_TRAINING)
            self.perturbed = module.perturbation(settings.adversarial, precision)
        self.batch_size = min(settings.batch_size, len(labels))
        self.batches = len(labels) // self.batch_size
        self.optimizer = PlainSGD(
            network.parameters(),
            lr=settings.learning_rate,
            momentum=settings.momentum,
            nesterov=settings.momentum > 0,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        schedule = known(SCHEDULES, settings.schedule, "training.schedule")
        self.schedule = schedule(self.optimizer, settings.epochs * self.batches)
        self.history: list[Epoch] = []
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Draw the order of the images."""
        self.order = torch.randperm(len(self.labels), generator=self.generator)
        self.batch, self.rate = 0, 0.0
        self.loss = torch.zeros((), device=self.device)
        self.correct = torch.zeros((), device=self.device, dtype=torch.int64)

    def step(self) -> None:
        """Train on the next batch."""
        index = self.order[self.batch * self.batch_size :][: self.batch_size]
        batch, target = self.augmented(index), self.labels[index.to(self.device)]
        if self.perturbed:
            batch = self.perturbed(self.network, batch, target, self.generator)
        with self.arithmetic:
            logits = self.network(batch)
        smoothing = self.settings.label_smoothing
        loss = cross_entropy(logits.float(), target, label_smoothing=smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.rate = float(self.schedule.get_last_lr()[0])
        self.schedule.step()
        self.loss += loss.detach()
        self.correct += (logits.detach().argmax(1) == target).sum()
        self.batch += 1

    def finish_epoch(self) -> Epoch:
        """Note what the epoch was. Raises TrainingError if the loss is not finite."""
        epoch = len(self.history) + 1
        mean_loss = self.loss.item() / self.batches
        if not math.isfinite(mean_loss):
            raise TrainingError(
                f"training diverged in epoch {epoch} of {self.settings.epochs}: the loss is "
                f"{mean_loss}; lower training.learning_rate (now {self.settings.learning_rate})"
            )
        accuracy = self.correct.item() / (self.batches * self.batch_size)
        self.history.append(Epoch(epoch, mean_loss, accuracy, self.rate))
        return self.history[-1]

    def state_dict(self) -> dict:
        """Everything that `load_state_dict` needs to go on as if nothing had happened."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
            "history": [dataclasses.asdict(epoch) for epoch in self.history],
            **{name: getattr(self, name) for name in IN_EPOCH},
        }

    def load_state_dict(self, state: dict) -> None:
        """Be as the run was that gave `state`."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["random"])
        if state["random_cuda"]:
            torch.cuda.set_rng_state_all(state["random_cuda"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        for name in IN_EPOCH:
            setattr(self, name, state[name])
        self.loss, self.correct = self.loss.to(self.device), self.correct.to(self.device)


def train(
    network: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    settings: TrainingSettings,
    precision: str,
    seed: int,
    report: Callable[[Epoch], None] = lambda epoch: None,
    checkpoint: Checkpoint | None = None,
) -> list[Epoch]:
    """Train `network` in place and leave it in eval mode.

    The last incomplete batch of an epoch is left out: batch-norm statistics of a few images are
    noise. On the CPU the weights are the same, bit for bit, whether or not a checkpoint was used.

    Args:
        network: on the device of `images`, in channels_last.
        images: uint8 (N, C, H, W), all of the training set.
        labels: int64 (N,), on the same device.
        settings: the recipe.
        precision: `float32` or `bfloat16`, already resolved.
        seed: of the order of the images, of their augmentation and of dropout.
        report: called after each epoch.
        checkpoint: where to go on from, and where to save whenever it is due.

    Raises:
        TrainingError: the loss is not finite.
        Interrupted: the process was asked to end, as it does with its state saved, in a job.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        run = Run(network, images, labels, settings, precision, seed)
        saved = checkpoint.load() if checkpoint else None
        if saved:
            run.load_state_dict(saved)
        network.train()
        run.network = with_recorded_step(network, to_float(images[: run.batch_size]), precision)
        # A step is whole or not at all, so that what is saved at the end can be gone on from.
        with postponed() as asked_to_end:
            while len(run.history) < settings.epochs:
                while run.batch < run.batches:
                    run.step()
                    if checkpoint and (checkpoint.due() or asked_to_end):
                        checkpoint.save(run.state_dict())
                    if asked_to_end:
                        return run.history
                report(run.finish_epoch())
                run.begin_epoch()
    network.eval()
    return run.history


def accuracy(network: torch.nn.Module, images: StoredImages, labels: torch.Tensor) -> float:
    """The fraction of `images` (uint8) that `network`, in eval mode and float32, gets right."""
    predictions = logits_of(network, images, EVALUATION_BATCH).argmax(1)
    return (predictions == labels.cpu()).float().mean().item()
