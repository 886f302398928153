"""What every architecture is: stages, a pooled representation and one linear layer."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from repcompare.registry import known

# What becomes of feature maps (N, C, H, W).
POOLS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda maps: maps.mean(dim=(2, 3)),
    # Of contiguous maps it would be a view.
    "flatten": lambda maps: maps.flatten(1).clone(),
}

# Of a convolution with a stride: with as many input channels a group, bfloat16 is the faster.
_MANY_CHANNELS = 4


class Classifier(nn.Module):
    """Convolutional stages, global average pooling and a linear classifier.

    Images go in as floats in [0, 1], shape (N, C, H, W); they are normalised inside, so that
    attacks and data sets need not know the statistics. The stages are direct children (``stem``
    where there is one, then ``stage1``, ``stage2``, ...), followed by ``penultimate`` (pooling and
    flattening, the representation) and ``classifier``; ``layers`` lists the names that have an
    output worth comparing, in order.

    Weights are drawn from the global generator of torch when the network is built: convolutions
    from the normal distribution of He et al. (2015, arXiv:1502.01852, eq. 14, fan out), the linear
    layer from torch's default with zero bias, as in the released code of He et al. (2016).
    """

    mean: Tensor
    std: Tensor

    # It tells classes apart, as not every network does that is imported.
    answers = True

    def __init__(
        self,
        stages: OrderedDict[str, nn.Module],
        *,
        in_channels: int,
        representation_width: int,
        num_classes: int,
    ) -> None:
        """Take the stages in order; the last must give (N, representation_width, h, w).

        Raises ValueError if a stage is not named ``stem`` (first) or ``stage1``, ``stage2``, ...
        """
        super().__init__()
        names = tuple(stages)
        numbered = names[1:] if names[:1] == ("stem",) else names
        if not numbered or numbered != tuple(f"stage{i}" for i in range(1, len(numbered) + 1)):
            raise ValueError(
                f"stages are named {list(names)}; allowed: an optional 'stem', then 'stage1', "
                "'stage2', ... without a gap"
            )
        self.stage_names = names
        self.register_buffer("mean", torch.zeros(in_channels))
        self.register_buffer("std", torch.ones(in_channels))
        for name, stage in stages.items():
            self.add_module(name, stage)
        self.penultimate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(representation_width, num_classes)
        _initialise(self)
        avoid_slow_bfloat16(self)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the submodules from the first stage to the representation."""
        return (*self.stage_names, "penultimate")

    @property
    def representation_width(self) -> int:
        """Number of components d of the representation."""
        return self.classifier.in_features

    def set_normalisation(
        self,
        mean: Sequence[float] | np.ndarray | Tensor,
        std: Sequence[float] | np.ndarray | Tensor,
    ) -> None:
        """Set the channel means and standard deviations, each (C,), of images in [0, 1].

        Raises ValueError if a shape is not (C,), a value is not finite or a deviation not positive.
        """
        for name, values in (("mean", mean), ("std", std)):
            buffer = getattr(self, name)
            values = torch.as_tensor(values, dtype=buffer.dtype, device=buffer.device)
            if values.shape != buffer.shape:
                raise ValueError(
                    f"{name} has shape {tuple(values.shape)}; allowed: {tuple(buffer.shape)}, "
                    "one value a channel"
                )
            if not torch.isfinite(values).all() or (name == "std" and (values <= 0).any()):
                kind = "finite and positive" if name == "std" else "finite"
                raise ValueError(f"{name} is {values.tolist()}; allowed: {kind} values")
            buffer.copy_(values)

    def represent(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], float (N, C, H, W), to representations (N, d)."""
        features = self._normalised(images)
        for name in self.stage_names:
            features = getattr(self, name)(features)
        return self.penultimate(features)

    def layer_outputs(
        self, images: Tensor, layers: Collection[str], pool: str = "mean"
    ) -> dict[str, Tensor]:
        """The outputs of `layers` (of those it has), each (N, d), for images as above.

        Feature maps are averaged over their positions, or flattened, as `pool` says, at once, before
        the next stage can change them in place. The representation is what the classifier reads.
        """
        features, outputs = self._normalised(images), {}
        for name in self.stage_names:
            features = getattr(self, name)(features)
            if name in layers:
                outputs[name] = known(POOLS, pool, "activations.pool")(features)
        if "penultimate" in layers:
            outputs["penultimate"] = self.penultimate(features)
        return outputs

    def _normalised(self, images: Tensor) -> Tensor:
        return (images - self.mean.view(-1, 1, 1)) / self.std.view(-1, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images in [0, 1], float (N, C, H, W), to logits (N, num_classes)."""
        return self.classifier(self.represent(images))


def conv_norm_relu(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    *,
    stride: int = 1,
    groups: int = 1,
    bias: bool = False,
) -> nn.Sequential:
    """Convolution that keeps the size at stride 1, batch normalisation and ReLU.

    At stride 2 a side of s pixels becomes ceil(s / 2), so it never reaches 0.
    """
    padding = kernel_size // 2
    return nn.Sequential(
        nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=bias
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class InFloat32(nn.Module):
    """What a convolution is besides, to compute in its weights' float32 on a CPU whatever the precision around it."""

    weight: Tensor

    def forward(self, *given: Any, **named: Any) -> Tensor:
        """Whatever the convolution is given, to what it gives."""
        with torch.autocast("cpu", enabled=False):
            return super().forward(
                *map(self._precise, given),
                **{name: self._precise(value) for name, value in named.items()},
            )

    def _precise(self, value: Any) -> Any:
        on_cpu = isinstance(value, Tensor) and value.is_cpu and value.is_floating_point()
        return value.to(self.weight.dtype) if on_cpu else value


class Conv2dInFloat32(InFloat32, nn.Conv2d):
    """A plain convolution in float32."""


def avoid_slow_bfloat16(network: nn.Module) -> None:
    """Let each convolution of a network that bfloat16 slows down compute `InFloat32`, in place.

    oneDNN has no fast way back in bfloat16 through a depthwise convolution with a stride, or one with
    few channels a group: it takes 2 to 40 times as long as in float32, where others take half
    (torch 2.14.1).
    """
    for module in network.modules():
        if isinstance(module, InFloat32) or not isinstance(module, nn.Conv2d):
            continue
        if _has_slow_way_back(module):
            kind = type(module)
            # It keeps its weights and its hooks, and no new ones are drawn.
            module.__class__ = (
                Conv2dInFloat32 if kind is nn.Conv2d else type(kind.__name__, (InFloat32, kind), {})
            )


def _has_slow_way_back(convolution: nn.Conv2d) -> bool:
    few = convolution.in_channels // convolution.groups < _MANY_CHANNELS
    # Of a single group, such as a stem on three channels, bfloat16 is the faster.
    return few and convolution.groups > 1 and max(convolution.stride) > 1


def every_nth_pixel(n: int) -> nn.Module:
    """Every n-th row and column from the first on: (N, C, h, w) to (N, C, ceil(h/n), ceil(w/n)).

    Before a 1x1 convolution it stands for a stride of n. Do not give the stride to the convolution:
    on a CPU with AVX2 and no more, oneDNN writes past its memory in the gradient of the weights if
    there are fewer than 8 channels, in channels_last (torch 2.14.1).
    """
    # A pool of one pixel changes no value. The gradient of a slice would not be in channels_last,
    # which makes the step of a shortcut up to three times as slow.
    return nn.Identity() if n == 1 else nn.AvgPool2d(1, n)


def require_positive(**parameters: int | Sequence[int]) -> None:
    """Raise ValueError unless each parameter is a positive integer or a list of them."""
    for name, value in parameters.items():
        items = value if isinstance(value, list | tuple) else [value]
        if not items or not all(type(item) is int and item > 0 for item in items):
            allowed = "a list of positive integers" if items is value else "a positive integer"
            raise ValueError(f"{name} is {value!r}; allowed: {allowed}")


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            # nn.init.kaiming_normal_ ignores groups, which makes depthwise weights far too small.
            fan_out = math.prod(module.kernel_size) * module.out_channels / module.groups
            nn.init.normal_(module.weight, std=math.sqrt(2.0 / fan_out))
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
