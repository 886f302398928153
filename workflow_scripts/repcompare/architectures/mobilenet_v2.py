"""MobileNetV2, a network of inverted residuals (Sandler et al. 2018)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated

from torch import Tensor, nn

from repcompare.architectures.classifier import Classifier, conv_norm_relu, require_positive

# Told before the network is built: a stem if there is one, and how many stages or the parameter that says so.
LAYERS = ("stem", 4)

_STEM_CHANNELS = 32
_CHANNELS = (16, 24, 32, 64, 96, 160, 320)  # table 2 of the paper
_STAGE_OF_GROUP = (1, 1, 2, 3, 3, 4, 4)  # a stage is what runs at one resolution


class _Block(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner_channels = in_channels * expansion
        self.residual = nn.Sequential(
            conv_norm_relu(in_channels, inner_channels, 1),
            conv_norm_relu(inner_channels, inner_channels, 3, stride=stride, groups=inner_channels),
            nn.Conv2d(inner_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module | None = None
        if stride == 1 and in_channels == out_channels:
            self.shortcut = nn.Identity()
        elif stride == 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, features: Tensor) -> Tensor:
        if self.shortcut is None:
            return self.residual(features)
        return self.residual(features) + self.shortcut(features)


def mobilenet_v2(
    in_channels: int,
    num_classes: int,
    *,
    width_multiplier: Annotated[float, "width_multiplier > 0"] = 1.0,
    blocks: Annotated[Sequence[int], "len(blocks) == 7"] = (1, 2, 3, 4, 3, 3, 1),
    expansion: int = 6,
    last_width: int = 1280,
) -> Classifier:
    """Build MobileNetV2 for small images (arXiv:1801.04381, table 2, as in kuangliu/pytorch-cifar).

    The stem and the second group of blocks keep the resolution, ReLU replaces ReLU6, and a 1x1
    convolution bridges a change of width at stride 1, where the paper has no shortcut. `blocks`
    counts the blocks of the table's seven groups, `expansion` is that of all groups but the first
    (1 there). `width_multiplier` scales all widths, rounded to a multiple of 8 as in the paper's
    released code, except that of the last convolution, `last_width`, which is the representation.
    Raises ValueError for a count that is not positive.
    """
    require_positive(
        in_channels=in_channels,
        num_classes=num_classes,
        blocks=blocks,
        expansion=expansion,
        last_width=last_width,
    )

    channels = _rounded(_STEM_CHANNELS * width_multiplier)
    stages: list[list[nn.Module]] = [[] for _ in range(max(_STAGE_OF_GROUP))]
    stem = conv_norm_relu(in_channels, channels, 3)
    for group, count in enumerate(blocks):
        out_channels = _rounded(_CHANNELS[group] * width_multiplier)
        stage = stages[_STAGE_OF_GROUP[group] - 1]
        halves = group > 0 and not stage
        for position in range(count):
            stride = 2 if halves and position == 0 else 1
            stage.append(_Block(channels, out_channels, 1 if group == 0 else expansion, stride))
            channels = out_channels
    stages[-1].append(conv_norm_relu(channels, last_width, 1))

    modules: OrderedDict[str, nn.Module] = OrderedDict(stem=stem)
    for index, stage in enumerate(stages, start=1):
        modules[f"stage{index}"] = nn.Sequential(*stage)
    return Classifier(
        modules, in_channels=in_channels, representation_width=last_width, num_classes=num_classes
    )


def _rounded(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of the divisor, at least one, that is not below nine tenths."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
