"""A small network as if it were made elsewhere, and images and classes for it."""

import torch
from torch import nn

from repcompare.networks.factories import Built
from repcompare.networks.imported import ImportedNetwork
from repcompare.networks.importing import adaptation_of, adapted, check_network
from repcompare.networks.models import frozen

CLASSES = [f"class {place}" for place in range(5)]
IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Foreign(nn.Module):
    """A small convolution network, whose parts a test may replace."""

    def __init__(self, outputs=5):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.unused = nn.Linear(8, outputs)
        self.head = nn.Linear(8, outputs)

    def represent(self, images):
        return self.second(self.first(images)).mean((2, 3))

    def forward(self, images):
        return self.head(self.represent(images))


def module(kind=Foreign, **kwargs):
    """A module with weights of a fixed seed and moments of its batch normalisation."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = kind(**kwargs)
        made(torch.rand(32, 3, 16, 16))
    return made.eval()


def imported(made, built=None, **settings) -> ImportedNetwork:
    found = adaptation_of(built or Built(made), settings, IMAGES, CLASSES)
    network = frozen(adapted(made, found._asdict()), torch.device("cpu"))
    check_network(network, IMAGES)
    return network
