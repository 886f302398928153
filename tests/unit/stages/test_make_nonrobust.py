"""A network learns to classify from images whose labels only another network understands."""

import h5py
import numpy as np
import pytest
import torch
from unit.support.small_study import TRAINING

from repcompare.architectures import build
from repcompare.networks.inference import logits_of
from repcompare.networks.models import folded
from repcompare.networks.training import accuracy, train
from repcompare.stages.make_nonrobust import write_nonrobust

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
