"""Residual networks of aggregated transformations (Xie et al. 2017)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from repcompare.architectures.classifier import (
    Classifier,
    conv_norm_relu,
    every_nth_pixel,
    require_positive,
)

# Told before the network is built: a stem if there is one, and how many stages or the parameter that says so.
LAYERS = ("stem", 3)

_STAGES = 3


class _Block(nn.Module):
    def __init__(
        self, in_channels: int, inner_channels: int, out_channels: int, stride: int, groups: int
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_norm_relu(in_channels, inner_channels, 1),
            conv_norm_relu(inner_channels, inner_channels, 3, stride=stride, groups=groups),
            nn.Conv2d(inner_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.subsample = every_nth_pixel(stride)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        return self.relu(self.residual(features) + self.shortcut(self.subsample(features)))


def resnext(
    in_channels: int,
    num_classes: int,
    *,
    depth: Literal[11, 20, 29, 38, 47, 56, 65, 74, 83, 92, 101] = 29,
    cardinality: int = 8,
    base_width: int = 64,
    width: int = 64,
    expansion: int = 4,
) -> Classifier:
    """Build ResNeXt for small images (arXiv:1611.05431, section 5.3); the default is 29, 8x64d.

    The stem has `width` channels. In the three stages, of (depth - 2) / 9 blocks each, the grouped
    convolution has `cardinality` groups of `base_width` channels and a block gives `width` *
    `expansion` channels, both doubled from stage to stage (representation: 4 * width * expansion).
    2x64d of kuangliu/pytorch-cifar is the same but for its 1x1 stem; its other sizes tie the
    output of a block to cardinality * base_width, which the paper does not.
    Raises ValueError unless depth is 9n+2 with n > 0 and the rest are positive.
    """
    require_positive(
        in_channels=in_channels,
        num_classes=num_classes,
        depth=depth,
        cardinality=cardinality,
        base_width=base_width,
        width=width,
        expansion=expansion,
    )
    if depth < 11 or (depth - 2) % 9:
        raise ValueError(f"depth is {depth!r}; allowed: 9n+2, that is 11, 20, 29, 38, ...")

    modules: OrderedDict[str, nn.Module] = OrderedDict(stem=conv_norm_relu(in_channels, width, 3))
    channels = width
    for index in range(_STAGES):
        inner_channels = cardinality * base_width * 2**index
        out_channels = width * expansion * 2**index
        stage = []
        for position in range((depth - 2) // 9):
            stride = 2 if index > 0 and position == 0 else 1
            stage.append(_Block(channels, inner_channels, out_channels, stride, cardinality))
            channels = out_channels
        modules[f"stage{index + 1}"] = nn.Sequential(*stage)
    return Classifier(
        modules, in_channels=in_channels, representation_width=channels, num_classes=num_classes
    )
