"""Projected gradient descent: what it ascends, and its search of the ball."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy

from repcompare.attacks.balls import Ball, normalised, norms
from repcompare.attacks.input_diversity import diversify
from repcompare.networks.devices import autocast
from repcompare.networks.inference import margins
from repcompare.registry import known


@dataclass(frozen=True)
class Search:
    """How an attack searches a ball: keys of the config's `attack`, see config/README.md.

    One step of size 1 without a random start is FGSM (Goodfellow et al. 2015), momentum 1 is
    MI-FGSM (Dong et al. 2018), input diversity DI-FGSM (Xie et al. 2019), the margin CW's objective
    (Carlini and Wagner 2017), the adaptive schedule APGD, and DLR its second objective (Croce and
    Hein 2020). The defaults are PGD as Madry et al. 2018 have it.

    Raises ValueError for settings that do not go together.
    """

    steps: int
    step_size: float
    random_start: bool = True
    restarts: int = 1
    objective: str = "cross_entropy"
    target: str = "none"
    momentum: float = 0.0
    input_diversity: float = 0.0
    schedule: str = "constant"

    def __post_init__(self) -> None:
        """Refuse what no search can be."""
        if self.schedule == "adaptive" and self.momentum:
            raise ValueError(f"momentum: {self.momentum:g}, but an adaptive search has its own")
        if self.schedule == "adaptive" and self.input_diversity:
            text = "but an adaptive search compares what it sees from step to step"
            raise ValueError(f"input_diversity: {self.input_diversity:g}, {text}")
        if self.objective == "dlr" and self.targeted:
            raise ValueError("objective: dlr is of the label, and the search has a target")

    @property
    def targeted(self) -> bool:
        """Whether the attack aims at a class of its own, and not away from the label."""
        return self.target != "none"


class Ascent(NamedTuple):
    """The objective of each image, (N,), and its gradient, (N, C, H, W), at one perturbation."""

    values: torch.Tensor
    gradient: torch.Tensor


class Objective:
    """What a search ascends on one batch: a value of what a network makes of each image.

    Summed over the batch, so that an image's gradient does not depend on the others.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        images: torch.Tensor,
        values: Callable[[torch.Tensor], torch.Tensor],
        precision: str,
        view: Callable[[torch.Tensor, int], torch.Tensor] | None = None,
    ) -> None:
        """Take the batch.

        Args:
            network: in eval mode, taking images in [0, 1].
            images: float32 (N, C, H, W) in [0, 1].
            values: of the network's outputs, float32 (N, ...), the value of each image (N,).
            precision: of the network; all else is float32.
            view: how the network is shown the images at a step; None: as they are.
        """
        self.network, self.images, self.values = network, images, values
        self.arithmetic, self.view = autocast(images.device, precision), view

    def at(self, perturbation: torch.Tensor, step: int) -> Ascent:
        """The values and their gradient with respect to the perturbation, as `step` sees them."""
        candidate = (self.images + perturbation).requires_grad_()
        seen = self.view(candidate, step) if self.view else candidate
        with self.arithmetic:
            outputs = self.network(seen)
        values = self.values(outputs.float())
        (gradient,) = torch.autograd.grad(values.sum(), candidate)
        return Ascent(values.detach(), gradient)

    def values_at(self, perturbation: torch.Tensor) -> torch.Tensor:
        """The values alone, as no view shows them: a forward pass."""
        with torch.no_grad(), self.arithmetic:
            outputs = self.network(self.images + perturbation)
        return self.values(outputs.float())

    @cached_property
    def at_clean(self) -> Ascent:
        """The first step's without a random start, whatever the ball: computed once."""
        return self.at(torch.zeros_like(self.images), 0)


def shortfall(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """By how much the best other class exceeds the class, shape (N,): minus the margin."""
    return -margins(logits, classes)


def logits_ratio(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The difference of logits ratio (DLR), shape (N,): the shortfall over the first minus the third logit.

    Neither a shift nor a scale of the logits changes it (Croce and Hein 2020, arXiv:2003.01690).
    Raises ValueError where there are fewer than 3 classes.
    """
    if logits.shape[1] < 3:
        raise ValueError(f"objective: dlr needs 3 classes or more, not {logits.shape[1]}")
    first, _, third = logits.topk(3, dim=1).values.unbind(1)
    # It is 0 where all logits are the same, as the shortfall is.
    return shortfall(logits, classes) / (first - third).clamp_min(1e-12)


# Of logits (N, K) and classes (N,): how far an image, (N,), is from its class.
OBJECTIVES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cross_entropy": partial(cross_entropy, reduction="none"),
    "margin": shortfall,
    "dlr": logits_ratio,
}


def attack_objective(
    network: torch.nn.Module,
    images: torch.Tensor,
    classes: torch.Tensor,
    search: Search,
    precision: str,
    diversity: torch.Tensor | None = None,
) -> Objective:
    """What an attack ascends: away from the labels, or towards the targets.

    Args:
        network: to logits (N, K).
        images: float32 (N, C, H, W) in [0, 1].
        classes: int64 (N,): the targets if the search is targeted, else the labels.
        search: its objective, its target and its input diversity.
        precision: of the network.
        diversity: the draws of `input_diversity.draw_diversity`, where the search has input diversity.
    """
    distance = known(OBJECTIVES, search.objective, "attack.objective")

    def values(logits: torch.Tensor) -> torch.Tensor:
        away = distance(logits, classes)
        return -away if search.targeted else away

    def view(candidate: torch.Tensor, step: int) -> torch.Tensor:
        assert diversity is not None, "a search with input diversity comes with its draws"
        return diversify(candidate, diversity[:, step], search.input_diversity)

    return Objective(network, images, values, precision, view if search.input_diversity else None)


class Trajectory(NamedTuple):
    """Where a search ended, and what it met on its way; rows are images.

    Attributes:
        perturbation: float32 (N, C, H, W).
        objectives: float32 (N, steps), before each step.
        zero_gradients: bool (N, steps): no pixel had a gradient.
    """

    perturbation: torch.Tensor
    objectives: torch.Tensor
    zero_gradients: torch.Tensor


def pgd(
    objective: Objective,
    start: torch.Tensor | None,
    ball: Ball,
    search: Search,
    shortening: bool = False,
) -> Trajectory:
    """Ascend the objective inside a ball (Madry et al. 2018).

    No image stops early, even when it fools the network: stopping weakens transfer.

    Args:
        objective: with the batch.
        start: the first perturbation, float32 (N, C, H, W), inside the ball; None: none.
        ball: where to search.
        search: its steps, their size and momentum.
        shortening: whether the steps shorten in a straight line, to end at an optimum.

    Returns:
        The perturbation of the last step, inside the ball and with `images + perturbation` inside
        [0, 1].
    """
    images = objective.images
    length = search.step_size * ball.epsilon / search.steps
    limits = ball.limits(images)
    perturbation = torch.zeros_like(images) if start is None else start.clamp(*limits)
    velocity: torch.Tensor | float = 0.0
    objectives, zero_gradients = [], []
    for step in range(search.steps):
        clean = start is None and step == 0
        values, gradient = objective.at_clean if clean else objective.at(perturbation, step)
        objectives.append(values)
        zero_gradients.append(norms(gradient, torch.inf).flatten() == 0)
        if search.momentum:
            velocity = search.momentum * velocity + normalised(gradient, 1)
            gradient = velocity
        share = 1 - step / search.steps if shortening else 1
        perturbation = perturbation.add(ball.direction(gradient), alpha=share * length)
        perturbation = ball.confine(perturbation, *limits)
    return Trajectory(perturbation, torch.stack(objectives, 1), torch.stack(zero_gradients, 1))
