"""Adversarial training meets the worst images of each batch, and is robust for it."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from unit.support.interruptions import CutOffError, Saboteur
from unit.support.small_study import COMPUTATION, L2, LINF, SEARCH, TRAINING

from repcompare.architectures import build
from repcompare.attacks.adversarial_training import perturbation
from repcompare.attacks.balls import LinfBall
from repcompare.attacks.craft import Images, search, successes
from repcompare.networks.inference import to_float
from repcompare.networks.training import accuracy, train

SECTION = {"norm": "linf", "epsilon": "24/255", "steps": 3, "step_size": 2.5}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def digits(dataset):
    return tuple(torch.from_numpy(dataset.h5["train"][key][:]) for key in ("images", "labels"))


def trained(images, labels, checkpoint=None, **changes):
    network = build("resnet", {"blocks": [1, 1], "width": 8}, 1, 10, seed=0)
    network.to(memory_format=torch.channels_last)
    settings = dataclasses.replace(TRAINING, **changes)
    train(network, images, labels, settings, "float32", 0, checkpoint=checkpoint)
    return network.requires_grad_(False)


@pytest.mark.parametrize("ball", [LINF, L2], ids=str)
def test_a_batch_becomes_its_worst_images_and_the_network_stays_as_it_is(study, dataset, ball):
    network = copy.deepcopy(study["resnet/seed0"].model.network).requires_grad_(True).train()
    before = copy.deepcopy(network.state_dict())
    images = to_float(torch.from_numpy(dataset.h5["test/images"][:100]))
    labels = torch.from_numpy(dataset.h5["test/labels"][:100])
    section = SECTION | {"norm": ball.norm, "epsilon": ball.label}
    generator = torch.Generator().manual_seed(0)
    worst = perturbation(section, "float32")(network, images, labels, generator)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not worst.requires_grad
    assert ball.sizes(worst - images).max() <= ball.epsilon + 1e-6
    assert worst.min() >= 0
    assert worst.max() <= 1
    network.eval()
    rates = [(network(x).argmax(1) == labels).float().mean().item() for x in (images, worst)]
    assert rates[1] < rates[0] - 0.3


@pytest.mark.slow
def test_a_network_trained_on_adversarial_examples_resists_them(digits, dataset):
    test = Images(
        torch.from_numpy(dataset.h5["test/images"][:200]),
        dataset.h5["test/ids"][:200],
        torch.from_numpy(dataset.h5["test/labels"][:200]),
    )
    ball, ten_steps = LinfBall(24 / 255), dataclasses.replace(SEARCH, steps=10)
    resisting = []
    for adversarial in (None, SECTION):
        network = trained(*digits, adversarial=adversarial)
        assert accuracy(network, test.clean, test.classes) > 0.7
        (found,) = search(network, test, ten_steps, [ball], COMPUTATION)
        resisting.append(1 - np.mean(successes(found, test.classes, targeted=False)))
    assert resisting[1] > resisting[0] + 0.2


def test_it_goes_on_from_a_checkpoint_bit_for_bit(digits, tmp_path):
    images, labels = (values[:320] for values in digits)
    changes = {"epochs": 2, "adversarial": SECTION}
    undisturbed = trained(images, labels, **changes).state_dict()
    saboteur = Saboteur(tmp_path / "checkpoint.bin", "settings", 0)
    saboteur.nth = 7
    with pytest.raises(CutOffError):
        trained(images, labels, saboteur, **changes)
    saboteur.nth = -1
    resumed = trained(images, labels, saboteur, **changes).state_dict()
    assert all(torch.equal(undisturbed[key], resumed[key]) for key in undisturbed)
    clean = trained(images, labels, epochs=2).state_dict()
    assert not all(torch.equal(undisturbed[key], clean[key]) for key in undisturbed)
