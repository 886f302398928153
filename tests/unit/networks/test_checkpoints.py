"""A training that was cut off goes on from its checkpoint as if nothing had happened."""

import dataclasses
import logging

import pytest
import torch
from unit.support.interruptions import CutOffError, Saboteur
from unit.support.small_study import TRAINING

from repcompare.architectures import build
from repcompare.networks.checkpoints import Checkpoint
from repcompare.networks.training import train

NETWORKS = {
    "resnet": {"blocks": [1], "width": 4},
    "wide_resnet": {"depth": 10, "widen_factor": 1, "width": 4, "dropout": 0.3},
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def digits(dataset):
    return tuple(torch.from_numpy(dataset.h5["train"][key][:320]) for key in ("images", "labels"))


def trained(digits, checkpoint=None, family="resnet"):
    network = build(family, NETWORKS[family], 1, 10, seed=0)
    network.to(memory_format=torch.channels_last)
    settings = dataclasses.replace(TRAINING, epochs=3, horizontal_flip=True)
    history = train(network, *digits, settings, "float32", 0, checkpoint=checkpoint)
    return network.state_dict(), [(e.epoch, e.loss, e.accuracy) for e in history]


def same(one, other):
    return all(torch.equal(one[0][key], other[0][key]) for key in one[0]) and one[1] == other[1]


# Batch 1, the middle of an epoch, its last batch, the first of the next, and the very last.
@pytest.mark.parametrize("nth", [1, 3, 5, 6, 15])
@pytest.mark.parametrize("family", NETWORKS)
def test_weights_and_history_are_those_of_an_undisturbed_run(digits, tmp_path, nth, family):
    undisturbed = trained(digits, family=family)
    saboteur = Saboteur(tmp_path / "checkpoint.bin", "key", 0)
    saboteur.nth = nth
    with pytest.raises(CutOffError):
        trained(digits, saboteur, family)
    torch.rand(7)
    resumed = Checkpoint(tmp_path / "checkpoint.bin", "key", 1e9)
    assert resumed.load()["batch"] == (nth - 1) % 5 + 1
    assert same(trained(digits, resumed, family), undisturbed)


def test_saving_changes_nothing(digits, tmp_path):
    saving = Checkpoint(tmp_path / "checkpoint.bin", "key", 0)
    assert same(trained(digits, saving), trained(digits))
    assert (tmp_path / "checkpoint.bin").exists()
    saving.remove()
    assert not list(tmp_path.iterdir())


def test_training_leaves_the_callers_random_numbers_alone(digits):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(digits)
    assert torch.equal(torch.rand(3), expected)


def save(path, key="key"):
    Checkpoint(path, key, 0).save({"weights": torch.arange(4.0), "epoch": 2})


def test_what_was_saved_is_loaded(tmp_path):
    assert Checkpoint(tmp_path / "none", "key", 0).load() is None
    save(tmp_path / "file")
    state = Checkpoint(tmp_path / "file", "key", 0).load()
    assert state["epoch"] == 2
    assert torch.equal(state["weights"], torch.arange(4.0))


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: flipped(c, len(c) // 2),
     lambda c: flipped(c, 3)],
)  # fmt: skip
def test_a_damaged_checkpoint_is_refused_with_a_message(tmp_path, caplog, damage):
    save(tmp_path / "file")
    (tmp_path / "file").write_bytes(damage((tmp_path / "file").read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert Checkpoint(tmp_path / "file", "key", 0).load() is None
    assert "is damaged: starting over" in caplog.text


def test_a_checkpoint_of_other_settings_is_refused_with_a_message(tmp_path, caplog):
    save(tmp_path / "file", "other")
    with caplog.at_level(logging.WARNING):
        assert Checkpoint(tmp_path / "file", "key", 0).load() is None
    assert "is of other settings, code or data: starting over" in caplog.text


def test_a_checkpoint_is_due_when_its_time_has_passed(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("repcompare.networks.checkpoints.time.monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "file", "key", 60)
    now[0] += 59
    assert not checkpoint.due()
    now[0] += 1
    assert checkpoint.due()
    checkpoint.save({})
    assert not checkpoint.due()
