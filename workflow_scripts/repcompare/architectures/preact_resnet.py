"""Residual networks with pre-activation (He et al. 2016b)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from repcompare.architectures.classifier import (
    Classifier,
    conv_norm_relu,
    every_nth_pixel,
    require_positive,
)

# Told before the network is built: a stem if there is one, and how many stages or the parameter that says so.
LAYERS = ("stem", "blocks")

_BOTTLENECK_EXPANSION = 4


class _Block(nn.Module):
    def __init__(self, in_channels: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        out_channels = width * _BOTTLENECK_EXPANSION if bottleneck else width
        self.activation = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True))
        if bottleneck:
            self.residual = nn.Sequential(
                conv_norm_relu(in_channels, width, 1),
                conv_norm_relu(width, width, 3, stride=stride),
                nn.Conv2d(width, out_channels, 1, bias=False),
            )
        else:
            self.residual = nn.Sequential(
                conv_norm_relu(in_channels, width, 3, stride=stride),
                nn.Conv2d(width, out_channels, 3, padding=1, bias=False),
            )
        self.projection: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.subsample = every_nth_pixel(stride)
            self.projection = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        activated = self.activation(features)
        if self.projection is None:
            return self.residual(activated) + features
        return self.residual(activated) + self.projection(self.subsample(activated))


def preact_resnet(
    in_channels: int,
    num_classes: int,
    *,
    blocks: Sequence[int] = (2, 2, 2, 2),
    width: int = 64,
    bottleneck: bool = False,
    final_norm: bool = True,
) -> Classifier:
    """Build a pre-activation ResNet for small images (arXiv:1603.05027).

    `blocks` counts the residual blocks of each stage; stage k has `width` * 2^(k-1) channels (four
    times that after a bottleneck) and all but the first halve the image. The default is
    PreActResNet-18; `bottleneck` with (3, 4, 6, 3) is the 50-layer one. The last stage ends in the
    batch norm and ReLU of the paper's appendix; the popular implementation kuangliu/pytorch-cifar
    leaves them out, which `final_norm` = False reproduces (the representation is then signed).
    Raises ValueError for a count or width that is not positive.
    """
    require_positive(in_channels=in_channels, num_classes=num_classes, blocks=blocks, width=width)
    modules: OrderedDict[str, nn.Module] = OrderedDict(
        stem=nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
    )
    channels = width
    for index, count in enumerate(blocks):
        stage_width = width * 2**index
        stage: list[nn.Module] = []
        for position in range(count):
            stride = 2 if index > 0 and position == 0 else 1
            stage.append(_Block(channels, stage_width, stride, bottleneck=bottleneck))
            channels = stage_width * _BOTTLENECK_EXPANSION if bottleneck else stage_width
        if final_norm and index == len(blocks) - 1:
            stage += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        modules[f"stage{index + 1}"] = nn.Sequential(*stage)
    return Classifier(
        modules, in_channels=in_channels, representation_width=channels, num_classes=num_classes
    )
