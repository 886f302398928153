"""Attacks and their control as a study makes them: searches that end in images as they are stored."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from repcompare.attacks.balls import Ball
from repcompare.attacks.input_diversity import draw_diversity
from repcompare.attacks.pgd import Search, attack_objective
from repcompare.attacks.schedules import ascend
from repcompare.data.example_streams import TARGET, example_streams
from repcompare.networks.inference import batches, logits_of, margins, to_float
from repcompare.registry import known


@dataclass(frozen=True)
class Computation:
    """How attacks are computed: arithmetic of the network, seed of all draws, and images at once.

    `batch_size` as `data.batches.images_at_once` takes it. `quantise`: whether images end in 8 bits.
    """

    batch_size: int
    precision: str
    seed: int
    quantise: bool = True

    def stored(self, ball: Ball, clean: torch.Tensor, perturbation: torch.Tensor) -> torch.Tensor:
        """`clean`, uint8 (n, C, H, W), with a perturbation of the ball: uint8, or float32 in [0, 1]."""
        return (ball.quantise if self.quantise else ball.unrounded)(clean, perturbation)


class Images(NamedTuple):
    """What is attacked: clean images uint8 (n, C, H, W), ids int64 (n,), and classes int64 (n,).

    The classes are those that a targeted attack aims at, else the labels.
    """

    clean: torch.Tensor
    ids: np.ndarray
    classes: torch.Tensor

    def chosen(self, which: slice | np.ndarray) -> "Images":
        """Some of them."""
        return Images(self.clean[which], self.ids[which], self.classes[which])

    def batches(self, batch_size: int) -> Iterator[slice]:
        """Those that are computed at a time, see `data.batches.images_at_once`."""
        return batches(len(self.ids), batch_size, self.clean.shape[1:])


class Examples(NamedTuple):
    """Adversarial images as they are stored, and what the attacked model makes of them.

    Attributes:
        images: uint8 (n, C, H, W), or float32 in [0, 1] where they are not rounded.
        logits: float32 (n, K), of the stored images, computed in float32.
        objectives: float32 (n, steps), before each step.
        zero_gradients: bool (n, steps), no pixel had a gradient.
    """

    images: torch.Tensor
    logits: torch.Tensor
    objectives: torch.Tensor
    zero_gradients: torch.Tensor


def targets(
    rule: str, ids: np.ndarray, labels: torch.Tensor, logits: torch.Tensor, seed: int
) -> torch.Tensor:
    """The class each image is driven to, or with the rule `none` away from, int64 (n,).

    Args:
        rule: a name in `TARGETS`.
        ids: int64 (n,).
        labels: int64 (n,).
        logits: of the clean images, float32 (n, K).
        seed: of the random classes.
    """
    return known(TARGETS, rule, "attack.target")(ids, labels, logits, seed)


def _random(ids: np.ndarray, labels: torch.Tensor, logits: torch.Tensor, seed: int) -> torch.Tensor:
    classes = logits.shape[1]
    streams = example_streams(ids, seed, TARGET)
    steps = torch.tensor([int(stream.integers(1, classes)) for stream in streams])
    return (labels + steps) % classes


TARGETS: dict[str, Callable[[np.ndarray, torch.Tensor, torch.Tensor, int], torch.Tensor]] = {
    # The label.
    "none": lambda ids, labels, logits, seed: labels,
    # Any other class, of the seed and the image's id.
    "random": _random,
    # Of the other classes (Kurakin et al. 2017).
    "least_likely": lambda ids, labels, logits, seed: logits.scatter(
        1, labels[:, None], torch.inf
    ).argmin(1),
    # The label plus one.
    "next_class": lambda ids, labels, logits, seed: (labels + 1) % logits.shape[1],
}


def search(
    network: torch.nn.Module,
    images: Images,
    settings: Search,
    balls: Sequence[Ball],
    computation: Computation,
) -> list[Examples]:
    """The examples that a search finds in each ball; of several restarts, an image's best.

    Best is the one with the lowest margin of the label, or the highest of the target, on the
    stored image.
    """
    found: list[list[Examples]] = [[] for _ in balls]
    for rows in images.batches(computation.batch_size):
        batch = _search_batch(network, images.chosen(rows), settings, balls, computation)
        for parts, examples in zip(found, batch, strict=True):
            parts.append(examples)
    return [Examples(*map(torch.cat, zip(*parts, strict=True))) for parts in found]


def _search_batch(
    network: torch.nn.Module,
    batch: Images,
    settings: Search,
    balls: Sequence[Ball],
    computation: Computation,
) -> list[Examples]:
    device = next(network.buffers()).device
    pixels, classes = to_float(batch.clean.to(device)), batch.classes.to(device)
    best: list[Examples] = []
    for restart in range(settings.restarts):
        diversity = None
        if settings.input_diversity:
            diversity = draw_diversity(batch.ids, settings.steps, computation.seed, restart)
        objective = attack_objective(
            network, pixels, classes, settings, computation.precision, diversity
        )
        units = _unit_starts(batch, balls, restart, computation) if settings.random_start else {}
        for place, ball in enumerate(balls):
            start = None
            if settings.random_start:
                start = (units[ball.unit] * ball.epsilon).to(device)
            trajectory = ascend(objective, start, ball, settings)
            stored = computation.stored(ball, batch.clean, trajectory.perturbation.cpu())
            examples = Examples(
                stored,
                logits_of(network, stored, computation.batch_size),
                trajectory.objectives.cpu(),
                trajectory.zero_gradients.cpu(),
            )
            if restart == 0:
                best.append(examples)
            else:
                best[place] = _better(best[place], examples, batch, settings)
    return best


def _unit_starts(
    batch: Images, balls: Sequence[Ball], restart: int, computation: Computation
) -> dict[Ball, torch.Tensor]:
    shape = batch.clean.shape[1:]
    return {
        unit: unit.draw_start(batch.ids, shape, computation.seed, restart)
        for unit in {ball.unit for ball in balls}
    }


def _better(one: Examples, other: Examples, batch: Images, settings: Search) -> Examples:
    """Of two examples of each image, the one with the better margin."""
    gain = margins(one.logits, batch.classes) - margins(other.logits, batch.classes)
    replaced = -gain > 0 if settings.targeted else gain > 0
    return Examples(
        *(
            torch.where(replaced.view(-1, *[1] * (old.ndim - 1)), new, old)
            for old, new in zip(one, other, strict=True)
        )
    )


def noise(
    network: torch.nn.Module,
    images: Images,
    balls: Sequence[Ball],
    computation: Computation,
) -> list[Examples]:
    """Random noise on the surface of each ball: what an attack must be compared with."""
    nothing, examples = torch.empty(len(images.ids), 0), []
    for ball in balls:
        drawn = ball.draw_noise(images.ids, images.clean.shape[1:], computation.seed)
        fitted = ball.fit_noise(drawn, images.clean / 255)
        stored = computation.stored(ball, images.clean, fitted)
        logits = logits_of(network, stored, computation.batch_size)
        examples.append(Examples(stored, logits, nothing, nothing.bool()))
    return examples


def successes(examples: Examples, classes: torch.Tensor, targeted: bool) -> np.ndarray:
    """Whether each example meets its target, or misses its label, bool (n,)."""
    predicted = examples.logits.argmax(1)
    return (predicted == classes if targeted else predicted != classes).numpy()


def growth(
    network: torch.nn.Module,
    images: Images,
    settings: Search,
    fooled: Sequence[tuple[Ball, np.ndarray]],
    computation: Computation,
) -> list[tuple[float, float]]:
    """The share of images fooled at each ε or a smaller one, in balls of one norm that grow.

    Large enough, a ball holds images of other classes: an attack that fails there does not follow
    the gradient but is blind to it (Athalye et al. 2018). After the study's own balls the radius is
    doubled, up to the distance of the furthest two images, or until no image resists; only what
    has resisted so far is attacked again.

    Args:
        fooled: the study's balls, ascending, and which images each fools, bool (n,).
    """
    curve, ever = [], np.zeros(len(images.ids), bool)
    for ball, there in fooled:
        ever |= there
        curve.append((ball.epsilon, float(ever.mean())))
    furthest = ball.diameter(images.clean.shape[1:])
    while not ever.all() and ball.epsilon < furthest:
        epsilon = min(2 * ball.epsilon, furthest)
        ball = dataclasses.replace(ball, epsilon=epsilon, label=f"{epsilon:g}")
        places = np.flatnonzero(~ever)
        resisting = images.chosen(places)
        for rows in resisting.batches(computation.batch_size):
            batch = resisting.chosen(rows)
            (examples,) = search(network, batch, settings, [ball], computation)
            ever[places[rows]] = successes(examples, batch.classes, settings.targeted)
        curve.append((ball.epsilon, float(ever.mean())))
    return curve
