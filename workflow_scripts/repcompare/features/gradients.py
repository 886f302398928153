"""Margin gradients: what in an image a network's answer depends on, to first order."""

import torch

from repcompare.attacks.pgd import Objective
from repcompare.networks.inference import margins


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
