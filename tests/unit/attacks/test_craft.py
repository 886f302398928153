"""What a study attacks with: searches that end in 8-bit images, targets, restarts, growing balls."""

import dataclasses

import numpy as np
import pytest
import torch
import yaml
from unit.support.small_study import COMPUTATION, L2, LINF, SEARCH

from repcompare.attacks.balls import LinfBall
from repcompare.attacks.craft import TARGETS, Images, growth, noise, search, successes, targets
from repcompare.attacks.pgd import Objective
from repcompare.attacks.suite import planned
from repcompare.networks.inference import logits_of, margins
from repcompare.networks.models import folded
from repcompare.study.config import validate


@pytest.fixture
def network(study):
    return folded(study["resnet/seed0"].model.network)


@pytest.fixture
def images(dataset):
    test = dataset.h5["test"]
    clean, labels = (torch.from_numpy(test[key][:100]) for key in ("images", "labels"))
    return Images(clean, test["ids"][:100], labels)


def settings(attack: str) -> dict:
    study = f"""
    study: small
    data: {{name: digits}}
    architectures: {{vgg: {{factory: vgg}}}}
    attack: {attack}
    """
    return validate(yaml.safe_load(study))["attack"]


def test_without_variants_there_are_pgd_and_its_control():
    pgd, control = planned(settings("{steps: 7, epsilons: {linf: [16/255, 8/255], l2: [1]}}"))
    assert (pgd.name, control.name, control.search) == ("pgd", "noise", None)
    assert pgd.balls == control.balls[1:] + control.balls[:1]
    assert [ball.label for ball in pgd.balls] == ["8/255", "16/255", "1"]
    assert pgd.search.steps == 7
    assert [pgd.group(ball) for ball in pgd.balls] == [
        "pgd-linf-8_255",
        "pgd-linf-16_255",
        "pgd-l2-1",
    ]


def test_a_variant_differs_in_what_it_says_and_noise_covers_its_balls():
    pgd, far, fgsm, control = planned(
        settings(
            "{epsilons: {linf: [8/255]}, variants: {"
            "fgsm: {steps: 1, step_size: 1, random_start: false}, far: {epsilons: {l2: [2]}}}}"
        )
    )
    assert fgsm.balls == pgd.balls
    changed = {"steps": 1, "step_size": 1.0, "random_start": False}
    assert fgsm.search == dataclasses.replace(pgd.search, **changed)
    assert far.search == pgd.search
    assert set(control.balls) == {*pgd.balls, *far.balls}


def test_targets_are_other_classes_chosen_by_their_rule():
    labels = torch.arange(4).repeat(50)
    ids = np.arange(200)
    logits = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    chosen = {rule: targets(rule, ids, labels, logits, seed=0) for rule in TARGETS}
    assert torch.equal(chosen.pop("none"), labels)
    for classes in chosen.values():
        assert not (classes == labels).any()
        assert set(classes.tolist()) == {0, 1, 2, 3}
    assert torch.equal(chosen["next_class"], (labels + 1) % 4)
    least = logits.scatter(1, labels[:, None], torch.inf).min(1).values
    assert torch.equal(logits.gather(1, chosen["least_likely"][:, None])[:, 0], least)
    some = np.array([7, 150])
    again = targets("random", some, labels[some], logits[some], seed=0)
    assert torch.equal(again, chosen["random"][some])
    assert not torch.equal(targets("random", ids, labels, logits, seed=1), chosen["random"])


@pytest.mark.parametrize("target", ["none", "next_class"])
def test_of_several_restarts_an_images_best_is_kept(network, images, target):
    classes = targets(target, images.ids, images.classes, torch.zeros(100, 10), 0)
    images = images._replace(classes=classes)
    few = dataclasses.replace(SEARCH, steps=2, target=target)
    ball = LinfBall(12 / 255, "12/255")
    of = {
        restarts: search(
            network, images, dataclasses.replace(few, restarts=restarts), [ball], COMPUTATION
        )[0]
        for restarts in (1, 4)
    }
    sign = 1 if target == "none" else -1
    gain = sign * (margins(of[1].logits, classes) - margins(of[4].logits, classes))
    assert (gain >= 0).all()
    assert (gain > 0).float().mean() > 0.5
    # What is kept of an image is all of one restart.
    again = logits_of(network, of[4].images, 50)
    torch.testing.assert_close(of[4].logits, again, atol=1e-4, rtol=1e-4)


def test_batch_size_does_not_change_an_example(network, images):
    pieces = dataclasses.replace(COMPUTATION, batch_size=7)
    for settings_ in (SEARCH, dataclasses.replace(SEARCH, input_diversity=0.5, momentum=1.0)):
        one, other = (
            search(network, images, settings_, [LINF], how)[0].images
            for how in (COMPUTATION, pieces)
        )
        # Convolutions round differently in batches of another size, and a sign can flip.
        assert (one == other).float().mean() > 0.99


def test_one_step_without_a_random_start_is_fgsm(study, images):
    network = study["resnet/seed0"].model.network
    fgsm = dataclasses.replace(SEARCH, steps=1, step_size=1.0, random_start=False)
    small, large = search(network, images, fgsm, [LinfBall(4 / 255), LINF], COMPUTATION)
    leaf = (images.clean.float() / 255).requires_grad_()
    loss = torch.nn.functional.cross_entropy(network(leaf), images.classes, reduction="sum")
    sign = torch.autograd.grad(loss, leaf)[0].sign().int()
    for found, steps in ((small, 4), (large, 32)):
        expected = (images.clean.int() + steps * sign).clamp(0, 255)
        assert (found.images == expected).float().mean() > 0.999


def test_a_sweep_without_a_random_start_shares_its_first_gradient(network, images, monkeypatch):
    passes = []
    plain = Objective.at
    monkeypatch.setattr(Objective, "at", lambda *args: passes.append(1) or plain(*args))
    one_batch = images.chosen(slice(50))
    fixed = dataclasses.replace(SEARCH, random_start=False)
    search(network, one_batch, fixed, [LINF, L2], COMPUTATION)
    assert len(passes) == 2 * SEARCH.steps - 1


def test_noise_is_on_the_surface_and_far_weaker(network, images):
    balls = [LINF, L2]
    control = noise(network, images, balls, COMPUTATION)
    attacked = search(network, images, SEARCH, balls, COMPUTATION)
    for ball, drawn, found in zip(balls, control, attacked, strict=True):
        ball.verify(images.clean, drawn.images)
        change = (drawn.images.float() - images.clean.float()) / 255
        assert (ball.sizes(change) > 0.95 * ball.epsilon).all()
        rates = [
            successes(examples, images.classes, targeted=False).mean()
            for examples in (drawn, found)
        ]
        assert rates[1] > rates[0] + 0.3


def test_in_the_largest_ball_no_image_resists(network, images):
    correct = logits_of(network, images.clean, 50).argmax(1) == images.classes
    images = images.chosen(np.flatnonzero(correct))
    ball = LinfBall(2 / 255, "2/255")
    (found,) = search(network, images, SEARCH, [ball], COMPUTATION)
    fooled = successes(found, images.classes, targeted=False)
    curve = growth(network, images, SEARCH, [(ball, fooled)], COMPUTATION)
    epsilons, rates = map(np.array, zip(*curve, strict=True))
    np.testing.assert_allclose(epsilons, 2 / 255 * 2.0 ** np.arange(len(curve)))
    assert rates[0] == fooled.mean() < 0.3
    assert (np.diff(rates) >= 0).all()
    assert rates[-1] == 1


def test_a_network_that_hides_its_gradient_does_not_reach_everything(network, images):
    class Masked(torch.nn.Module):
        """Its gradient is that of a constant, its answers are the network's."""

        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, seen):
            return self.inner(seen).detach() + 0 * seen.sum()

    correct = logits_of(network, images.clean, 50).argmax(1) == images.classes
    images = images.chosen(np.flatnonzero(correct))
    fixed = dataclasses.replace(SEARCH, random_start=False)
    nothing = [(LinfBall(16 / 255), np.zeros(len(images.ids), bool))]
    curve = growth(Masked(), images, fixed, nothing, COMPUTATION)
    assert curve[-1] == (1.0, 0.0)
    (found,) = search(Masked(), images, fixed, [LINF], COMPUTATION)
    assert found.zero_gradients.all()
