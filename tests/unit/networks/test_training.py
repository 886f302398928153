"""Training is deterministic, augments as it says, and stops when it diverges."""

import dataclasses

import numpy as np
import pytest
import torch
from unit.support.small_study import TRAINING

from repcompare.architectures import build
from repcompare.networks.augmentation import Augmentation
from repcompare.networks.inference import to_float
from repcompare.networks.training import SCHEDULES, TrainingError, accuracy, train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def digits(dataset):
    return tuple(torch.from_numpy(dataset.h5["train"][key][:]) for key in ("images", "labels"))


def trained(digits, seed=0, **changes):
    settings = dataclasses.replace(TRAINING, **{"epochs": 1, **changes})
    network = build("resnet", {"blocks": [1], "width": 4}, 1, 10, seed=seed)
    network.to(memory_format=torch.channels_last)
    return network, train(network, *digits, settings, settings.precision, seed)


def same_weights(one, other) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_optimizer_takes_the_steps_of_torchs(digits, monkeypatch, momentum):
    ours, _ = trained(digits, momentum=momentum)
    monkeypatch.setattr("repcompare.networks.training.PlainSGD", torch.optim.SGD)
    torchs, _ = trained(digits, momentum=momentum)
    assert same_weights(ours, torchs)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_weights_bit_for_bit(digits, precision):
    one, first = trained(digits, precision=precision)
    torch.rand(3)
    other, second = trained(digits, precision=precision)
    assert same_weights(one, other)
    assert [e.loss for e in first] == [e.loss for e in second]


def test_another_seed_another_order_and_another_recipe_give_other_weights(digits):
    reference = trained(digits)[0]
    for changes in (
        {"seed": 1},
        {"crop_padding": 0},
        {"horizontal_flip": True},
        {"weight_decay": 0.1},
    ):
        assert not same_weights(reference, trained(digits, **changes)[0])


def test_training_learns(study):
    for files in study.values():
        assert files.model.record["test_accuracy"] > 0.9


def test_the_network_is_left_in_eval_mode(digits):
    assert not trained(digits)[0].training


def test_a_loss_that_is_not_finite_stops_training_and_names_the_setting(digits):
    with pytest.raises(
        TrainingError, match=r"diverged in epoch 1 of 1.*training\.learning_rate \(now 1e\+30\)"
    ):
        trained(digits, learning_rate=1e30)


def test_the_history_has_one_entry_an_epoch(digits):
    history = trained(digits, epochs=3)[1]
    assert [epoch.epoch for epoch in history] == [1, 2, 3]
    assert history[-1].loss < history[0].loss
    assert history[-1].learning_rate < history[0].learning_rate


def test_fewer_images_than_a_batch_are_one_batch(digits):
    few = tuple(values[:20] for values in digits)
    assert len(trained(few, batch_size=64)[1]) == 1


PEAKS = {"one_cycle": 20, "linear": 0}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_reaches_its_rate_once_and_ends_near_zero(schedule):
    peak = PEAKS[schedule]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    steps = SCHEDULES[schedule](optimizer, 100)
    rates = []
    for _ in range(100):
        rates.append(steps.get_last_lr()[0])
        optimizer.step()
        steps.step()
    assert abs(np.argmax(rates) - peak) <= 1
    assert max(rates) == pytest.approx(0.3)
    assert rates[-1] < 0.01
    assert np.all(np.diff(rates[peak + 1 :]) < 0)


def test_accuracy_counts_the_last_incomplete_batch(digits):
    network = trained(digits)[0]
    images, labels = (values[:7] for values in digits)
    predictions = network(to_float(images)).argmax(1)
    assert accuracy(network, images, labels) == pytest.approx(
        (predictions == labels).sum().item() / 7
    )


def augment(images, padding, flip, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Augmentation(images, padding, flip, generator)(torch.arange(len(images)))


def test_without_augmentation_a_batch_is_the_images_in_zero_to_one():
    images = torch.randint(256, (5, 3, 8, 9), dtype=torch.uint8)
    torch.testing.assert_close(augment(images, 0, False), images / 255)


def test_a_crop_is_a_window_of_the_padded_image_and_every_window_occurs():
    image = torch.arange(1, 37, dtype=torch.uint8).reshape(1, 1, 6, 6)
    padded = torch.nn.functional.pad(image, [2] * 4)
    windows = [
        (padded[0, 0, top : top + 6, left : left + 6] / 255).numpy().tobytes()
        for top in range(5)
        for left in range(5)
    ]
    seen = {
        crop.numpy().tobytes() for crop in augment(image.expand(600, -1, -1, -1), 2, False)[:, 0]
    }
    assert seen == set(windows)


def test_half_of_the_images_are_flipped_left_to_right():
    image = torch.arange(36, dtype=torch.uint8).reshape(1, 1, 6, 6)
    batch = augment(image.expand(400, -1, -1, -1), 0, True)
    flipped = (batch == image.flip(3) / 255).all(dim=(1, 2, 3))
    kept = (batch == image / 255).all(dim=(1, 2, 3))
    assert (flipped ^ kept).all()
    assert 150 < flipped.sum() < 250


def test_batches_are_channels_last():
    images = torch.randint(256, (4, 3, 8, 8), dtype=torch.uint8)
    for batch in (to_float(images), augment(images, 0, False), augment(images, 2, True)):
        assert batch.is_contiguous(memory_format=torch.channels_last)
        assert batch.dtype == torch.float32
