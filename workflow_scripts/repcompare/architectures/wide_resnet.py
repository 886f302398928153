"""Wide residual networks (Zagoruyko and Komodakis 2016)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Literal

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
    def __init__(self, in_channels: int, out_channels: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.activation = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True))
        self.residual = nn.Sequential(
            conv_norm_relu(in_channels, out_channels, 3, stride=stride),
            nn.Dropout(dropout) if dropout > 0 else nn.Identity(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
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


def wide_resnet(
    in_channels: int,
    num_classes: int,
    *,
    depth: Literal[10, 16, 22, 28, 34, 40, 46, 52, 58] = 28,
    widen_factor: int = 10,
    width: int = 16,
    dropout: Annotated[float, "0 <= dropout < 1"] = 0.0,
) -> Classifier:
    """Build WRN-depth-widen_factor (arXiv:1605.07146, table 1); the default is WRN-28-10.

    The stem has `width` channels, the three stages `width` * `widen_factor` times 1, 2 and 4 (the
    last is the representation), with (depth - 4) / 6 blocks each and `dropout` between the
    convolutions of a block (the paper uses 0.3 on CIFAR where it uses any).
    Raises ValueError unless depth is 6n+4 with n > 0 and the rest are positive.
    """
    require_positive(
        in_channels=in_channels,
        num_classes=num_classes,
        depth=depth,
        widen_factor=widen_factor,
        width=width,
    )
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(f"depth is {depth!r}; allowed: 6n+4, that is 10, 16, 22, 28, ...")

    modules: OrderedDict[str, nn.Module] = OrderedDict(
        stem=nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
    )
    channels = width
    for index in range(_STAGES):
        stage_width = width * widen_factor * 2**index
        stage: list[nn.Module] = []
        for position in range((depth - 4) // 6):
            stride = 2 if index > 0 and position == 0 else 1
            stage.append(_Block(channels, stage_width, stride, dropout))
            channels = stage_width
        if index == _STAGES - 1:
            stage += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        modules[f"stage{index + 1}"] = nn.Sequential(*stage)
    return Classifier(
        modules, in_channels=in_channels, representation_width=channels, num_classes=num_classes
    )
