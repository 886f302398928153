"""Images that a network represents like given ones, found from other images (Mahendran and Vedaldi 2015)."""

from typing import Any

import numpy as np
import torch

from repcompare.architectures.classifier import Classifier
from repcompare.attacks.balls import L2Ball
from repcompare.attacks.pgd import Objective, Search, pgd
from repcompare.data.example_streams import INVERSION, example_streams
from repcompare.networks.imported import ImportedNetwork
from repcompare.networks.inference import StoredImages, logits_of
from repcompare.networks.models import folded

# Of directions, as in `Search`: it leaves three quarters of the distance that plain steps leave.
MOMENTUM = 0.75


def invert(
    network: torch.nn.Module,
    aimed: torch.Tensor,
    starts: torch.Tensor,
    steps: int,
    step_size: float,
    precision: str,
) -> torch.Tensor:
    """Images x′, float32 (N, C, H, W) in [0, 1], represented near `aimed`, each found from its start.

    Normalised gradient descent with momentum on the relative distance, the steps shortening to
    nothing; there is no bound but that of the pixels.

    Args:
        network: from `representing`, to representations (N, d).
        aimed: float32 (N, d), m(x).
        starts: float32 (N, C, H, W) in [0, 1].
        steps: gradient steps.
        step_size: the first step is this multiple of the furthest distance of two images / steps.
        precision: of the network.
    """
    search = Search(steps, step_size, random_start=False, momentum=MOMENTUM)
    objective = Objective(
        network, starts, lambda found: -relative_distance(found, aimed), precision
    )
    whole = L2Ball(L2Ball.diameter(starts.shape[1:]))
    return starts + pgd(objective, None, whole, search, shortening=True).perturbation


def relative_distance(found: torch.Tensor, aimed: torch.Tensor) -> torch.Tensor:
    """‖m(x′) − m(x)‖ / ‖m(x)‖ of representations (N, d), shape (N,)."""
    return (found - aimed).norm(dim=1) / aimed.norm(dim=1).clamp_min(torch.finfo(aimed.dtype).tiny)


def residuals(seen: np.ndarray, aimed: np.ndarray) -> np.ndarray:
    """How far inversions are from their aim, (n,), in distances of the aims from their mean.

    About their mean, because representations of ReLUs lie far from 0 and close to one another: by
    their plain length other images of the class would be near. Infinite where an aim is the mean.

    Args:
        seen: representations (n, d) of the inversions.
        aimed: those of the images, (n, d).
    """
    spread = np.linalg.norm(aimed - aimed.mean(axis=0), axis=1)
    left = np.linalg.norm(seen - aimed, axis=1)
    return np.divide(left, spread, out=np.full(len(aimed), np.inf, spread.dtype), where=spread > 0)


def representing(network: Classifier | ImportedNetwork) -> torch.nn.Module:
    """`network` up to its representation, batch normalisation folded into convolutions."""
    if isinstance(network, ImportedNetwork):
        return Representing(folded(network))
    return folded(Representing(network))


class Representing(torch.nn.Module):
    """A network's way from images to its representation, as a network of its own."""

    def __init__(self, network: torch.nn.Module) -> None:
        """Share the network's weights."""
        super().__init__()
        self.network: Any = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Representations (N, d) of images (N, C, H, W)."""
        return self.network.represent(images)


def represented(network: torch.nn.Module, images: StoredImages, batch_size: int) -> torch.Tensor:
    """Representations float32 (N, d), on the CPU, of uint8 images (N, C, H, W): see `logits_of`."""
    return logits_of(network, images, batch_size)


def noise_starts(ids: np.ndarray, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """An image of uniform noise for each id, float32 (N, *shape)."""
    streams = example_streams(ids, seed, INVERSION)
    drawn = np.stack([stream.random(tuple(shape), dtype=np.float32) for stream in streams])
    return torch.from_numpy(drawn).contiguous(memory_format=torch.channels_last)


def other_images(ids: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """For each image the place of another one of another class, or of any if there is one class."""
    places = np.arange(len(ids))
    chosen = []
    for place, stream in enumerate(example_streams(ids, seed, INVERSION, restart=1)):
        allowed = places[labels != labels[place]]
        if not len(allowed):
            allowed = places[places != place] if len(ids) > 1 else places
        chosen.append(stream.choice(allowed))
    return np.array(chosen)
