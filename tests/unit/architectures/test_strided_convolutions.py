"""Convolutions with a stride: where oneDNN overruns its memory or is slow, another way gives the same."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from repcompare import architectures
from repcompare.architectures.classifier import (
    InFloat32,
    avoid_slow_bfloat16,
    every_nth_pixel,
)


def images(count: int, shape: tuple[int, int, int], seed: int = 0) -> torch.Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("side", [1, 7, 8])
def test_a_1x1_convolution_of_every_nth_pixel_is_one_of_stride_n(n: int, side: int) -> None:
    weights = images(10, (9, 1, 1)) - 0.5
    values, gradients = [], []
    for convolve in (
        lambda batch: functional.conv2d(batch, weights, stride=n),
        lambda batch: functional.conv2d(every_nth_pixel(n)(batch), weights),
    ):
        batch = images(4, (9, side, side)).to(memory_format=torch.channels_last).requires_grad_()
        values.append(convolve(batch))
        gradients += torch.autograd.grad(values[-1].square().sum(), batch)
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*gradients)
    assert gradients[-1].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("settings", "dtype"),
    [
        ({"groups": 8, "stride": 2}, torch.float32),
        ({"groups": 8, "stride": (1, 2)}, torch.float32),
        ({"groups": 4, "stride": 2}, torch.float32),
        ({"groups": 2, "stride": 2}, torch.bfloat16),
        ({"groups": 8}, torch.bfloat16),
        ({"stride": 2}, torch.bfloat16),
        ({"in_channels": 3, "stride": 2}, torch.bfloat16),
    ],
)
def test_only_convolutions_that_bfloat16_slows_down_stay_in_float32(settings, dtype) -> None:
    sizes = {"in_channels": 8, "out_channels": 8, "kernel_size": 3}
    network = nn.Sequential(nn.Conv2d(**sizes | settings))
    weights, batch = list(network.parameters()), images(2, (network[0].in_channels, 9, 9))
    before = network(batch)
    avoid_slow_bfloat16(network)
    torch.testing.assert_close(network(batch), before, rtol=0, atol=0)
    assert all(one is other for one, other in zip(network.parameters(), weights, strict=True))
    with torch.autocast("cpu", torch.bfloat16):
        found = network(batch.bfloat16())
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), before, rtol=0.02, atol=0.02)


class Padded(nn.Conv2d):
    def forward(self, features, padding=1):
        return super().forward(functional.pad(features, (0, padding, 0, padding)))


def test_convolutions_that_do_more_go_on_doing_it() -> None:
    network, batch = Padded(8, 8, 3, stride=2, groups=8), images(2, (8, 8, 8))
    before = network(batch), network(batch, 3)
    for _ in range(2):
        avoid_slow_bfloat16(network)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(batch), network(features=batch, padding=3)
    torch.testing.assert_close(found, before, rtol=0, atol=0)
    assert type(network).__bases__ == (InFloat32, Padded)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_networks_of_another_precision_stay_in_it(dtype) -> None:
    network = nn.Conv2d(8, 8, 3, stride=2, groups=8).to(dtype)
    batch = images(2, (8, 8, 8)).to(dtype)
    before = network(batch)
    avoid_slow_bfloat16(network)
    torch.testing.assert_close(network(batch), before, rtol=0, atol=0)


def test_networks_of_ours_have_none_that_bfloat16_slows_down() -> None:
    network = architectures.build("mobilenet_v2", SMALLEST["mobilenet_v2"], 1, 10)
    strided = [part for part in network.modules() if isinstance(part, InFloat32)]
    assert [part.stride for part in strided] == [(2, 2)] * 3


SMALLEST = {
    "densenet": {"blocks": [1, 1], "growth_rate": 1},
    "googlenet": {"width_multiplier": 0.001},
    "mobilenet_v2": {"width_multiplier": 0.001, "blocks": [1] * 7, "expansion": 1, "last_width": 1},
    "preact_resnet": {"blocks": [1, 1, 1, 1], "width": 1},
    "resnet": {"blocks": [1, 1, 1, 1], "width": 1},
    "resnext": {"depth": 11, "cardinality": 1, "base_width": 1, "width": 1, "expansion": 1},
    "vgg": {"depth": 11, "width": 1},
    "wide_resnet": {"depth": 10, "widen_factor": 1, "width": 1},
}


# Each name is printed before its network can kill the process.
TRAIN_THE_SMALLEST = f"""
import torch
from repcompare.architectures import build

torch.set_num_threads(1)
for name, kwargs in {SMALLEST}.items():
    print(name, flush=True)
    network = build(name, kwargs, 3, 10, seed=0).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    for _ in range(3):
        images = torch.rand(16, 3, 16, 16).to(memory_format=torch.channels_last)
        loss = torch.nn.functional.cross_entropy(network(images), torch.arange(16) % 10)
        loss.backward()
        optimiser.step()
    assert loss.isfinite()
"""


# oneDNN chooses other code for other processors, and some of it writes past its memory when there
# are few channels: the process dies, at once or later.
@pytest.mark.parametrize(
    "processor",
    [
        {},
        pytest.param(
            {"ONEDNN_MAX_CPU_ISA": "AVX2"},
            marks=pytest.mark.skipif(
                platform.machine() not in ("x86_64", "AMD64"), reason="needs an x86 processor"
            ),
        ),
    ],
    ids=["this", "AVX2"],
)
def test_the_smallest_networks_survive_their_training(processor: dict[str, str]) -> None:
    assert sorted(SMALLEST) == architectures.available()
    scripts = Path(__file__).parents[3] / "workflow_scripts"
    environment = {**os.environ, **processor, "PYTHONPATH": str(scripts)}
    subprocess.run([sys.executable, "-c", TRAIN_THE_SMALLEST], env=environment, check=True)
