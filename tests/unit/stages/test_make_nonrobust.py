"""A network learns to classify from images whose labels only another network understands."""

import logging

import h5py
import numpy as np
import pytest
import torch
from unit.support.small_study import TRAINING

from repcompare.architectures import build
from repcompare.networks.inference import logits_of
from repcompare.networks.models import folded
from repcompare.networks.training import accuracy, train
from repcompare.stages import train_nonrobust as stage
from repcompare.stages.make_nonrobust import write_nonrobust
from repcompare.stages.train_nonrobust import train_nonrobust

SECTION = {"norm": "l2", "epsilon": "1.5", "steps": 10, "step_size": 2.5}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def made(study, dataset, tmp_path):
    path = tmp_path / "images.h5"
    write_nonrobust(path, study["resnet/seed0"].model, dataset, SECTION, "float32", 0)
    with h5py.File(path) as file:
        yield file


def test_labels_are_other_classes_that_the_source_sees_in_images_near_the_clean_ones(
    made, study, dataset
):
    images, labels = made["images"][:], made["labels"][:]
    clean, own = dataset.h5["train/images"][:], dataset.h5["train/labels"][:]
    assert not np.any(labels == own)
    change = (images.astype(float) - clean).reshape(len(clean), -1) / 255
    assert np.linalg.norm(change, axis=1).max() <= 1.5 + 1e-5
    network = folded(study["resnet/seed0"].model.network)
    seen = logits_of(network, torch.from_numpy(images), 500).argmax(1).numpy()
    assert np.mean(seen == labels) == pytest.approx(made.attrs["success"], abs=0.01)
    assert made.attrs["success"] > 0.9


def test_what_is_learnt_from_them_holds_for_clean_images(made, dataset):
    images, labels = (torch.from_numpy(made[key][:]) for key in ("images", "labels"))
    test = [torch.from_numpy(dataset.h5["test"][key][:]) for key in ("images", "labels")]
    reached = []
    for given in (
        labels,
        labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))],
    ):
        network = build("vgg", {"depth": 11, "width": 8, "stages": 2}, 1, 10, seed=5)
        network.set_normalisation(dataset.h5.attrs["mean"], dataset.h5.attrs["std"])
        network.to(memory_format=torch.channels_last)
        train(network, images, given, TRAINING, "float32", 5)
        reached.append(accuracy(network, *test))
    assert reached[0] > 0.2 > reached[1]
    assert reached[0] > reached[1] + 0.1


def test_a_training_on_them_that_was_cut_off_goes_on(
    made, dataset_path, tmp_path, monkeypatch, caplog
):
    def call():
        train_nonrobust(
            tmp_path / "record.json",
            dataset=dataset_path,
            images=made.filename,
            source="resnet",
            target="vgg",
            settings={
                "factory": "vgg",
                "kwargs": {"depth": 11, "width": 4, "stages": 2},
                "training": vars(TRAINING) | {"epochs": 1},
                "seed": 0,
            },
            device="cpu",
            threads=1,
        )
        return sorted(path.name for path in tmp_path.iterdir())

    monkeypatch.setattr(stage, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    with monkeypatch.context() as patch:
        patch.setattr(stage, "accuracy_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            call()
    assert (tmp_path / "record.checkpoint.bin").exists()
    with caplog.at_level(logging.INFO):
        assert call() == ["images.h5", "record.json"]
    assert "going on from" in caplog.text


def interrupted(*_):
    raise KeyboardInterrupt
