"""Training is of images in memory, and says so of those that do not fit."""

import json

import h5py
import pytest
from unit.support.small_study import TRAINING

from repcompare.networks.checkpoints import Checkpoint
from repcompare.networks.training import TrainingError
from repcompare.stages import train as stage
from repcompare.stages.train import train
from repcompare.storage.seals import DamagedError


@pytest.fixture
def call(dataset_path, tmp_path):
    """Train a small network on the digits; its record."""

    def trained(seed=0, architecture="vgg", data=None) -> dict:
        train(
            tmp_path / "weights.safetensors",
            tmp_path / "record.json",
            dataset=dataset_path,
            architecture=architecture,
            seed=seed,
            settings={
                "factory": "vgg",
                "kwargs": {"depth": 11, "width": 4, "stages": 2},
                "training": vars(TRAINING) | {"epochs": 1},
                "inputs": {"dataset": data or {"name": "digits"}},
            },
            device="cpu",
            threads=1,
        )
        return json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))

    return trained


def test_images_that_do_not_fit_in_memory_are_refused_before_training(call, monkeypatch, tmp_path):
    monkeypatch.setattr(stage, "MOST_BYTES", 50_000)
    message = r"^data\.train_samples: 1000 images of 1x8x8 are 0\.00 GB; .*: 781 of them$"
    with pytest.raises(TrainingError, match=message):
        call()
    assert not list(tmp_path.iterdir())


def test_the_test_images_need_not_fit(call, monkeypatch, dataset_path):
    with h5py.File(dataset_path) as file:
        train_bytes = file["train/images"].size
    monkeypatch.setattr(stage, "MOST_BYTES", train_bytes)
    assert 0 < call()["test_accuracy"] < 1


@pytest.mark.parametrize("other", [{"seed": 1}, {"architecture": "another"}])
def test_a_checkpoint_of_another_network_is_not_gone_on_from(
    call, monkeypatch, tmp_path, caplog, other
):
    weights, checkpoint = tmp_path / "weights.safetensors", tmp_path / "checkpoint.bin"
    call(**other)
    undisturbed = weights.read_bytes()
    monkeypatch.setattr(stage, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    monkeypatch.setattr(Checkpoint, "remove", lambda _: None)
    call()
    assert weights.read_bytes() != undisturbed or "architecture" in other
    weights.unlink()
    assert checkpoint.exists()
    call(**other)
    assert "checkpoint.bin is of other settings, code or data: starting over" in caplog.text
    assert weights.read_bytes() == undisturbed


def test_images_of_other_settings_than_the_study_has_are_refused(call, dataset_path):
    match = r"dataset\.h5: made with fit_samples 200, where the study has 100; delete it"
    with pytest.raises(DamagedError, match=match):
        call(data={"name": "digits", "fit_samples": 100})
