"""PGD raises the loss inside its ball; what is stored is what was verified."""

import dataclasses

import h5py
import numpy as np
import pytest
import torch
from conftest import CONDITIONS, PGD
from torch.nn.functional import cross_entropy

from repcompare import threat_models
from repcompare.attacks import Condition, attack_model, pgd
from repcompare.augmentation import to_float

LINF = Condition("pgd", "linf", 32 / 255, "32/255")
L2 = Condition("pgd", "l2", 1.0, "1")


class Linear(torch.nn.Module):
    """Two classes, logits ±w·x: its worst perturbations are known in closed form."""

    def __init__(self, shape):
        super().__init__()
        self.weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))

    def forward(self, images):
        score = (images * self.weight).sum(dim=(1, 2, 3))
        return torch.stack([score, -score], dim=1)


@pytest.fixture
def stored(study):
    with h5py.File(study["resnet/seed0"].adversarial) as file:
        yield file


@pytest.mark.parametrize("condition", [LINF, L2])
def test_on_a_linear_model_pgd_finds_the_worst_perturbation(condition):
    network = Linear((1, 6, 6))
    images = torch.full((4, 1, 6, 6), 0.5)
    labels = torch.zeros(4, dtype=torch.int64)
    epsilon = 0.05
    condition = dataclasses.replace(condition, epsilon=epsilon)
    start = threat_models.draw_start(np.arange(4), (1, 6, 6), condition.norm, epsilon, 0)
    settings = dataclasses.replace(PGD, steps=50, step_size=20.0)
    found = pgd(network, images, labels, start, condition, settings)
    worst = -epsilon * threat_models.ascent_direction(network.weight[None], condition.norm)
    torch.testing.assert_close(found, worst.expand_as(found), atol=1e-3, rtol=0)


def test_the_box_of_pixel_values_is_respected_at_its_edges():
    network = Linear((1, 6, 6))
    images = torch.cat([torch.zeros(2, 1, 6, 6), torch.ones(2, 1, 6, 6)])
    labels = torch.tensor([0, 1, 0, 1])
    for condition in (LINF, L2):
        start = threat_models.draw_start(
            np.arange(4), (1, 6, 6), condition.norm, condition.epsilon, 0
        )
        perturbed = images + pgd(network, images, labels, start, condition, PGD)
        assert perturbed.min() >= 0
        assert perturbed.max() <= 1


@pytest.mark.parametrize("condition", [LINF, L2])
def test_more_steps_raise_the_loss(study, dataset, condition):
    network = study["resnet/seed0"].model.network
    images = to_float(torch.from_numpy(dataset["test/images"][:100]))
    labels = torch.from_numpy(dataset["test/labels"][:100])
    start = threat_models.draw_start(
        np.arange(100), images.shape[1:], condition.norm, condition.epsilon, 0
    )
    losses = []
    for steps in (1, 5, 20):
        settings = dataclasses.replace(PGD, steps=steps)
        change = pgd(network, images, labels, start, condition, settings)
        losses.append(cross_entropy(network(images + change), labels).item())
    assert cross_entropy(network(images), labels) < losses[0] < losses[1] < losses[2]


def test_pgd_is_as_strong_as_an_independent_implementation(study, dataset):
    import torchattacks

    network = study["resnet/seed0"].model.network
    images = to_float(torch.from_numpy(dataset["test/images"][:]))
    labels = torch.from_numpy(dataset["test/labels"][:])
    settings = dataclasses.replace(PGD, steps=20)
    epsilon = 16 / 255
    condition = Condition("pgd", "linf", epsilon, "16/255")
    peer = torchattacks.PGD(network, eps=epsilon, alpha=2.5 * epsilon / 20, steps=20)
    robust = {"ours": [], "theirs": []}
    for seed in range(3):
        start = threat_models.draw_start(dataset["test/ids"], (1, 8, 8), "linf", epsilon, seed)
        ours = images + pgd(network, images, labels, start, condition, settings)
        torch.manual_seed(seed)
        theirs = peer(images.contiguous(), labels)
        for name, perturbed in (("ours", ours), ("theirs", theirs)):
            robust[name].append((network(perturbed).argmax(1) == labels).float().mean().item())
    # From one random start to the next, the accuracy moves by about a point.
    assert np.mean(robust["ours"]) <= np.mean(robust["theirs"]) + 0.015
    assert np.mean(robust["ours"]) < 0.8


def test_batch_size_and_order_do_not_change_an_example(study, dataset, stored, tmp_path):
    path = tmp_path / "adversarial.h5"
    settings = dataclasses.replace(PGD, batch_size=7)
    attack_model(path, study["resnet/seed0"].model, dataset, 50, [LINF], settings)
    with h5py.File(path) as pieces:
        group = f"attacks/{LINF.id}"
        same = np.mean(pieces[group]["images"][:] == stored[group]["images"][:50])
    # Convolutions round differently in batches of another size, and a sign can flip.
    assert same > 0.99


def test_every_condition_is_stored_with_what_it_was(stored):
    assert set(stored["attacks"]) == {condition.id for condition in CONDITIONS}
    for condition in CONDITIONS:
        group = stored["attacks"][condition.id]
        for key in ("attack", "norm", "epsilon", "epsilon_label"):
            assert group.attrs[key] == getattr(condition, key)
        clean, images = (torch.from_numpy(x[:]) for x in (stored["clean"], group["images"]))
        threat_models.verify(clean, images, condition.norm, condition.epsilon)


def test_losses_predictions_and_success_are_those_of_the_stored_images(stored, study):
    network = study["resnet/seed0"].model.network
    labels = torch.from_numpy(stored["labels"][:])
    for group in stored["attacks"].values():
        logits = network(to_float(torch.from_numpy(group["images"][:])))
        np.testing.assert_allclose(
            group["loss"], cross_entropy(logits, labels, reduction="none"), rtol=1e-3, atol=1e-4
        )
        np.testing.assert_array_equal(group["prediction"], logits.argmax(1))
        np.testing.assert_array_equal(group["success"], logits.argmax(1) != labels)


def test_an_attack_fools_and_noise_of_its_size_does_not(stored):
    rates = {name: group["success"][:].mean() for name, group in stored["attacks"].items()}
    assert rates["pgd-linf-32_255"] > 0.5
    assert rates["pgd-linf-32_255"] > rates["noise-linf-32_255"] + 0.3


def test_each_source_has_noise_of_its_own(study):
    images = []
    for name in ("resnet/seed0", "resnet/seed1"):
        with h5py.File(study[name].adversarial) as file:
            images.append(file["attacks/noise-linf-32_255/images"][:])
    assert np.mean(images[0] == images[1]) < 0.9
