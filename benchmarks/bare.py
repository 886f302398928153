"""The bound of all that searches images: forward and backward to the input, and nothing else."""

from collections.abc import Callable

import torch

from repcompare.networks.devices import autocast


def bare_passes(
    network: torch.nn.Module,
    batch: torch.Tensor,
    value: Callable[[torch.Tensor], torch.Tensor],
    precision: str,
    steps: int,
) -> None:
    """Differentiate `value` of the network's outputs by the images, `steps` times."""
    for _ in range(steps):
        leaf = batch.detach().requires_grad_()
        with autocast(batch.device, precision):
            outputs = network(leaf)
        torch.autograd.grad(value(outputs.float()), leaf)
