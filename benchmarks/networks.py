"""The networks of the Fashion-MNIST study, and images of its size, for the benchmarks."""

from pathlib import Path

import torch
import yaml

from repcompare.architectures import build
from repcompare.study.config import validate

STUDY = Path(__file__).parents[1] / "config" / "studies" / "fashion_mnist.yaml"


def networks(in_channels: int = 1) -> dict[str, torch.nn.Module]:
    """Each architecture of the study, untrained, in channels_last, with settled batch statistics."""
    made = {}
    study = validate(yaml.safe_load(STUDY.read_text(encoding="utf-8")))
    for name, entry in study["architectures"].items():
        network = build(entry["factory"], entry["kwargs"], in_channels, 10, seed=0)
        network.to(memory_format=torch.channels_last)
        with torch.no_grad():
            for _ in range(3):
                network(torch.rand(64, in_channels, 28, 28))
        made[name] = network
    return made


def images(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random uint8 images (n, 1, 28, 28) and labels (n,)."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (n, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return pixels, torch.randint(10, (n,), generator=generator)
