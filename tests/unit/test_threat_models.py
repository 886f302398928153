"""Perturbations stay in their ball, as floats and as stored 8-bit images."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repcompare import threat_models as tm

SHAPE = (3, 6, 6)
EPSILONS = {"linf": (2 / 255, 8 / 255, 0.1), "l2": (0.25, 0.5, 2.0)}
CASES = [(norm, epsilon) for norm, values in EPSILONS.items() for epsilon in values]


def images(n: int, seed: int = 0) -> torch.Tensor:
    drawn = np.random.default_rng(seed).integers(256, size=(n, *SHAPE), dtype=np.uint8)
    return torch.from_numpy(drawn)


def perturbation(n: int, scale: float) -> torch.Tensor:
    return torch.randn(n, *SHAPE, generator=torch.Generator().manual_seed(0)) * scale


@pytest.mark.parametrize(("norm", "epsilon"), CASES)
def test_projection_goes_to_the_nearest_point_of_the_ball(norm, epsilon):
    outside, inside = perturbation(20, 10 * epsilon), perturbation(20, 1e-3 * epsilon)
    torch.testing.assert_close(
        tm.norms(tm.project(outside, norm, epsilon), norm).flatten(), torch.full((20,), epsilon)
    )
    torch.testing.assert_close(tm.project(inside, norm, epsilon), inside)


@pytest.mark.parametrize("norm", tm.NORMS)
def test_the_step_ascends_fastest_among_steps_of_its_norm(norm):
    gradient = perturbation(10, 1.0)
    best = (tm.ascent_direction(gradient, norm) * gradient).sum(dim=(1, 2, 3))
    for seed in range(20):
        other = tm.draw_noise(np.arange(10), SHAPE, norm, 1.0, seed)
        assert ((other * gradient).sum(dim=(1, 2, 3)) <= best).all()
    assert not tm.ascent_direction(torch.zeros(1, *SHAPE), norm).any()


@pytest.mark.parametrize(("norm", "epsilon"), CASES)
def test_starts_fill_the_ball_and_noise_lies_on_its_surface(norm, epsilon):
    ids = np.arange(400)
    start = tm.norms(tm.draw_start(ids, SHAPE, norm, epsilon, 0), norm).flatten() / epsilon
    noise = tm.norms(tm.draw_noise(ids, SHAPE, norm, epsilon, 0), norm).flatten() / epsilon
    assert (start <= 1 + 1e-6).all()
    # The largest of D uniform numbers, and the radius of a uniform point: both have mean D/(D+1).
    size = np.prod(SHAPE)
    assert abs(start.mean().item() - size / (size + 1)) < 0.002
    torch.testing.assert_close(noise, torch.ones(400))


@pytest.mark.parametrize("draw", [tm.draw_start, tm.draw_noise])
@pytest.mark.parametrize("norm", tm.NORMS)
def test_an_images_draw_depends_on_its_id_and_the_seed_alone(draw, norm):
    whole = draw(np.arange(10), SHAPE, norm, 0.1, 7)
    torch.testing.assert_close(draw(np.array([8, 3]), SHAPE, norm, 0.1, 7), whole[[8, 3]])
    assert not torch.equal(draw(np.arange(10), SHAPE, norm, 0.1, 8), whole)
    assert not torch.equal(whole[0], whole[1])


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.sampled_from(CASES), st.integers(0, 1000), st.floats(0.1, 3))
def test_a_stored_image_is_inside_its_ball(case, seed, scale):
    norm, epsilon = case
    clean = images(8, seed)
    start = tm.draw_noise(np.arange(8) + seed, SHAPE, norm, scale * epsilon, seed)
    stored = tm.quantise(clean, tm.project(start, norm, epsilon), norm, epsilon)
    tm.verify(clean, stored, norm, epsilon)
    change = (stored.double() - clean.double()) / 255
    limit = epsilon * (1 + 1e-5)
    assert (tm.norms(change, norm) <= limit).all()


def test_rounding_is_to_the_nearest_value_and_not_down():
    clean = torch.full((1, 1, 1, 2), 100, dtype=torch.uint8)
    change = torch.tensor([[[[2.6, -2.6]]]]) / 255
    assert tm.quantise(clean, change, "linf", 8 / 255).flatten().tolist() == [103, 97]


def test_an_image_outside_its_ball_is_refused():
    clean = torch.full((2, *SHAPE), 100, dtype=torch.uint8)
    stored = clean.clone()
    stored[1, 0, 0, 0] += 9
    tm.verify(clean, stored, "linf", 9 / 255)
    tm.verify(clean, stored, "l2", 9 / 255)
    for norm in tm.NORMS:
        with pytest.raises(ValueError, match=r"1 stored images leave .* the first is number 1"):
            tm.verify(clean, stored, norm, 8 / 255)
    with pytest.raises(ValueError, match="not uint8"):
        tm.verify(clean, stored.float(), "linf", 1.0)
