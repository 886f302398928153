"""PGD finds the worst perturbation in its ball, whatever it is asked to ascend."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from unit.support.small_study import L2, LINF, SEARCH

from repcompare.attacks.balls import BALLS, L2Ball, LinfBall
from repcompare.attacks.input_diversity import draw_diversity
from repcompare.attacks.pgd import OBJECTIVES, attack_objective, pgd
from repcompare.networks.inference import to_float

SHAPE = (1, 6, 6)


class Linear(torch.nn.Module):
    """Logits w_k·x: its worst perturbations are known in closed form."""

    def __init__(self, classes=2, scale=1.0):
        super().__init__()
        weight = torch.randn(classes, 36, generator=torch.Generator().manual_seed(0))
        self.register_buffer("weight", scale * weight)

    def forward(self, images):
        return images.flatten(1) @ self.weight.T.to(images.dtype)


def found(network, images, classes, ball, start=None, diversity=None, **changes):
    """The perturbations of a search whose settings are those of the tests but for `changes`."""
    search = dataclasses.replace(SEARCH, **changes)
    objective = attack_objective(network, images, classes, search, "float32", diversity)
    return pgd(objective, start, ball, search).perturbation


@pytest.mark.parametrize("kind", BALLS.values(), ids=BALLS)
@pytest.mark.parametrize(
    "changes",
    [{}, {"objective": "margin"}, {"momentum": 1.0}, {"target": "next_class"}, {"steps": 1}],
    ids=str,
)
def test_on_a_linear_model_it_finds_the_worst_perturbation(kind, changes):
    model, images, labels = Linear(), torch.full((4, *SHAPE), 0.5), torch.tensor([0, 0, 1, 1])
    classes = 1 - labels if "target" in changes else labels
    settings = {"steps": 50, "step_size": 20.0 if changes != {"steps": 1} else 1.0, **changes}
    change = found(model, images, classes, kind(0.05), **settings)
    away = (model.weight[1] - model.weight[0]).view(1, *SHAPE)
    away = torch.where(labels.view(4, 1, 1, 1) == 0, away, -away)
    worst = 0.05 * kind.direction(away)
    torch.testing.assert_close(change, worst, atol=1e-3, rtol=0)


@pytest.mark.parametrize("ball", [LINF, L2], ids=str)
def test_the_box_of_pixel_values_is_respected_at_its_edges(ball):
    images = torch.cat([torch.zeros(2, *SHAPE), torch.ones(2, *SHAPE)])
    labels = torch.tensor([0, 1, 0, 1])
    start = ball.draw_start(np.arange(4), SHAPE, 0)
    perturbed = images + found(Linear(), images, labels, ball, start)
    assert perturbed.min() >= 0
    assert perturbed.max() <= 1


# But for the ratio of logits: its scale changes on the way, and only steps that adapt climb it surely.
@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "dlr"])
@pytest.mark.parametrize("ball", [LINF, L2], ids=str)
def test_more_steps_climb_higher(network, digits, ball, objective):
    images, labels, ids = digits
    start = ball.draw_start(ids, images.shape[1:], 0)
    heights = []
    for steps in (1, 5, 20):
        changes = {"steps": steps, "objective": objective}
        logits = network(images + found(network, images, labels, ball, start, **changes))
        heights.append(OBJECTIVES[objective](logits, labels).mean().item())
    assert heights[0] < heights[1] < heights[2]


def test_what_a_search_met_on_its_way_is_told(network, digits):
    images, labels, _ = digits
    objective = attack_objective(network, images, labels, SEARCH, "float32")
    path = pgd(objective, None, LinfBall(8 / 255), SEARCH)
    clean = cross_entropy(network(images), labels, reduction="none")
    torch.testing.assert_close(path.objectives[:, 0], clean, rtol=1e-4, atol=1e-5)
    assert path.objectives.shape == path.zero_gradients.shape == (100, SEARCH.steps)
    assert (path.objectives[:, -1] > path.objectives[:, 0]).float().mean() > 0.9
    assert not path.zero_gradients.any()


def test_a_saturated_cross_entropy_is_blind_and_the_margin_is_not():
    images = torch.full((2, *SHAPE), 0.5)
    model = Linear(scale=1e4)
    labels = model(images).argmax(1)
    paths = []
    for kind in ("cross_entropy", "margin"):
        search = dataclasses.replace(SEARCH, objective=kind)
        objective = attack_objective(model, images, labels, search, "float32")
        paths.append(pgd(objective, None, L2Ball(0.1), search))
    blind, sighted = paths
    assert blind.zero_gradients.all()
    assert not blind.perturbation.any()
    assert not sighted.zero_gradients.any()


def test_momentum_adds_up_gradients_of_equal_length(network, digits):
    images, labels, _ = (part[:8] for part in digits)
    search = dataclasses.replace(SEARCH, steps=3, momentum=0.7)
    objective = attack_objective(network, images, labels, search, "float32")
    velocity, change = torch.zeros_like(images), torch.zeros_like(images)
    for step in range(3):
        gradient = objective.at(change, step).gradient
        velocity = 0.7 * velocity + gradient / gradient.abs().sum((1, 2, 3), keepdim=True)
        change = (change + 2.5 * 0.1 / 3 * velocity.sign()).clamp(-0.1, 0.1)
        change = (images + change).clamp(0, 1) - images
    torch.testing.assert_close(pgd(objective, None, LinfBall(0.1), search).perturbation, change)


def test_a_targeted_search_ends_in_its_class(network, digits):
    images, labels, _ = digits
    targets = (labels + 1) % 10
    change = found(network, images, targets, LinfBall(0.3), target="next_class", steps=20)
    predicted = network(images + change).argmax(1)
    assert (predicted == targets).float().mean() > 0.8


@pytest.mark.parametrize(
    "changes",
    [{}, {"momentum": 1.0}, {"objective": "margin"}, {"input_diversity": 0.7}],
    ids=str,
)
@pytest.mark.parametrize("ball", [LINF, L2], ids=str)
def test_an_example_does_not_depend_on_its_batch(study, digits, ball, changes):
    # In float64, for convolutions round differently in batches of another size.
    network = copy.deepcopy(study["resnet/seed0"].model.network).double()
    images, labels, ids = digits
    images = images.double()

    def of(chosen):
        diversity = draw_diversity(ids[chosen], SEARCH.steps, 0, 0)
        start = ball.draw_start(ids[chosen], images.shape[1:], 0).double()
        return found(network, images[chosen], labels[chosen], ball, start, diversity, **changes)

    whole = of(np.arange(20))
    order = np.array([3, 17, 0, 11, 5])
    torch.testing.assert_close(of(order), whole[order], atol=1e-9, rtol=0)
    torch.testing.assert_close(of(order[:1]), whole[order[:1]], atol=1e-9, rtol=0)


@pytest.mark.slow
def test_it_is_as_strong_as_an_independent_implementation(network, dataset):
    import torchattacks

    images = to_float(torch.from_numpy(dataset.h5["test/images"][:]))
    labels = torch.from_numpy(dataset.h5["test/labels"][:])
    ball = LinfBall(16 / 255)
    robust = {"ours": [], "theirs": []}
    peer = torchattacks.PGD(network, eps=ball.epsilon, alpha=2.5 * ball.epsilon / 20, steps=20)
    for seed in range(3):
        start = ball.draw_start(dataset.h5["test/ids"], (1, 8, 8), seed)
        ours = images + found(network, images, labels, ball, start, steps=20)
        torch.manual_seed(seed)
        theirs = peer(images.contiguous(), labels)
        for name, perturbed in (("ours", ours), ("theirs", theirs)):
            robust[name].append((network(perturbed).argmax(1) == labels).float().mean().item())
    # From one random start to the next, the accuracy moves by about a point.
    assert np.mean(robust["ours"]) <= np.mean(robust["theirs"]) + 0.015
    assert np.mean(robust["ours"]) < 0.8


@pytest.mark.slow
def test_it_comes_close_to_an_adaptive_attack(network, dataset):
    import torchattacks

    images = to_float(torch.from_numpy(dataset.h5["test/images"][:200]))
    labels = torch.from_numpy(dataset.h5["test/labels"][:200])
    ball = LinfBall(16 / 255)
    robust = []
    for seed in range(3):
        start = ball.draw_start(dataset.h5["test/ids"][:200], (1, 8, 8), seed)
        ours = images + found(network, images, labels, ball, start, steps=100)
        peer = torchattacks.APGD(network, eps=ball.epsilon, steps=100, loss="ce", seed=seed)
        theirs = peer(images.contiguous(), labels)
        robust.append([(network(x).argmax(1) == labels).float().mean() for x in (ours, theirs)])
    # From one random start to the next either moves by about a point; networks differ by processor.
    ours, theirs = np.mean(robust, axis=0)
    assert ours <= theirs + 0.05
