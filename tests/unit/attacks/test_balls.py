"""What is true of every ball, as floats and as stored 8-bit images."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repcompare.attacks.balls import BALLS, LinfBall, parse_ball
from repcompare.study import consistency

SHAPE = (3, 6, 6)
SIZE = math.prod(SHAPE)
IDS = np.arange(400)
# As shares of the diameter, from less than one step of an 8-bit pixel to nearly all images.
SHARES = (0.003, 0.03, 0.3, 0.9)

balls = pytest.mark.parametrize(
    "ball",
    [kind(share * kind.diameter(SHAPE)) for kind in BALLS.values() for share in SHARES],
    ids=str,
)
kinds = pytest.mark.parametrize("kind", BALLS.values(), ids=BALLS)


def images(n: int, seed: int = 0) -> torch.Tensor:
    drawn = np.random.default_rng(seed).integers(256, size=(n, *SHAPE), dtype=np.uint8)
    return torch.from_numpy(drawn)


def noise(n: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(n, *SHAPE, generator=torch.Generator().manual_seed(0)) * scale


def inner(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one * other).sum(dim=(1, 2, 3))


def batch(ball, n: int, seed: int = 0) -> torch.Tensor:
    return ball.draw_batch(torch.Size((n, *SHAPE)), torch.Generator().manual_seed(seed))


@balls
def test_projection_goes_to_the_nearest_point_of_the_ball(ball):
    outside, inside = noise(20, 10 * ball.epsilon), ball.draw_start(np.arange(20), SHAPE, 0)
    projected = ball.project(outside)
    torch.testing.assert_close(ball.sizes(projected), torch.full((20,), ball.epsilon))
    torch.testing.assert_close(ball.project(projected), projected)
    torch.testing.assert_close(ball.project(inside), inside)
    # No point of a convex set is nearer exactly if none lies beyond the plane through this one.
    way = outside - projected
    for other in (inside, ball.draw_noise(np.arange(20), SHAPE, 0), -projected):
        assert (inner(way, other - projected) <= 1e-5 * inner(way, way)).all()


@balls
def test_the_direction_of_a_gradient_rises_most_of_all_points_of_the_ball(ball):
    gradient = noise(10)
    direction = ball.direction(gradient)
    torch.testing.assert_close(ball.sizes(direction), torch.ones(10))
    highest = ball.epsilon * inner(direction, gradient)
    for seed in range(20):
        other = ball.draw_noise(np.arange(10), SHAPE, seed)
        assert (inner(other, gradient) <= highest * (1 + 1e-5)).all()
    torch.testing.assert_close(ball.direction(gradient * 1e-30), direction)
    assert not ball.direction(torch.zeros(1, *SHAPE)).any()


@balls
def test_what_is_confined_is_in_the_ball_and_leaves_images_in_zero_to_one(ball):
    clean = torch.cat([torch.zeros(1, *SHAPE), torch.ones(1, *SHAPE), images(8) / 255])
    limits = ball.limits(clean)
    for scale in (0.1, 1, 10):
        found = ball.confine(noise(10, scale * ball.epsilon), *limits)
        assert (ball.sizes(found) <= ball.epsilon * (1 + 1e-6)).all()
        assert (clean + found).min() >= 0
        assert (clean + found).max() <= 1
        torch.testing.assert_close(ball.confine(found, *limits), found)


@balls
def test_starts_are_uniform_in_the_ball_and_noise_is_on_its_surface(ball):
    for start in (ball.draw_start(IDS, SHAPE, 0), batch(ball, len(IDS))):
        share = (ball.sizes(start) / ball.epsilon).double()
        assert (share <= 1 + 1e-6).all()
        # A ball of half the volume holds half of the points, whatever its norm.
        for volume in (0.25, 0.5, 0.75):
            inside = (share**SIZE <= volume).double().mean().item()
            assert inside == pytest.approx(volume, abs=4 * math.sqrt(0.25 / len(IDS)))
        assert abs(start.mean().item()) < 0.01 * ball.epsilon
    drawn = ball.draw_noise(IDS, SHAPE, 0)
    torch.testing.assert_close(ball.sizes(drawn), torch.full((len(IDS),), ball.epsilon))


@balls
def test_noise_has_the_norm_of_the_ball_inside_images_or_goes_as_far_as_they_let_it(ball):
    drawn = ball.draw_noise(IDS, SHAPE, 0)
    for value in (0.0, 0.02, 0.5, 1.0):
        clean = torch.full((len(IDS), *SHAPE), value)
        lowest, highest = -clean, 1 - clean
        fitted = ball.fit_noise(drawn, clean)
        furthest = ball.sizes(torch.where(drawn > 0, highest, lowest))
        torch.testing.assert_close(ball.sizes(fitted), furthest.clamp_max(ball.epsilon))
        torch.testing.assert_close(fitted.clamp(lowest, highest), fitted)
        assert ((fitted == 0) | (fitted.sign() == drawn.sign())).all()


@kinds
def test_an_images_draw_depends_on_its_id_and_the_seed_alone(kind):
    for draw in (kind(0.1).draw_start, kind(0.1).draw_noise):
        whole = draw(np.arange(10), SHAPE, 7)
        assert torch.equal(draw(np.array([8, 3]), SHAPE, 7), whole[[8, 3]])
        assert not torch.equal(draw(np.arange(10), SHAPE, 8), whole)
        assert not torch.equal(whole[0], whole[1])
    first, again = (kind(0.1).draw_start(IDS[:10], SHAPE, 7, restart) for restart in (0, 1))
    assert not torch.equal(first, again)
    scaled = 0.1 * kind(0.1).unit.draw_start(IDS[:10], SHAPE, 7)
    torch.testing.assert_close(scaled, first)


@kinds
def test_the_diameter_is_the_distance_of_opposite_corners(kind):
    corner = images(50).gt(127).float()
    diameter = kind.diameter(SHAPE)
    torch.testing.assert_close(kind.sizes(1 - 2 * corner), torch.full((50,), diameter))
    assert (kind.sizes(images(50) / 255.0 - corner) <= diameter).all()
    for values in (64, 784, 3072):
        assert consistency.diameter(kind.norm, values) == pytest.approx(kind.diameter((values,)))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.sampled_from(list(BALLS.values())),
    st.floats(0.002, 1),
    st.integers(0, 1000),
    st.floats(0.1, 3),
)
def test_a_quantised_image_verifies(kind, share, seed, scale):
    ball = kind(share * kind.diameter(SHAPE))
    clean = images(8, seed)
    change = scale * ball.draw_noise(np.arange(8) + seed, SHAPE, seed)
    stored = ball.quantise(clean, ball.project(change))
    ball.verify(clean, stored)
    assert (ball.sizes((stored.double() - clean) / 255) <= ball.epsilon * (1 + 1e-5)).all()


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.sampled_from(list(BALLS.values())),
    st.floats(0.0001, 1),
    st.integers(0, 1000),
    st.floats(0.1, 3),
)
def test_an_image_that_is_not_rounded_is_where_it_was_found_and_verifies(kind, share, seed, scale):
    ball = kind(share * kind.diameter(SHAPE))
    clean = images(8, seed)
    change = ball.project(scale * ball.draw_noise(np.arange(8) + seed, SHAPE, seed))
    stored = ball.unrounded(clean, change)
    ball.verify(clean, stored)
    torch.testing.assert_close(stored, (clean / 255 + change).clamp(0, 1))


@kinds
def test_an_image_that_is_not_rounded_is_refused_outside_its_ball_or_its_range(kind):
    ball = kind(0.01)
    clean = torch.tensor([0, 100, 255], dtype=torch.uint8).reshape(3, 1, 1, 1)
    still = clean / 255
    ball.verify(clean, still + torch.tensor([0.01, -0.01, -0.01]).reshape(3, 1, 1, 1))
    for place, change in ((1, 0.01001), (1, -0.01001), (0, -0.005), (2, 0.005), (1, torch.nan)):
        moved = still.clone()
        moved[place] += change
        with pytest.raises(ValueError, match=rf"1 stored .* the first is number {place}"):
            ball.verify(clean, moved)


@kinds
def test_rounding_is_to_the_nearest_value_and_not_down(kind):
    clean = torch.full((1, 1, 1, 2), 100, dtype=torch.uint8)
    change = torch.tensor([[[[2.6, -2.6]]]]) / 255
    assert kind(8 / 255).quantise(clean, change).flatten().tolist() == [103, 97]


@kinds
def test_one_step_outside_its_ball_an_image_is_refused(kind):
    clean = torch.full((2, *SHAPE), 100, dtype=torch.uint8)
    stored = clean.clone()
    stored[1, 0, 0, 0] += 9
    kind(9 / 255).verify(clean, stored)
    for nearly in (8 / 255, 8.99 / 255):
        with pytest.raises(
            ValueError, match=rf"1 stored images leave the {kind.norm} .* the first is number 1"
        ):
            kind(nearly).verify(clean, stored)
    with pytest.raises(ValueError, match="not uint8 or float32"):
        kind(1.0).verify(clean, stored.double())


def test_a_ball_is_read_as_a_config_has_it():
    assert parse_ball("linf", "8 / 255") == LinfBall(8 / 255, "8/255")
    assert parse_ball("l2", 1) != parse_ball("linf", 1)
