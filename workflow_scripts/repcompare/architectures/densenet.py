"""Densely connected networks with bottlenecks and compression (Huang et al. 2017)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn

from repcompare.architectures.classifier import Classifier, conv_norm_relu, require_positive

# Told before the network is built: a stem if there is one, and how many stages or the parameter that says so.
LAYERS = ("stem", "blocks")

_BOTTLENECK_EXPANSION = 4


class _Layer(nn.Module):
    def __init__(self, in_channels: int, growth_rate: int) -> None:
        super().__init__()
        inner_channels = _BOTTLENECK_EXPANSION * growth_rate
        self.new_features = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            conv_norm_relu(in_channels, inner_channels, 1),
            nn.Conv2d(inner_channels, growth_rate, 3, padding=1, bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, self.new_features(features)], dim=1)


def _transition(in_channels: int, out_channels: int) -> nn.Sequential:
    # ceil_mode changes nothing for even sides and keeps a side of one pixel at one.
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.AvgPool2d(2, ceil_mode=True),
    )


def densenet(
    in_channels: int,
    num_classes: int,
    *,
    blocks: Sequence[int] = (16, 16, 16),
    growth_rate: int = 12,
    compression: Annotated[float, "0 < compression <= 1"] = 0.5,
) -> Classifier:
    """Build DenseNet-BC for small images (arXiv:1608.06993, section 3); default k = 12, L = 100.

    `blocks` counts the layers (1x1 then 3x3 convolution) of each dense block, so that the depth is
    2 * sum(blocks) + len(blocks) + 1; each layer adds `growth_rate` channels to the 2 * growth_rate
    of the stem, and the transition into the next stage keeps a share `compression` of them, rounded
    down. DenseNet-121 is (6, 12, 24, 16) with growth rate 32. The last stage ends in batch norm and
    ReLU; its channels are the representation.
    Raises ValueError for a count or rate that is not positive.
    """
    require_positive(
        in_channels=in_channels, num_classes=num_classes, blocks=blocks, growth_rate=growth_rate
    )

    channels = 2 * growth_rate
    modules: OrderedDict[str, nn.Module] = OrderedDict(
        stem=nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
    )
    for index, count in enumerate(blocks):
        stage: list[nn.Module] = []
        if index > 0:
            compressed = max(1, int(channels * compression))
            stage.append(_transition(channels, compressed))
            channels = compressed
        for _ in range(count):
            stage.append(_Layer(channels, growth_rate))
            channels += growth_rate
        if index == len(blocks) - 1:
            stage += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        modules[f"stage{index + 1}"] = nn.Sequential(*stage)
    return Classifier(
        modules, in_channels=in_channels, representation_width=channels, num_classes=num_classes
    )
