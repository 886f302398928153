"""The balls that adversarial examples must stay in, on float and on stored images.

Pixels are in [0, 1]; `linf` bounds the largest change of a pixel, `l2` the Euclidean norm of the
change of an image. A perturbation has the shape of its images, (N, C, H, W).

To add a norm, write its `Ball`, give it a row in `BALLS` and name it in `vocabulary.NORMS` and in the
schema's `epsilons`.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from repcompare.data.example_streams import NOISE, START, example_streams
from repcompare.registry import known
from repcompare.study.epsilon import parse_epsilon

# Of float32 sums over an image; a bound on stored 8-bit images is checked in exact integers instead.
NORM_TOLERANCE = 1e-6
# Of a float32 pixel in [0, 1]: two roundings, of the clean pixel and of its sum with a change.
PIXEL_TOLERANCE = torch.finfo(torch.float32).eps


def norms(perturbation: torch.Tensor, order: float) -> torch.Tensor:
    """The norm of an order (1, 2, ∞) of each perturbation, shape (N, 1, 1, 1)."""
    if order == torch.inf:
        # The same number, in a tenth of the time.
        return perturbation.abs().amax((1, 2, 3), keepdim=True)
    return torch.linalg.vector_norm(perturbation, order, dim=(1, 2, 3), keepdim=True)


def normalised(perturbation: torch.Tensor, order: float) -> torch.Tensor:
    """Each perturbation at norm 1; 0 where it is 0."""
    size = norms(perturbation, order)
    return perturbation / size.clamp_min(torch.finfo(size.dtype).tiny)


@dataclass(frozen=True)
class Ball(ABC):
    """All perturbations of a norm up to `epsilon`; `label` is that radius as files spell it."""

    norm: ClassVar[str]
    order: ClassVar[float]

    epsilon: float
    label: str = ""

    @property
    def unit(self) -> "Ball":
        """The ball of radius 1."""
        return dataclasses.replace(self, epsilon=1.0, label="1")

    @staticmethod
    @abstractmethod
    def diameter(shape: Iterable[int]) -> float:
        """The distance of the furthest two images of a shape: one all 0, the other all 1."""

    @classmethod
    def sizes(cls, perturbation: torch.Tensor) -> torch.Tensor:
        """The norm of each perturbation, shape (N,)."""
        return norms(perturbation, cls.order).flatten()

    @staticmethod
    @abstractmethod
    def direction(gradient: torch.Tensor) -> torch.Tensor:
        """The steepest ascent direction of unit norm (Madry et al. 2018); 0 for a zero gradient."""

    @abstractmethod
    def project(self, perturbation: torch.Tensor) -> torch.Tensor:
        """The nearest perturbation in the ball."""

    def limits(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The box for `confine`: the lowest and the highest change of each pixel.

        `images` float32 (N, C, H, W) in [0, 1].
        """
        return -images, 1 - images

    def confine(
        self, perturbation: torch.Tensor, lowest: torch.Tensor, highest: torch.Tensor
    ) -> torch.Tensor:
        """A near perturbation in the ball that keeps the images of `limits` in [0, 1]."""
        return self.project(perturbation).clamp(lowest, highest)

    def draw_start(
        self, ids: np.ndarray, shape: tuple[int, ...], seed: int, restart: int = 0
    ) -> torch.Tensor:
        """A perturbation uniform in the ball for each image, float32 (N, *shape).

        Of `seed`, `restart` and the image's id alone; at another `epsilon` it is the same, scaled.
        """
        return _drawn(self._inside, example_streams(ids, seed, START, restart), len(ids), shape)

    def draw_noise(self, ids: np.ndarray, shape: tuple[int, ...], seed: int) -> torch.Tensor:
        """Random noise of norm `epsilon` for each image, float32 (N, *shape): an attack's control."""
        return _drawn(self._surface, example_streams(ids, seed, NOISE), len(ids), shape)

    def fit_noise(self, noise: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """`noise` as it can be added to images: what [0, 1] leaves of it has norm `epsilon` still.

        Less than `epsilon` only where an image has no room for it.

        Args:
            noise: of `draw_noise`, float32 (N, C, H, W).
            images: float32 (N, C, H, W) in [0, 1].
        """
        return self.confine(noise, *self.limits(images))

    @abstractmethod
    def draw_batch(self, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
        """As `draw_start`, float32 of `shape` (N, C, H, W), all images from one CPU generator."""

    @abstractmethod
    def quantise(self, clean: torch.Tensor, perturbation: torch.Tensor) -> torch.Tensor:
        """`clean + perturbation` as 8-bit images that are still inside the ball.

        Rounded to the nearest value, or less far where that would leave the ball.

        Args:
            clean: uint8 (N, C, H, W).
            perturbation: float32 in units of [0, 1] pixels, same shape.

        Returns:
            uint8 (N, C, H, W).
        """

    @staticmethod
    def unrounded(clean: torch.Tensor, perturbation: torch.Tensor) -> torch.Tensor:
        """`clean + perturbation` as images in [0, 1] that are not rounded to 8 bits.

        Args:
            clean: uint8 (N, C, H, W).
            perturbation: float32 in units of [0, 1] pixels, same shape, in the ball.

        Returns:
            float32 (N, C, H, W).
        """
        return (clean / 255 + perturbation).clamp_(0, 1)

    def verify(self, clean: torch.Tensor, stored: torch.Tensor) -> None:
        """Raise ValueError unless every stored image is within `epsilon` of its clean image.

        Exactly of 8-bit images; of others, float32 in [0, 1], as far as float32 tells.
        """
        if stored.dtype not in (torch.uint8, torch.float32) or stored.shape != clean.shape:
            raise ValueError(
                f"stored images are {stored.dtype} {tuple(stored.shape)}, "
                f"not uint8 or float32 {tuple(clean.shape)}"
            )
        if stored.dtype == torch.uint8:
            outside = self._outside(stored.to(torch.int32) - clean.to(torch.int32))
        else:
            tolerance = PIXEL_TOLERANCE * self.diameter(clean.shape[1:])
            largest = self.epsilon * (1 + NORM_TOLERANCE) + tolerance
            size = self.sizes(stored.double() - clean.double() / 255)
            in_range = ((stored >= 0) & (stored <= 1)).flatten(1).all(1)
            outside = ~(in_range & (size <= largest))
        if outside.any():
            raise ValueError(
                f"{int(outside.sum())} stored images leave the {self.norm} ball of radius "
                f"{self.epsilon:.6g}; the first is number {int(outside.nonzero()[0])}"
            )

    @abstractmethod
    def _inside(self, stream: np.random.Generator, size: int) -> np.ndarray:
        """A uniform point of the ball in `size` dimensions, float64 (size,)."""

    @abstractmethod
    def _surface(self, stream: np.random.Generator, size: int) -> np.ndarray:
        """A random point of norm `epsilon`, float64 (size,)."""

    @abstractmethod
    def _outside(self, change: torch.Tensor) -> torch.Tensor:
        """Which changes (N, C, H, W), whole numbers of 1/255 of any type, leave the ball, bool (N,)."""

    def _bound(self, power: int) -> int:
        """The largest whole number within a power of the radius in units of 1/255."""
        return math.floor((self.epsilon * 255 * (1 + NORM_TOLERANCE)) ** power)


def _drawn(
    draw: Callable[[np.random.Generator, int], np.ndarray],
    streams: Iterable[np.random.Generator],
    n: int,
    shape: tuple[int, ...],
) -> torch.Tensor:
    size = math.prod(shape)
    rows = np.empty((n, size), np.float32)
    for row, stream in zip(rows, streams, strict=True):
        row[:] = draw(stream, size)
    return torch.from_numpy(rows.reshape(n, *shape))


class LinfBall(Ball):
    """No pixel changes by more than `epsilon`."""

    norm, order = "linf", math.inf

    @staticmethod
    def diameter(shape: Iterable[int]) -> float:
        """1, whatever the shape."""
        del shape
        return 1.0

    @staticmethod
    def direction(gradient: torch.Tensor) -> torch.Tensor:
        """The sign of each pixel."""
        return gradient.sign()

    def project(self, perturbation: torch.Tensor) -> torch.Tensor:
        """Each pixel cut at ±`epsilon`."""
        return perturbation.clamp(-self.epsilon, self.epsilon)

    def limits(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The ball is a box too, so the limits are those of the intersection."""
        lowest, highest = super().limits(images)
        return lowest.clamp_min(-self.epsilon), highest.clamp_max(self.epsilon)

    def confine(
        self, perturbation: torch.Tensor, lowest: torch.Tensor, highest: torch.Tensor
    ) -> torch.Tensor:
        """One clamp projects on the intersection of both boxes."""
        return perturbation.clamp(lowest, highest)

    def draw_batch(self, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
        """Each pixel on its own."""
        return (2 * torch.rand(shape, generator=generator) - 1) * self.epsilon

    def quantise(self, clean: torch.Tensor, perturbation: torch.Tensor) -> torch.Tensor:
        """Cut at a whole number of 1/255."""
        bound = self._bound(1)
        change = (perturbation * 255).round().clamp(-bound, bound)
        return (clean.to(torch.int32) + change.to(torch.int32)).clamp(0, 255).to(torch.uint8)

    def _inside(self, stream: np.random.Generator, size: int) -> np.ndarray:
        return stream.uniform(-self.epsilon, self.epsilon, size)

    def _surface(self, stream: np.random.Generator, size: int) -> np.ndarray:
        return np.sign(stream.standard_normal(size)) * self.epsilon

    def _outside(self, change: torch.Tensor) -> torch.Tensor:
        return change.abs().amax(dim=(1, 2, 3)) > self._bound(1)


class L2Ball(Ball):
    """The Euclidean norm of an image's change is at most `epsilon`."""

    norm, order = "l2", 2

    @staticmethod
    def diameter(shape: Iterable[int]) -> float:
        """The root of the number of values."""
        return math.sqrt(math.prod(shape))

    @staticmethod
    def direction(gradient: torch.Tensor) -> torch.Tensor:
        """The gradient's own direction."""
        # The gradient of a confident network is so small that its square would be 0.
        scaled = normalised(gradient, math.inf)
        return scaled / norms(scaled, 2).clamp_min(1)

    def project(self, perturbation: torch.Tensor) -> torch.Tensor:
        """Shrunk to norm `epsilon`."""
        return perturbation * (self.epsilon / norms(perturbation, 2).clamp_min(self.epsilon))

    def fit_noise(self, noise: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """The direction, longer where pixels are cut: half of it points out of a black background.

        At length t the norm is t²·Σ noise² over the pixels that are not cut yet, plus Σ room² over
        those that are: one sort finds the piece on which that is `epsilon`², and its root is exact.
        """
        size = noise.flatten(1).abs().double()
        room = torch.where(noise > 0, 1 - images, images).flatten(1).double()
        cut_at, order = (room / size.clamp_min(torch.finfo(size.dtype).tiny)).sort()
        cut = room.gather(1, order).square().cumsum(1)
        # Summed from the end: what is left after the last pixel is exactly 0.
        moving = size.gather(1, order).square().flip(1).cumsum(1).flip(1)
        none = torch.zeros_like(cut[:, :1])
        reached = cut + cut_at.square() * torch.cat([moving[:, 1:], none], 1)
        piece = (reached < self.epsilon**2).sum(1, keepdim=True).clamp_max(size.shape[1] - 1)
        left = self.epsilon**2 - torch.cat([none, cut[:, :-1]], 1).gather(1, piece)
        length = (left / moving.gather(1, piece)).sqrt()
        moved = torch.minimum(length * size, room).to(noise.dtype).view_as(noise)
        return torch.copysign(moved, noise)

    def draw_batch(self, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
        """A uniform direction, and a radius."""
        direction = normalised(torch.randn(shape, generator=generator), 2)
        radius = torch.rand(shape[0], 1, 1, 1, generator=generator) ** (1 / shape[1:].numel())
        return direction * radius * self.epsilon

    def quantise(self, clean: torch.Tensor, perturbation: torch.Tensor) -> torch.Tensor:
        """Shrunk until its rounded form is inside."""
        # Whole numbers of 8 bits and their squares are exact in float32.
        base, steps = clean.to(torch.float32), perturbation * 255
        lowest, highest = -base, 255 - base
        scale = torch.ones_like(steps[:, :1, :1, :1])
        while True:
            change = (steps * scale).round_().clamp_(lowest, highest)
            outside = self._outside(change)
            if not outside.any():
                return (base + change).to(torch.uint8)
            scale[outside] *= 0.99

    def _inside(self, stream: np.random.Generator, size: int) -> np.ndarray:
        direction = stream.standard_normal(size)
        radius = self.epsilon * stream.uniform() ** (1 / size)
        return direction * (radius / np.linalg.norm(direction))

    def _surface(self, stream: np.random.Generator, size: int) -> np.ndarray:
        direction = stream.standard_normal(size)
        return direction * (self.epsilon / np.linalg.norm(direction))

    def _outside(self, change: torch.Tensor) -> torch.Tensor:
        return change.square().sum(dim=(1, 2, 3), dtype=torch.float64) > self._bound(2)


BALLS: dict[str, type[Ball]] = {ball.norm: ball for ball in (LinfBall, L2Ball)}


def parse_ball(norm: str, epsilon: str | float) -> Ball:
    """The ball of a norm and a radius as a config has them.

    Raises ValueError for a norm without a row in `BALLS`, and for what is not an epsilon.
    """
    label, radius = parse_epsilon(epsilon)
    return known(BALLS, norm, "norm")(radius, label)
