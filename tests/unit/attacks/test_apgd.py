"""APGD halves the steps of an image where they no longer climb, and keeps the highest point it met."""

import copy
import dataclasses
import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from unit.support.small_study import COMPUTATION, L2, LINF, SEARCH

from repcompare.attacks.apgd import apgd, checkpoints, worn_out
from repcompare.attacks.balls import BALLS, L2Ball, LinfBall
from repcompare.attacks.craft import Images, search
from repcompare.attacks.pgd import OBJECTIVES, Objective, Search, attack_objective, pgd
from repcompare.attacks.schedules import SCHEDULES, ascend
from repcompare.networks.inference import to_float
from repcompare.networks.models import folded

ADAPTIVE = dataclasses.replace(SEARCH, schedule="adaptive", steps=20)


class Path(NamedTuple):
    """Of one image of one pixel: heights before each step, and where the search ended."""

    heights: list[float]
    found: float


def by_the_paper(peak: float, start: float, radius: float, steps: int) -> Path:
    """Algorithm 1 of Croce and Hein 2020 on f(x) = −|x − peak|, in one dimension, line by line."""

    def f(x):
        return -abs(x - peak)

    def projected(x):
        return min(max(x, -radius), radius)

    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    W = [math.ceil(round(share * steps, 9)) for share in shares]
    eta, x_max, f_max = {0: 2 * radius}, start, {0: f(start)}
    x, climbed = {0: start}, {}
    for k in range(steps):
        z = projected(x[k] + eta[k] * math.copysign(1, peak - x[k]))
        x[k + 1] = projected(x[k] + 0.75 * (z - x[k]) + 0.25 * (x[k] - x[k - 1])) if k else z
        climbed[k] = f(x[k + 1]) > f(x[k])
        if f(x[k + 1]) > f(x_max):
            x_max = x[k + 1]
        eta[k + 1], f_max[k + 1] = eta[k], f(x_max)
        if k + 1 in W[1:]:
            last = max(w for w in W if w < k + 1)
            few = sum(climbed[i] for i in range(last, k + 1)) < 0.75 * (k + 1 - last)
            same_size = last == 0 or eta[last] == eta[last - 1]
            if few or (same_size and f_max[last] == f_max[k + 1]):
                eta[k + 1], x[k + 1] = eta[k] / 2, x_max
    return Path([f(x[k]) for k in range(steps)], x_max)


def toy(peaks: torch.Tensor) -> Objective:
    """−|x − peak| of images of one grey pixel, x being its change."""
    images = torch.full((len(peaks), 1, 1, 1), 0.5, dtype=torch.float64)
    return Objective(
        torch.nn.Identity(), images, lambda x: -(x.flatten() - 0.5 - peaks).abs(), "float32"
    )


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 37, 100])
def test_it_goes_where_the_paper_goes(steps):
    peaks = torch.tensor([0.3, 0.01, -0.123, 0.0617, -0.29, 1.0])
    starts = torch.tensor([0.0, 0.1, 0.0837, -0.2, -0.11, 0.05], dtype=torch.float64)
    found = apgd(toy(peaks), starts.view(-1, 1, 1, 1), LinfBall(0.3), Search(steps, 2.5))
    for row, (peak, start) in enumerate(zip(peaks.tolist(), starts.tolist(), strict=True)):
        expected = by_the_paper(peak, start, 0.3, steps)
        np.testing.assert_allclose(found.objectives[row], expected.heights, atol=1e-6)
        assert found.perturbation[row].item() == pytest.approx(expected.found, abs=1e-6)


def test_step_sizes_are_judged_where_the_paper_says():
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(10) == [3, 5, 6, 7, 8, 9]
    assert checkpoints(1) == []


@pytest.mark.parametrize(
    ("climbs", "improved", "halved", "worn"),
    [
        (15, True, False, False),
        (14, True, False, True),  # condition 1: less than three quarters of the steps climbed
        (20, False, False, True),  # condition 2: nothing higher since
        (
            20,
            False,
            True,
            False,
        ),  # for which steps that are new have time until the next checkpoint
    ],
)
def test_steps_are_too_long_by_either_condition(climbs, improved, halved, worn):
    flags = (torch.tensor([flag]) for flag in (improved, halved))
    assert worn_out(torch.tensor([float(climbs)]), 20, *flags).item() is worn


def test_steps_that_are_halved_come_nearer_than_those_of_one_size():
    peaks = torch.linspace(-0.29, 0.29, 30)
    plain, adaptive = (
        toy(peaks).values_at(run(toy(peaks), None, LinfBall(0.3), Search(100, 100.0)).perturbation)
        for run in (pgd, apgd)
    )
    # After eight halvings a step has the length 0.6 / 2⁸.
    assert adaptive.min() > -0.6 / 2**8
    assert plain.min() < -0.1


@pytest.mark.parametrize("kind", BALLS.values(), ids=BALLS)
def test_on_a_linear_objective_it_is_at_the_edge_after_one_step(kind):
    weight = torch.randn(36, generator=torch.Generator().manual_seed(0))
    images = torch.full((4, 1, 6, 6), 0.5)
    objective = Objective(torch.nn.Flatten(), images, lambda pixels: pixels @ weight, "float32")
    worst = 0.05 * kind.direction(weight.view(1, 1, 6, 6)).expand(4, -1, -1, -1)
    for steps in (1, 30):
        found = apgd(objective, None, kind(0.05), Search(steps, 2.5)).perturbation
        torch.testing.assert_close(found, worst, atol=1e-6, rtol=0)


@pytest.mark.parametrize("objective", ["cross_entropy", "margin", "dlr"])
@pytest.mark.parametrize("ball", [LINF, L2], ids=str)
def test_it_stays_in_the_ball_and_the_box(network, digits, ball, objective):
    images, labels, ids = digits
    settings = dataclasses.replace(ADAPTIVE, objective=objective)
    start = ball.draw_start(ids, images.shape[1:], 0)
    ascended = attack_objective(network, images, labels, settings, "float32")
    found = apgd(ascended, start, ball, settings)
    perturbed = images + found.perturbation
    assert (ball.sizes(found.perturbation) <= ball.epsilon * (1 + 1e-6)).all()
    assert 0 <= perturbed.min() <= perturbed.max() <= 1
    # What it ends with is the highest that it met.
    highest = found.objectives.amax(1)
    assert (ascended.values_at(found.perturbation) >= highest - 1e-4).all()
    assert (highest > found.objectives[:, 0]).float().mean() > 0.9
    assert found.objectives.shape == found.zero_gradients.shape == (100, settings.steps)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("ball", [LINF, L2], ids=str)
def test_an_example_does_not_depend_on_its_batch(study, digits, ball, objective):
    # In float64, for convolutions round differently in batches of another size.
    network = copy.deepcopy(study["resnet/seed0"].model.network).double()
    images, labels, ids = digits
    images, settings = images.double(), dataclasses.replace(ADAPTIVE, objective=objective)

    def of(chosen):
        start = ball.draw_start(ids[chosen], images.shape[1:], 0).double()
        ascended = attack_objective(network, images[chosen], labels[chosen], settings, "float32")
        return apgd(ascended, start, ball, settings).perturbation

    whole = of(np.arange(20))
    order = np.array([3, 17, 0, 11, 5])
    torch.testing.assert_close(of(order), whole[order], atol=1e-9, rtol=0)
    torch.testing.assert_close(of(order[:1]), whole[order[:1]], atol=1e-9, rtol=0)


def test_a_step_is_one_pass_and_the_end_one_forward_pass(network, digits, monkeypatch):
    seen = []
    plain = network.forward
    monkeypatch.setattr(network, "forward", lambda x: seen.append(x.requires_grad) or plain(x))
    images, labels, _ = digits
    objective = attack_objective(network, images, labels, ADAPTIVE, "float32")
    apgd(objective, None, LINF, ADAPTIVE)
    assert seen == [True] * ADAPTIVE.steps + [False]


def test_the_schedule_of_a_search_decides_which_it_is(network, digits):
    images, labels, _ = digits
    for schedule, function in SCHEDULES.items():
        settings = dataclasses.replace(SEARCH, schedule=schedule)
        objective = attack_objective(network, images, labels, settings, "float32")
        found = ascend(objective, None, LINF, settings).perturbation
        assert torch.equal(found, function(objective, None, LINF, settings).perturbation)
    with pytest.raises(ValueError, match=r"attack\.schedule: 'linear' is not one of constant, ad"):
        ascend(objective, None, LINF, dataclasses.replace(SEARCH, schedule="linear"))


def test_a_study_searches_by_the_schedule_it_names(study, dataset):
    test = dataset.h5["test"]
    clean, labels = (torch.from_numpy(test[key][:100]) for key in ("images", "labels"))
    images, network = (
        Images(clean, test["ids"][:100], labels),
        folded(study["vgg/seed0"].model.network),
    )
    constant, adaptive = (
        search(network, images, dataclasses.replace(ADAPTIVE, schedule=name), [LINF], COMPUTATION)
        for name in ("constant", "adaptive")
    )
    LINF.verify(clean, adaptive[0].images)
    assert not torch.equal(adaptive[0].images, constant[0].images)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "adaptive", "momentum": 0.5}, "momentum: 0.5, but an adaptive search has"),
        ({"schedule": "adaptive", "input_diversity": 0.5}, "input_diversity: 0.5, but an adaptive"),
        ({"objective": "dlr", "target": "next_class"}, "objective: dlr is of the label, and the"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Search(10, 2.5, **settings)


def test_the_difference_of_logits_ratio_by_hand():
    logits = torch.tensor([[5.0, 3.0, 1.0, -7.0], [5.0, 3.0, 1.0, -7.0], [2.0, 2.0, 2.0, 2.0]])
    # −(5 − 3)/(5 − 1), −(−7 − 5)/(5 − 1), and 0 where no logit differs.
    found = OBJECTIVES["dlr"](logits, torch.tensor([0, 3, 1]))
    torch.testing.assert_close(found, torch.tensor([-0.5, 3.0, 0.0]))
    torch.testing.assert_close(OBJECTIVES["dlr"](9 * logits + 4, torch.tensor([0, 3, 1])), found)
    with pytest.raises(ValueError, match="objective: dlr needs 3 classes or more, not 2"):
        OBJECTIVES["dlr"](logits[:, :2], torch.tensor([0, 1, 1]))


def test_where_the_cross_entropy_is_blind_the_ratio_sees():
    weight = 1e4 * torch.randn(4, 36, generator=torch.Generator().manual_seed(0))
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 4, bias=False))
    model[1].weight.data = weight
    images = torch.full((2, 1, 6, 6), 0.5)
    labels = model(images).argmax(1)
    for name, blind in (("cross_entropy", True), ("dlr", False)):
        settings = dataclasses.replace(ADAPTIVE, objective=name)
        objective = attack_objective(model, images, labels, settings, "float32")
        assert apgd(objective, None, LINF, settings).zero_gradients[:, 0].all().item() is blind


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "loss"), [("cross_entropy", "ce"), ("dlr", "dlr")])
@pytest.mark.parametrize(
    ("ball", "norm"), [(LinfBall(16 / 255), "Linf"), (L2Ball(0.3), "L2")], ids=str
)
def test_it_is_as_strong_as_an_independent_implementation(
    network, dataset, objective, loss, ball, norm
):
    import torchattacks

    images = to_float(torch.from_numpy(dataset.h5["test/images"][:300])).contiguous()
    labels = torch.from_numpy(dataset.h5["test/labels"][:300])
    correct = network(images).argmax(1) == labels
    images, labels = images[correct], labels[correct]
    torch.manual_seed(0)
    # The start that the peer draws.
    drawn = 2 * torch.rand(images.shape) - 1 if norm == "Linf" else torch.randn(images.shape)
    size = torch.linalg.vector_norm(drawn, ball.order, dim=(1, 2, 3), keepdim=True)
    settings = Search(50, 2.5, objective=objective, schedule="adaptive")
    ascended = attack_objective(network, images, labels, settings, "float32")
    ours = images + apgd(ascended, ball.epsilon * drawn / size, ball, settings).perturbation
    peer = torchattacks.APGD(network, norm, ball.epsilon, 50, loss=loss, seed=0)
    ours, theirs = (
        (network(found).argmax(1) == labels).float().mean().item()
        for found in (ours, peer(images, labels))
    )
    # The peer keeps any misclassified point that it met, ours the highest.
    assert abs(ours - theirs) <= 0.02
    assert 0.1 < ours < 0.9
