"""Images shown smaller and shifted at random, so that an attack does not fit one network too well.

Xie et al. 2019 (arXiv:1803.06978): with some probability a step sees its image shrunk and placed at
random on black. Sizes and places are continuous here and drawn for each example and step.
"""

import numpy as np
import torch

from repcompare.data.example_streams import DIVERSITY, example_streams

# Of the side of the image: sizes are uniform from here to 1.
SMALLEST = 0.9


def draw_diversity(ids: np.ndarray, steps: int, seed: int, restart: int) -> torch.Tensor:
    """Whether, how small and where, for each example and step: uniform float32 (N, steps, 4)."""
    streams = example_streams(ids, seed, DIVERSITY, restart)
    return torch.from_numpy(
        np.stack([stream.random((steps, 4), dtype=np.float32) for stream in streams])
    )


def diversify(images: torch.Tensor, draws: torch.Tensor, probability: float) -> torch.Tensor:
    """Each image float (N, C, H, W) shrunk and placed at random with `probability`, else as it is.

    Bilinear, and so differentiable. `draws` uniform (N, 4), of `draw_diversity`.
    """
    whether, size, *place = draws.to(images).unbind(1)
    size = torch.where(whether < probability, SMALLEST + (1 - SMALLEST) * size, 1.0)
    down, right = (
        _resampling(side, size, (1 - size) * at)
        for side, at in zip(images.shape[-2:], place, strict=True)
    )
    small = torch.einsum("nij,ncjk,nlk->ncil", down, images, right)
    return small.contiguous(memory_format=torch.channels_last)


def _resampling(side: int, size: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """Weights (N, side, side) of old pixels in new ones: the line shrunk to `size` from `start` on.

    `size` and `start` (N,) are fractions of the line; what it leaves uncovered is 0.
    """
    pixels = torch.arange(side, device=size.device, dtype=size.dtype)
    source = ((pixels + 0.5) / side - start[:, None]) / size[:, None] * side - 0.5
    covered = (source >= -0.5) & (source <= side - 0.5)
    distance = (source.clamp(0, side - 1)[:, :, None] - pixels).abs()
    return (1 - distance).clamp_min(0) * covered[:, :, None]
