"""PGD against torchattacks at the same settings, and against the bare pass to the input."""

import numpy as np
import torch
import torchattacks
from networks import images, networks
from timing import medians, print_table
from torch.nn.functional import cross_entropy

from repcompare.attacks import Condition, PGDSettings, pgd
from repcompare.augmentation import to_float
from repcompare.devices import autocast, resolve_precision
from repcompare.models import folded
from repcompare.threat_models import draw_start

BATCH, STEPS, EPSILON = 100, 5, 8 / 255
DEVICE = torch.device("cpu")
CONDITION = Condition("pgd", "linf", EPSILON, "8/255")


def bare(
    network: torch.nn.Module, batch: torch.Tensor, labels: torch.Tensor, precision: str
) -> None:
    """Forward and backward to the input, as often as the attack has steps."""
    for _ in range(STEPS):
        leaf = batch.detach().requires_grad_()
        with autocast(DEVICE, precision):
            logits = network(leaf)
        torch.autograd.grad(cross_entropy(logits.float(), labels, reduction="sum"), leaf)


def main() -> None:
    """Print one row an architecture."""
    torch.set_num_threads(1)
    pixels, labels = images(BATCH)
    batch = to_float(pixels)
    start = draw_start(np.arange(BATCH), pixels.shape[1:], "linf", EPSILON, 0)
    precision = resolve_precision("auto", DEVICE)
    settings = PGDSettings(STEPS, 2.5, BATCH, precision, 0)
    rows = []
    for name, network in networks().items():
        network.eval().requires_grad_(False)
        ours = folded(network)
        plain = network.to(memory_format=torch.contiguous_format)
        contiguous = batch.contiguous()
        peer = torchattacks.PGD(plain, EPSILON, 2.5 * EPSILON / STEPS, STEPS)
        seconds = medians(
            {
                "ours": lambda n=ours: pgd(n, batch, labels, start, CONDITION, settings),
                "peer": lambda p=peer, x=contiguous: p(x, labels),
                "bare": lambda n=ours: bare(n, batch, labels, precision),
            },
            repeats=3,
        )
        rows.append(
            [
                name,
                f"{BATCH / seconds['ours']:.0f}",
                f"{seconds['peer'] / seconds['ours']:.2f}",
                f"{seconds['ours'] / seconds['bare']:.2f}",
            ]
        )
    title = f"PGD, Linf, {STEPS} steps, 28x28, batches of {BATCH}, one thread, {precision}"
    print_table(
        title, ["architecture", "images/s", "torchattacks / ours", "ours / bare pass"], rows
    )


if __name__ == "__main__":
    main()
