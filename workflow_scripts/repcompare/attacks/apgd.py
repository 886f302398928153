"""Auto-PGD: a search that halves its steps where they no longer climb (Croce and Hein 2020, arXiv:2003.01690)."""

import torch

from repcompare.attacks.balls import Ball, norms
from repcompare.attacks.pgd import Objective, Search, Trajectory

# The paper's α: the share of the new step, against that of the one before.
MOMENTUM = 0.75
# The paper's ρ: the share of the steps since the last checkpoint that must have climbed.
CLIMBING = 0.75


def apgd(
    objective: Objective, start: torch.Tensor | None, ball: Ball, search: Search
) -> Trajectory:
    """Ascend the objective inside a ball, each image by steps of a size of its own.

    The paper's algorithm 1. The first step has twice the radius. At each of `checkpoints` an image whose
    steps are `worn_out` goes back to the highest point that it met, and its steps are halved. As
    of `pgd`, no image stops early: the authors' code keeps the last misclassified point instead.

    Args:
        objective: with the batch, and the same at every step: without a view.
        start: the first perturbation, float32 (N, C, H, W), inside the ball; None: none.
        ball: where to search.
        search: its steps.

    Returns:
        The highest perturbation met, inside the ball and with `images + perturbation` inside
        [0, 1]. Each step is one forward and backward pass; the end of the last is one forward pass.
    """
    images = objective.images
    limits = ball.limits(images)
    perturbation = torch.zeros_like(images) if start is None else start.clamp(*limits)
    length = torch.full_like(images[:, :1, :1, :1], 2 * ball.epsilon)
    clean = start is None
    values, gradient = objective.at_clean if clean else objective.at(perturbation, 0)
    before, best, best_gradient = perturbation, perturbation, gradient
    highest, highest_then = values, values
    climbs, halved = torch.zeros_like(values), torch.zeros_like(values, dtype=torch.bool)
    checkpoint, ahead = 0, checkpoints(search.steps)
    objectives, zero_gradients = [], []
    for step in range(search.steps):
        if step:
            climbed_from = values
            values, gradient = objective.at(perturbation, step)
            climbs += values > climbed_from
            higher = values > highest
            best = _chosen(higher, perturbation, best)
            best_gradient = _chosen(higher, gradient, best_gradient)
            highest = _chosen(higher, values, highest)
        if step in ahead:
            halved = worn_out(climbs, step - checkpoint, highest > highest_then, halved)
            length = _chosen(halved, length / 2, length)
            perturbation = _chosen(halved, best, perturbation)
            gradient = _chosen(halved, best_gradient, gradient)
            values = _chosen(halved, highest, values)
            checkpoint, highest_then, climbs = step, highest, torch.zeros_like(values)
        objectives.append(values)
        zero_gradients.append(norms(gradient, torch.inf).flatten() == 0)
        change = ball.confine(perturbation + length * ball.direction(gradient), *limits)
        change -= perturbation
        if step:
            change = MOMENTUM * change + (1 - MOMENTUM) * (perturbation - before)
        before, perturbation = perturbation, ball.confine(perturbation + change, *limits)
    best = _chosen(objective.values_at(perturbation) > highest, perturbation, best)
    return Trajectory(best, torch.stack(objectives, 1), torch.stack(zero_gradients, 1))


def checkpoints(steps: int) -> list[int]:
    """The numbers of steps after which step sizes are judged, ascending, from 1 to `steps` − 1.

    ⌈p·`steps`⌉, where p goes up by 22 % first, then by 3 % less from one to the next, but by no less
    than 6 %.
    """
    # In whole per cent: of floats, the sum of which is not exact, some would be rounded up by one.
    found, share, gap = set(), 22, 22
    while share < 100:
        found.add(-(-share * steps // 100))
        gap = max(gap - 3, 6)
        share += gap
    return sorted(found - {steps})


def worn_out(
    climbs: torch.Tensor, steps: int, improved: torch.Tensor, halved: torch.Tensor
) -> torch.Tensor:
    """Whose steps are too long at a checkpoint, bool (N,): the paper's condition 1 or its condition 2.

    Too few steps climbed; or nothing higher was met, and by steps that were not halved just before.

    Args:
        climbs: how many of the steps since the last checkpoint climbed, float (N,).
        steps: how many there were.
        improved: whether a higher point than any before was met since, bool (N,).
        halved: whose steps were halved at the last checkpoint, bool (N,).
    """
    return (climbs < CLIMBING * steps) | ~(improved | halved)


def _chosen(which: torch.Tensor, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Of each image, `one` where `which`, bool (N,), else `other`."""
    return torch.where(which.view(-1, *[1] * (one.ndim - 1)), one, other)
