"""Input diversity shrinks and shifts images, each by its own draws."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from repcompare.attacks.input_diversity import SMALLEST, diversify, draw_diversity

IMAGES = torch.rand(6, 3, 10, 12, generator=torch.Generator().manual_seed(0))


def test_with_probability_0_images_stay_as_they_are():
    draws = draw_diversity(np.arange(6), 1, 0, 0)[:, 0]
    torch.testing.assert_close(diversify(IMAGES, draws, 0.0), IMAGES)


def test_an_image_of_full_size_has_no_room_to_move():
    draws = torch.tensor([[0.0, 1.0, 0.2, 0.9]]).expand(6, 4)
    torch.testing.assert_close(diversify(IMAGES, draws, 1.0), IMAGES, atol=1e-5, rtol=0)


def test_the_smallest_image_lies_in_a_corner_on_black():
    """Against torch's own bilinear interpolation, at a size of whole pixels."""
    images = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    corner = diversify(images, torch.tensor([[0.0, 0.0, 0.0, 0.0]]), 1.0)
    opposite = diversify(images, torch.tensor([[0.0, 0.0, 1.0, 1.0]]), 1.0)
    small = interpolate(images, size=18, mode="bilinear", align_corners=False)
    assert SMALLEST * 20 == 18
    torch.testing.assert_close(corner[..., :18, :18], small, atol=1e-5, rtol=0)
    torch.testing.assert_close(opposite[..., 2:, 2:], small, atol=1e-5, rtol=0)
    assert not corner[..., 18:, :].any()
    assert not opposite[..., :2].any()


def test_each_example_and_step_is_seen_differently_and_the_same_every_time():
    draws = draw_diversity(np.arange(6), 4, 0, 0)
    torch.testing.assert_close(draw_diversity(np.array([5, 1]), 4, 0, 0), draws[[5, 1]])
    for other in (draw_diversity(np.arange(6), 4, 1, 0), draw_diversity(np.arange(6), 4, 0, 1)):
        assert not torch.equal(other, draws)
    assert len(draws.flatten().unique()) == draws.numel()


@pytest.mark.parametrize("probability", [0.3, 0.8])
def test_so_many_images_are_changed_as_the_probability_says(probability):
    images = IMAGES[:1].expand(400, -1, -1, -1)
    draws = draw_diversity(np.arange(400), 1, 0, 0)[:, 0]
    changed = (diversify(images, draws, probability) - images).abs().amax((1, 2, 3)) > 1e-3
    assert abs(changed.float().mean().item() - probability) < 0.06
