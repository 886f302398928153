"""What attacks are tried on: a trained network of the small study, and digits."""

import pytest
import torch

from repcompare.networks.inference import to_float


@pytest.fixture
def digits(dataset):
    """Images in [0, 1], their labels and their ids."""
    images = to_float(torch.from_numpy(dataset.h5["test/images"][:100]))
    return images, torch.from_numpy(dataset.h5["test/labels"][:100]), dataset.h5["test/ids"][:100]


@pytest.fixture
def network(study):
    """A trained ResNet."""
    return study["resnet/seed0"].model.network
