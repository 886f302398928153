"""Training is of images in memory, and says so of those that do not fit."""

import json

import h5py
import pytest
from unit.support.small_study import TRAINING

from repcompare.networks.training import TrainingError
from repcompare.stages import train as stage
from repcompare.stages.train import train


@pytest.fixture
def call(dataset_path, tmp_path):
    """Train a small network on the digits; its record."""

    def trained() -> dict:
        train(
            tmp_path / "weights.safetensors",
            tmp_path / "record.json",
            dataset=dataset_path,
            architecture="vgg",
            seed=0,
            settings={
                "factory": "vgg",
                "kwargs": {"depth": 11, "width": 4, "stages": 2},
                "training": vars(TRAINING) | {"epochs": 1},
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
