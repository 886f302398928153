"""An inverted image is one that the network takes for the image it was inverted from."""

import numpy as np
import pytest
import torch

from repcompare.features.inversion import (
    invert,
    noise_starts,
    other_images,
    relative_distance,
    representing,
    residuals,
)

STARTS = torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(1))
IMAGES = torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(2))


class Linear(torch.nn.Module):
    """x ↦ Wx, with W orthogonal, so that only the image itself has its representation."""

    def __init__(self):
        super().__init__()
        drawn = torch.randn(36, 36, generator=torch.Generator().manual_seed(0))
        self.register_buffer("weight", torch.linalg.qr(drawn)[0])

    def forward(self, images):
        return images.flatten(1) @ self.weight.T


def test_inversion_of_an_invertible_network_finds_the_image():
    network = Linear()
    found = invert(network, network(IMAGES), STARTS, 400, 5.0, "float32")
    assert relative_distance(network(found), network(IMAGES)).max() < 0.02
    torch.testing.assert_close(found, IMAGES, atol=0.05, rtol=0)


def test_a_distance_is_a_share_of_the_length_aimed_at():
    aimed = Linear()(IMAGES)
    torch.testing.assert_close(relative_distance(aimed, aimed), torch.zeros(8))
    torch.testing.assert_close(relative_distance(1.25 * aimed, aimed), torch.full((8,), 0.25))


def test_a_residual_does_not_depend_on_how_far_all_representations_are_from_0():
    aimed = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    seen = aimed + 0.1
    found = residuals(seen, aimed)
    length = np.linalg.norm(aimed - aimed.mean(axis=0), axis=1)
    np.testing.assert_allclose(found, 0.1 * np.sqrt(5) / length, rtol=1e-4)
    np.testing.assert_allclose(residuals(seen + 50, aimed + 50), found, rtol=1e-3)
    assert np.isinf(residuals(seen[:1], aimed[:1])).all()


def test_inverted_images_are_images():
    bright = Linear()(IMAGES) * 3
    found = invert(Linear(), bright, STARTS, 50, 5.0, "float32")
    assert found.min() >= 0
    assert found.max() <= 1
    assert relative_distance(Linear()(found), bright).min() > 0.1


@pytest.mark.parametrize("name", ["resnet/seed0", "vgg/seed0"])
def test_a_trained_network_is_inverted_from_noise(study, dataset, name):
    network = representing(study[name].model.network)
    images = torch.from_numpy(dataset.h5["test/images"][:40]).float() / 255
    aimed = network(images)
    torch.testing.assert_close(aimed, study[name].model.network.represent(images))
    start = noise_starts(dataset.h5["test/ids"][:40], (1, 8, 8), 0)
    found = invert(network, aimed, start, 200, 5.0, "float32")
    left = relative_distance(network(found), aimed).median()
    assert left < 0.1
    assert left < 0.2 * relative_distance(network(start), aimed).median()


def test_starts_are_those_of_an_images_id_whatever_the_others():
    ids, labels = np.arange(30), np.arange(30) % 3
    noise = noise_starts(ids, (1, 6, 6), 0)
    torch.testing.assert_close(noise_starts(ids[[9, 4]], (1, 6, 6), 0), noise[[9, 4]])
    assert not torch.equal(noise_starts(ids, (1, 6, 6), 1), noise)
    assert 0 <= noise.min() < noise.max() <= 1
    others = other_images(ids, labels, 0)
    assert np.all(labels[others] != labels)
    assert len(set(others)) > 10
    assert np.all(other_images(ids, np.zeros(30, int), 0) != ids)
