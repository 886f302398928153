"""Residual networks (He et al. 2016)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from repcompare.architectures.classifier import (
    Classifier,
    conv_norm_relu,
    every_nth_pixel,
    require_positive,
)
from repcompare.registry import known

# Told before the network is built: a stem if there is one, and how many stages or the parameter that says so.
LAYERS = ("stem", "blocks")

_BOTTLENECK_EXPANSION = 4


class _PaddedIdentity(nn.Module):
    """Option A of the paper: missing channels filled with zeros."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.extra_channels = out_channels - in_channels

    def forward(self, features: Tensor) -> Tensor:
        return F.pad(features, (0, 0, 0, 0, 0, self.extra_channels))


def _projection(in_channels: int, out_channels: int) -> nn.Module:
    """Option B of the paper: a 1x1 convolution."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
    )


Bridge = Callable[[int, int], nn.Module]
SHORTCUTS: dict[str, Bridge] = {"projection": _projection, "identity": _PaddedIdentity}


class _Block(nn.Module):
    def __init__(
        self, in_channels: int, width: int, stride: int, *, bottleneck: bool, bridge: Bridge
    ) -> None:
        super().__init__()
        out_channels = width * _BOTTLENECK_EXPANSION if bottleneck else width
        if bottleneck:
            self.residual = nn.Sequential(
                conv_norm_relu(in_channels, width, 1),
                conv_norm_relu(width, width, 3, stride=stride),
                nn.Conv2d(width, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        else:
            self.residual = nn.Sequential(
                conv_norm_relu(in_channels, width, 3, stride=stride),
                nn.Conv2d(width, out_channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.subsample = every_nth_pixel(stride)
        self.shortcut: nn.Module
        if stride == 1 and in_channels == out_channels:
            self.shortcut = nn.Identity()
        else:
            self.shortcut = bridge(in_channels, out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        return self.relu(self.residual(features) + self.shortcut(self.subsample(features)))


def resnet(
    in_channels: int,
    num_classes: int,
    *,
    blocks: Sequence[int] = (2, 2, 2, 2),
    width: int = 64,
    bottleneck: bool = False,
    shortcut: Literal["projection", "identity"] = "projection",
) -> Classifier:
    """Build a ResNet for small images (arXiv:1512.03385): a 3x3 stem and no initial pooling.

    `blocks` counts the residual blocks of each stage; stage k has `width` * 2^(k-1) channels (four
    times that after a bottleneck) and all but the first halve the image. ResNet-18 is the default,
    34 is (3, 4, 6, 3), 50 and 101 are (3, 4, 6, 3) and (3, 4, 23, 3) with `bottleneck`. The paper's
    CIFAR networks of depth 6n+2 (section 4.2) are (n, n, n) with width 16 and shortcut "identity":
    n = 3 is ResNet-20, n = 18 is ResNet-110. `shortcut` says how a change of shape is bridged: by
    a 1x1 convolution (option B of the paper) or by zero padding (option A).
    Raises ValueError for a count or width that is not positive, or an unknown shortcut.
    """
    require_positive(in_channels=in_channels, num_classes=num_classes, blocks=blocks, width=width)
    bridge = known(SHORTCUTS, shortcut, "shortcut")

    modules: OrderedDict[str, nn.Module] = OrderedDict(stem=conv_norm_relu(in_channels, width, 3))
    channels = width
    for index, count in enumerate(blocks):
        stage_width = width * 2**index
        stage = []
        for position in range(count):
            stride = 2 if index > 0 and position == 0 else 1
            stage.append(
                _Block(channels, stage_width, stride, bottleneck=bottleneck, bridge=bridge)
            )
            channels = stage_width * _BOTTLENECK_EXPANSION if bottleneck else stage_width
        modules[f"stage{index + 1}"] = nn.Sequential(*stage)
    return Classifier(
        modules, in_channels=in_channels, representation_width=channels, num_classes=num_classes
    )
