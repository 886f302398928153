"""GoogLeNet, a network of Inception modules (Szegedy et al. 2015)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated

import torch
from torch import Tensor, nn

from repcompare.architectures.classifier import Classifier, conv_norm_relu, require_positive

# Told before the network is built: a stem if there is one, and how many stages or the parameter that says so.
LAYERS = ("stem", 3)

_STEM_CHANNELS = 192
# Table 1 of the paper, modules 3a to 5b: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
_MODULES = (
    (
        (64, 96, 128, 16, 32, 32),
        (128, 128, 192, 32, 96, 64),
    ),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    (
        (256, 160, 320, 32, 128, 128),
        (384, 192, 384, 48, 128, 128),
    ),
)


class _Inception(nn.Module):
    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        ones, threes_reduced, threes, fives_reduced, fives, pooled = widths
        self.ones = conv_norm_relu(in_channels, ones, 1, bias=True)
        self.threes = nn.Sequential(
            conv_norm_relu(in_channels, threes_reduced, 1, bias=True),
            conv_norm_relu(threes_reduced, threes, 3, bias=True),
        )
        # Two 3x3 convolutions see the same 5x5 pixels as the paper's one convolution.
        self.fives = nn.Sequential(
            conv_norm_relu(in_channels, fives_reduced, 1, bias=True),
            conv_norm_relu(fives_reduced, fives, 3, bias=True),
            conv_norm_relu(fives, fives, 3, bias=True),
        )
        self.pooled = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            conv_norm_relu(in_channels, pooled, 1, bias=True),
        )
        self.out_channels = ones + threes + fives + pooled

    def forward(self, features: Tensor) -> Tensor:
        branches = [self.ones, self.threes, self.fives, self.pooled]
        return torch.cat([branch(features) for branch in branches], dim=1)


def googlenet(
    in_channels: int,
    num_classes: int,
    *,
    width_multiplier: Annotated[float, "width_multiplier > 0"] = 1.0,
) -> Classifier:
    """Build GoogLeNet for small images (arXiv:1409.4842, table 1, as in kuangliu/pytorch-cifar).

    A 3x3 stem replaces the paper's first three convolutions, batch norm follows every convolution,
    two 3x3 convolutions stand for one 5x5, and there are no auxiliary classifiers. All widths are
    multiplied by `width_multiplier` and rounded, to at least 1; the representation has about
    1024 * width_multiplier components.
    """
    require_positive(in_channels=in_channels, num_classes=num_classes)

    def scaled(channels: int) -> int:
        return max(1, round(channels * width_multiplier))

    channels = scaled(_STEM_CHANNELS)
    modules: OrderedDict[str, nn.Module] = OrderedDict(
        stem=conv_norm_relu(in_channels, channels, 3, bias=True)
    )
    for index, rows in enumerate(_MODULES):
        stage: list[nn.Module] = []
        if index > 0:
            stage.append(nn.MaxPool2d(3, stride=2, padding=1))
        for row in rows:
            inception = _Inception(channels, tuple(map(scaled, row)))
            stage.append(inception)
            channels = inception.out_channels
        modules[f"stage{index + 1}"] = nn.Sequential(*stage)
    return Classifier(
        modules, in_channels=in_channels, representation_width=channels, num_classes=num_classes
    )
