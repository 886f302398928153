"""VGG with batch normalisation and one linear layer (Simonyan and Zisserman 2015)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import nn

from repcompare.architectures.classifier import Classifier, conv_norm_relu, require_positive

# Told before the network is built: a stem if there is one, and how many stages or the parameter that says so.
LAYERS = ("stages",)

_CONVOLUTIONS = {  # per stage, columns A, B, D and E of the paper's table 1
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
_WIDENING = (1, 2, 4, 8, 8)


def vgg(
    in_channels: int,
    num_classes: int,
    *,
    depth: Literal[11, 13, 16, 19] = 16,
    width: int = 64,
    stages: Literal[1, 2, 3, 4, 5] = 5,
) -> Classifier:
    """Build VGG-11, 13, 16 or 19 for small images (arXiv:1409.1556, table 1, with batch norm).

    As is usual on CIFAR, one linear layer replaces the paper's three. The stages have 1, 2, 4, 8
    and 8 times `width` channels, each ending in a 2x2 max pooling; `stages` below 5 drops the last
    ones, for images too small to be halved five times. Representation: 8 * width at 5 stages.
    Raises ValueError for a depth that is not published, or stages outside 1 to 5.
    """
    require_positive(in_channels=in_channels, num_classes=num_classes, width=width, stages=stages)
    if depth not in _CONVOLUTIONS:
        raise ValueError(f"depth is {depth!r}; allowed: {', '.join(map(str, _CONVOLUTIONS))}")
    if stages > len(_WIDENING):
        raise ValueError(f"stages is {stages!r}; allowed: 1 to {len(_WIDENING)}")

    modules: OrderedDict[str, nn.Module] = OrderedDict()
    channels = in_channels
    for index in range(stages):
        out_channels = width * _WIDENING[index]
        convolutions = []
        for _ in range(_CONVOLUTIONS[depth][index]):
            convolutions.append(conv_norm_relu(channels, out_channels, 3, bias=True))
            channels = out_channels
        # ceil_mode changes nothing at 32x32 and keeps a side of one pixel at one.
        modules[f"stage{index + 1}"] = nn.Sequential(*convolutions, nn.MaxPool2d(2, ceil_mode=True))
    return Classifier(
        modules, in_channels=in_channels, representation_width=channels, num_classes=num_classes
    )
