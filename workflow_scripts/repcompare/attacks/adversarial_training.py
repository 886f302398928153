"""Training on the worst images in a ball around each image (Madry et al. 2018)."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from repcompare.attacks.balls import parse_ball
from repcompare.attacks.pgd import Search, attack_objective, pgd

Perturbation = Callable[
    [torch.nn.Module, torch.Tensor, torch.Tensor, torch.Generator], torch.Tensor
]


def perturbation(section: Mapping[str, Any], precision: str) -> Perturbation:
    """What turns a batch into adversarial examples for a network as it is now.

    PGD on the cross-entropy from a random start, in eval mode, so that the attack does not move the
    statistics of batch normalisation; the network is left in the mode that it was in.

    Args:
        section: the config's `training.adversarial`.
        precision: of the network under attack.

    Returns:
        A function of the network, images float32 (N, C, H, W) in [0, 1], labels int64 (N,) and the
        CPU generator of the starts, that returns images.
    """
    ball = parse_ball(section["norm"], section["epsilon"])
    search = Search(section["steps"], section["step_size"])

    def perturbed(
        network: torch.nn.Module,
        images: torch.Tensor,
        labels: torch.Tensor,
        generator: torch.Generator,
    ) -> torch.Tensor:
        was_training = network.training
        network.eval()
        start = ball.draw_batch(images.shape, generator).to(images.device)
        objective = attack_objective(network, images, labels, search, precision)
        found = pgd(objective, start, ball, search)
        network.train(was_training)
        return images + found.perturbation

    return perturbed
