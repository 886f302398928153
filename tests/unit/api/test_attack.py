"""Any module is attacked, inside the ball, and left as it was."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import repcompare
from repcompare.attacks.pgd import OBJECTIVES
from repcompare.attacks.schedules import SCHEDULES

IMAGES = torch.rand(12, 1, 4, 4, generator=torch.Generator().manual_seed(1))


class Linear(torch.nn.Module):
    """Logits of three classes, of an image that goes through a dropout and a normalisation."""

    def __init__(self):
        super().__init__()
        self.dropout = torch.nn.Dropout()
        self.norm = torch.nn.BatchNorm2d(1)
        self.last = torch.nn.Linear(16, 3)
        weight = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
        self.last.weight.data, self.last.bias.data = weight, torch.zeros(3)

    def forward(self, images):
        return self.last(self.norm(self.dropout(images)).flatten(1))


@pytest.fixture
def module():
    return Linear().eval()


def answers(module, images):
    with torch.no_grad():
        return module(images).argmax(1)


def distances(images, norm):
    order = {"linf": torch.inf, "l2": 2}[norm]
    return torch.linalg.vector_norm(images - IMAGES, order, dim=(1, 2, 3))


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 8 / 255), ("l2", 0.5)])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("random_start", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_images_stay_in_the_ball_and_raise_the_loss(
    module, norm, epsilon, objective, random_start, schedule
):
    labels = answers(module, IMAGES)
    found = repcompare.attack(
        module, IMAGES, labels, norm=norm, epsilon=epsilon, objective=objective,
        random_start=random_start, schedule=schedule,
    )  # fmt: skip
    assert found.dtype == torch.float32
    assert found.shape == IMAGES.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert (distances(found, norm) <= epsilon * (1 + 1e-5)).all()
    before, after = (
        cross_entropy(module(each), labels, reduction="none") for each in (IMAGES, found)
    )
    assert (after > before).all()


def test_of_two_classes_it_is_the_worst_in_the_ball():
    weight = torch.randn(2, 16, generator=torch.Generator().manual_seed(3))
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    module[1].weight.data = weight
    labels = torch.arange(12) % 2
    found = repcompare.attack(module, IMAGES, labels, epsilon=0.1, steps=40)
    ascent = (weight[1 - labels] - weight[labels]).sign().reshape(IMAGES.shape)
    worst = (IMAGES + 0.1 * ascent).clamp(0, 1)
    torch.testing.assert_close(found, worst)


def test_a_ratio_of_three_logits_needs_three_classes():
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    with pytest.raises(ValueError, match="objective: dlr needs 3 classes or more, not 2"):
        repcompare.attack(module, IMAGES, [0] * 12, objective="dlr")


def test_targets_are_driven_to(module):
    labels = answers(module, IMAGES)
    targets = (labels + 1) % 3
    found = repcompare.attack(module, IMAGES, labels, epsilon=0.9, targets=targets)
    assert (answers(module, found) == targets).all()


def test_more_restarts_never_raise_the_margin(module):
    labels = answers(module, IMAGES)

    def margins(**settings):
        found = repcompare.attack(module, IMAGES, labels, epsilon=0.3, steps=1, **settings)
        logits = module(found)
        others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
        return logits.gather(1, labels[:, None])[:, 0] - others

    one, four = margins(), margins(restarts=4)
    assert (four <= one).all()
    assert (four < one).any()


def test_the_same_call_gives_the_same_images_whatever_the_batches_and_the_state_of_torch(module):
    labels = answers(module, IMAGES)
    one = repcompare.attack(module, IMAGES, labels, restarts=2)
    state = torch.get_rng_state()
    other = repcompare.attack(module, IMAGES, labels, restarts=2, batch_size=5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(other, one, rtol=0, atol=1e-6)
    assert not torch.equal(repcompare.attack(module, IMAGES, labels, seed=1), one)


def test_lists_and_arrays_are_attacked_like_tensors(module):
    labels = answers(module, IMAGES)
    expected = repcompare.attack(module, IMAGES, labels)
    for images, classes in (
        (IMAGES.tolist(), labels.tolist()),
        (IMAGES.numpy().astype(np.float64), labels.numpy().astype(np.uint8)),
    ):
        assert torch.equal(repcompare.attack(module, images, classes), expected)


def test_the_module_the_images_and_their_gradients_are_left_as_they_were():
    module = Linear().train()
    module.norm.eval()
    module.last.bias.requires_grad_(False)
    module.last.weight.grad = torch.ones(3, 16)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    images = IMAGES.clone()
    repcompare.attack(module, images, torch.zeros(12, dtype=torch.int64))
    assert torch.equal(images, IMAGES)
    assert [part.training for part in module.modules()] == [True, True, False, True]
    wanted = {name: p.requires_grad for name, p in module.named_parameters()}
    assert wanted == {n: n != "last.bias" for n in wanted}
    assert torch.equal(module.last.weight.grad, torch.ones(3, 16))
    assert module.norm.weight.grad is None
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_module_that_fails_is_left_as_it_was():
    class Failing(Linear):
        def forward(self, images):
            if torch.is_grad_enabled():
                raise RuntimeError("no gradient")
            return super().forward(images)

    module = Failing().train()
    with pytest.raises(RuntimeError, match="no gradient"):
        repcompare.attack(module, IMAGES, [0] * 12)
    assert all(part.training for part in module.modules())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_it_attacks_where_gradients_are_off(module):
    labels = answers(module, IMAGES)
    with torch.no_grad():
        found = repcompare.attack(module, IMAGES, labels)
    assert torch.equal(found, repcompare.attack(module, IMAGES, labels))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": IMAGES[0]}, r"images: the shape is \(1, 4, 4\), not \(images, channels"),
        ({"images": IMAGES[:0], "labels": []}, "images: the shape"),
        ({"images": 255 * IMAGES}, "images: values in .0, 1. are needed, .*; divide by 255"),
        ({"images": IMAGES - 1}, "images: values in .0, 1. are needed"),
        ({"images": IMAGES * torch.nan}, "images: values in .0, 1. are needed"),
        ({"labels": [0] * 11}, r"labels: the shape is \(11,\), not one class for each of 12"),
        ({"labels": [3] * 12}, "labels: classes from 0 to 2 are needed, .* not 3"),
        ({"labels": [-100] * 12}, "labels: classes from 0 to 2 are needed"),
        ({"labels": ["a"] * 12}, "labels: whole numbers are needed"),
        ({"targets": [3] * 12}, "targets: classes from 0 to 2 are needed"),
        ({"norm": "l1"}, "norm: 'l1' is not one of linf, l2"),
        ({"objective": "hinge"}, "objective: 'hinge' is not one of"),
        ({"objective": "dlr", "targets": [1] * 12}, "objective: dlr is of the label"),
        ({"schedule": "linear"}, "schedule: 'linear' is not one of constant, adaptive"),
        ({"schedule": "adaptive", "step_size": 1}, "step_size: 1, but the adaptive schedule"),
        ({"precision": "float64"}, "precision: 'float64' is not one of"),
        ({"epsilon": 0}, "epsilon: a number above 0 is needed"),
        ({"epsilon": np.nan}, "epsilon: a number above 0 is needed"),
        ({"step_size": -1}, "step_size: a number above 0 is needed"),
        ({"steps": 2.5}, "steps: a whole number above 0 is needed"),
        ({"batch_size": 0}, "batch_size: a whole number above 0 is needed"),
        ({"seed": -1}, "seed: a whole number from 0 is needed"),
        ({"restarts": 2, "random_start": False}, "restarts: 2, but without a random start"),
        ({"module": torch.nn.Identity()}, "module: gives .* for one image, not the logits"),
    ],
)
def test_what_cannot_be_attacked_is_named(module, arguments, message):
    given = {"module": module, "images": IMAGES, "labels": [0] * 12, **arguments}
    with pytest.raises(ValueError, match=message):
        repcompare.attack(**given)
