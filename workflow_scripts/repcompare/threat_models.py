"""The balls that adversarial examples must stay in, on float and on stored 8-bit images.

Pixels are in [0, 1]; `linf` bounds the largest change of a pixel, `l2` the Euclidean norm of the
change of an image. A perturbation has the shape of its images, (N, C, H, W).
"""

import numpy as np
import torch

from repcompare.example_streams import NOISE, START, example_streams

NORMS = ("linf", "l2")
# Of float32 sums over an image; a bound on stored images is checked in exact integers instead.
NORM_TOLERANCE = 1e-6


def norms(perturbation: torch.Tensor, norm: str) -> torch.Tensor:
    """The norm (`l1` too) of each perturbation, shape (N, 1, 1, 1)."""
    order = {"linf": torch.inf, "l2": 2, "l1": 1}[norm]
    return torch.linalg.vector_norm(perturbation, order, dim=(1, 2, 3), keepdim=True)


def project(perturbation: torch.Tensor, norm: str, epsilon: float) -> torch.Tensor:
    """The nearest perturbation in the ball of radius `epsilon`."""
    if norm == "linf":
        return perturbation.clamp(-epsilon, epsilon)
    return perturbation * (epsilon / norms(perturbation, norm).clamp_min(epsilon))


def ascent_direction(gradient: torch.Tensor, norm: str) -> torch.Tensor:
    """The steepest ascent direction of unit norm (Madry et al. 2018); 0 for a zero gradient."""
    if norm == "linf":
        return gradient.sign()
    # The gradient of a confident network is so small that its square would be 0.
    scaled = normalised(gradient, "linf")
    return scaled / norms(scaled, norm).clamp_min(1)


def normalised(perturbation: torch.Tensor, norm: str) -> torch.Tensor:
    """Each perturbation at norm 1; 0 where it is 0."""
    size = norms(perturbation, norm)
    return perturbation / size.clamp_min(torch.finfo(size.dtype).tiny)


def draw_start(
    ids: np.ndarray, shape: tuple[int, ...], norm: str, epsilon: float, seed: int, restart: int = 0
) -> torch.Tensor:
    """A perturbation uniform in the ball for each image, float32 (N, *shape).

    Of `seed`, `restart` and the image's id alone; at another `epsilon` it is the same, scaled.
    """
    size = int(np.prod(shape))
    drawn = np.empty((len(ids), size), np.float32)
    for row, stream in zip(drawn, example_streams(ids, seed, START, restart), strict=True):
        if norm == "linf":
            row[:] = stream.uniform(-epsilon, epsilon, size)
        else:
            direction = stream.standard_normal(size)
            radius = epsilon * stream.uniform() ** (1 / size)
            row[:] = direction * (radius / np.linalg.norm(direction))
    return torch.from_numpy(drawn.reshape(len(ids), *shape))


def uniform_in_ball(
    shape: torch.Size, norm: str, epsilon: float, generator: torch.Generator
) -> torch.Tensor:
    """As `draw_start`, float32 of `shape` (N, C, H, W), all images from one CPU generator."""
    if norm == "linf":
        return (2 * torch.rand(shape, generator=generator) - 1) * epsilon
    direction = normalised(torch.randn(shape, generator=generator), norm)
    radius = torch.rand(shape[0], 1, 1, 1, generator=generator) ** (1 / shape[1:].numel())
    return direction * radius * epsilon


def draw_noise(
    ids: np.ndarray, shape: tuple[int, ...], norm: str, epsilon: float, seed: int
) -> torch.Tensor:
    """Random noise of norm `epsilon` for each image, float32 (N, *shape): the control of an attack.

    A random sign for each pixel under `linf`, a uniformly random direction under `l2`.
    """
    size = int(np.prod(shape))
    drawn = np.empty((len(ids), size), np.float32)
    for row, stream in zip(drawn, example_streams(ids, seed, NOISE), strict=True):
        direction = stream.standard_normal(size)
        if norm == "linf":
            row[:] = np.sign(direction) * epsilon
        else:
            row[:] = direction * (epsilon / np.linalg.norm(direction))
    return torch.from_numpy(drawn.reshape(len(ids), *shape))


def quantise(
    clean: torch.Tensor, perturbation: torch.Tensor, norm: str, epsilon: float
) -> torch.Tensor:
    """`clean + perturbation` as 8-bit images that are still inside the ball.

    Rounded to the nearest value. Where rounding leaves the ball, the bound is lowered to a whole
    number of 1/255 (`linf`), or the perturbation is shrunk until its rounded form is inside (`l2`).

    Args:
        clean: uint8 (N, C, H, W).
        perturbation: float32 in units of [0, 1] pixels, same shape.

    Returns:
        uint8 (N, C, H, W).
    """
    base = clean.to(torch.int32)
    steps = perturbation * 255
    if norm == "linf":
        bound = largest_step(epsilon)
        change = steps.round().clamp(-bound, bound)
        return (base + change.to(torch.int32)).clamp(0, 255).to(torch.uint8)
    scale = torch.ones_like(steps[:, :1, :1, :1])
    while True:
        stored = (base + (steps * scale).round().to(torch.int32)).clamp(0, 255)
        outside = squared_steps(stored - base) > squared_bound(epsilon)
        if not outside.any():
            return stored.to(torch.uint8)
        scale[outside] *= 0.99


def largest_step(epsilon: float) -> int:
    """The largest change of an 8-bit pixel inside the `linf` ball."""
    return int(np.floor(epsilon * 255 * (1 + NORM_TOLERANCE)))


def squared_bound(epsilon: float) -> float:
    """The squared radius of the `l2` ball in units of 1/255, with room for its own rounding."""
    return (epsilon * 255 * (1 + NORM_TOLERANCE)) ** 2


def squared_steps(change: torch.Tensor) -> torch.Tensor:
    """The squared `l2` norm of integer changes, exact, shape (N,)."""
    return change.to(torch.int64).square().sum(dim=(1, 2, 3))


def verify(clean: torch.Tensor, stored: torch.Tensor, norm: str, epsilon: float) -> None:
    """Raise ValueError unless every stored 8-bit image is within `epsilon` of its clean image."""
    if stored.dtype != torch.uint8 or stored.shape != clean.shape:
        raise ValueError(
            f"stored images are {stored.dtype} {tuple(stored.shape)}, not uint8 {tuple(clean.shape)}"
        )
    change = stored.to(torch.int32) - clean.to(torch.int32)
    if norm == "linf":
        outside = change.abs().amax(dim=(1, 2, 3)) > largest_step(epsilon)
    else:
        outside = squared_steps(change) > squared_bound(epsilon)
    if outside.any():
        raise ValueError(
            f"{int(outside.sum())} stored images leave the {norm} ball of radius {epsilon:.6g}; "
            f"the first is number {int(outside.nonzero()[0])}"
        )
