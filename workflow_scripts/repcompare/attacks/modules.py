"""PGD on any module that takes images in [0, 1] to logits, outside of a study.

A study's attacks end in 8-bit images (`attacks.craft`); these stay as the search leaves them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from repcompare.arguments import as_array, classes_of
from repcompare.attacks.balls import Ball
from repcompare.attacks.pgd import Search, attack_objective
from repcompare.attacks.schedules import ascend
from repcompare.networks.inference import margins


def pixels_of(images: Any) -> torch.Tensor:
    """Images as float32 (N, C, H, W) where they are. Raises ValueError if they leave [0, 1]."""
    if isinstance(images, torch.Tensor):
        pixels = images.detach().to(torch.float32)
    else:
        pixels = torch.from_numpy(as_array("images", images).astype(np.float32))
    if pixels.ndim != 4 or 0 in pixels.shape:
        raise ValueError(
            f"images: the shape is {tuple(pixels.shape)}, not (images, channels, height, width)"
        )
    low, high = pixels.min().item(), pixels.max().item()
    if not 0 <= low <= high <= 1:
        text = f"images: values in [0, 1] are needed, not from {low:g} to {high:g}"
        raise ValueError(f"{text}; divide by 255" if low >= 0 and 1 < high <= 255 else text)
    return pixels


def classes_among(known: int, name: str, values: Any, n: int) -> torch.Tensor:
    """Classes of n images, int64 (n,). Raises ValueError, naming the argument, if not below `known`."""
    classes = classes_of(name, values, n)
    if classes.dtype.kind not in "biuf":
        raise ValueError(f"{name}: whole numbers are needed, not {classes.dtype}")
    outside = classes[(classes < 0) | (classes >= known)]
    if len(outside):
        raise ValueError(
            f"{name}: classes from 0 to {known - 1} are needed, as many as the module has logits, "
            f"not {outside[0]:g}"
        )
    return torch.from_numpy(classes.astype(np.int64))


@contextlib.contextmanager
def frozen(module: torch.nn.Module) -> Iterator[None]:
    """`module` in eval mode, its parameters without gradients; afterwards each part as it was."""
    modes = [(part, part.training) for part in module.modules()]
    gradients = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        module.eval()
        module.requires_grad_(False)
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for parameter, wanted in gradients:
            parameter.requires_grad_(wanted)


def device_of(module: torch.nn.Module) -> torch.device:
    """Where a module's first parameter or buffer is; the CPU, if it has none."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def count_classes(module: torch.nn.Module, images: torch.Tensor) -> int:
    """The number of logits that `module` gives to an image of `images` (N, C, H, W).

    Raises ValueError if what it gives has not the shape of logits.
    """
    with frozen(module), torch.no_grad():
        logits = module(images[:1].to(device_of(module)))
    shape = getattr(logits, "shape", type(logits).__name__)
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(
            f"module: gives {shape} for one image, not the logits of 2 classes or more"
        )
    return logits.shape[1]


def attack_module(
    module: torch.nn.Module,
    images: torch.Tensor,
    classes: torch.Tensor,
    search: Search,
    ball: Ball,
    *,
    seed: int,
    batch_size: int,
    precision: str,
) -> torch.Tensor:
    """Perturbed images, float32 (N, C, H, W), on the device of `images`.

    Of several restarts, an image's best: the lowest margin of its label, or the highest of its
    target. An image's starts are of `seed` and of its place among all images, not of its batch.

    Args:
        module: to logits; it is left as it was.
        images: float32 (N, C, H, W) in [0, 1].
        classes: int64 (N,): the targets if the search is targeted, else the labels.
        search: without input diversity.
        ball: where the images may go.
        seed: of the starts.
        batch_size: images at once.
        precision: of the module, `float32` or `bfloat16`.
    """
    found = []
    with frozen(module), torch.enable_grad():
        for start in range(0, len(images), batch_size):
            places = np.arange(start, min(start + batch_size, len(images)))
            batch, of_batch = (
                each[places[0] : places[-1] + 1].to(device_of(module)) for each in (images, classes)
            )
            best = best_restart(module, batch, of_batch, search, ball, places, seed, precision)
            found.append(best.to(images.device))
    return torch.cat(found)


def best_restart(
    module: torch.nn.Module,
    images: torch.Tensor,
    classes: torch.Tensor,
    search: Search,
    ball: Ball,
    places: np.ndarray,
    seed: int,
    precision: str,
) -> torch.Tensor:
    """The same of one batch, which is on the device of `module` and at `places` (N,) of all."""
    objective = attack_objective(module, images, classes, search, precision)
    best, best_score = images, None
    for restart in range(search.restarts):
        start = None
        if search.random_start:
            start = ball.draw_start(places, tuple(images.shape[1:]), seed, restart)
            start = start.to(images.device)
        perturbation = ascend(objective, start, ball, search).perturbation
        perturbed = (images + perturbation).clamp(0, 1)
        if search.restarts == 1:
            return perturbed
        with torch.no_grad():
            score = margins(module(perturbed).float(), classes)
        score = score if search.targeted else -score
        if best_score is None:
            best, best_score = perturbed, score
        better = score > best_score
        best = torch.where(better[:, None, None, None], perturbed, best)
        best_score = torch.where(better, score, best_score)
    return best
