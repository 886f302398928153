"""A small real study, made once: digits, two networks trained for a few epochs, their files."""

from pathlib import Path
from types import SimpleNamespace

import h5py
import pytest
import torch

from repcompare.activations import dump_activations
from repcompare.architectures import build
from repcompare.attacks import Condition, PGDSettings, attack_model
from repcompare.datasets import write_dataset
from repcompare.models import load_model, save_model
from repcompare.training import TrainingSettings, accuracy, train

CPU = torch.device("cpu")
torch.set_num_threads(1)
NETWORKS = {
    ("resnet", 0): {"blocks": [1, 1], "width": 8},
    ("resnet", 1): {"blocks": [1, 1], "width": 8},
    ("vgg", 0): {"depth": 11, "width": 8, "stages": 2},
}
TRAINING = TrainingSettings(
    epochs=10,
    batch_size=64,
    learning_rate=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    label_smoothing=0.0,
    schedule="one_cycle",
    crop_padding=1,
    horizontal_flip=False,
    precision="float32",
    minimum_accuracy=0.0,
)
CONDITIONS = [
    Condition("pgd", "linf", 32 / 255, "32/255"),
    Condition("noise", "linf", 32 / 255, "32/255"),
    Condition("pgd", "l2", 1.0, "1"),
]
PGD = PGDSettings(steps=5, step_size=2.5, batch_size=50, precision="float32", seed=0)


@pytest.fixture(scope="session")
def dataset_path(tmp_path_factory) -> Path:
    """The digits, all splits."""
    path = tmp_path_factory.mktemp("data") / "dataset.h5"
    write_dataset(path, "digits", None, fit_samples=200, train_samples=None)
    return path


@pytest.fixture
def dataset(dataset_path):
    """The open data file."""
    with h5py.File(dataset_path) as file:
        yield file


@pytest.fixture(scope="session")
def study(dataset_path, tmp_path_factory) -> dict[str, SimpleNamespace]:
    """Every file of three trained models, by model name."""
    folder = tmp_path_factory.mktemp("models")
    models = {}
    with h5py.File(dataset_path) as dataset:
        images, labels = (
            torch.from_numpy(dataset["train"][key][:]) for key in ("images", "labels")
        )
        test = tuple(torch.from_numpy(dataset["test"][key][:]) for key in ("images", "labels"))
        for (factory, seed), kwargs in NETWORKS.items():
            network = build(factory, kwargs, 1, 10, seed=seed)
            network.set_normalisation(dataset.attrs["mean"], dataset.attrs["std"])
            network.to(memory_format=torch.channels_last)
            train(network, images, labels, TRAINING, "float32", seed)
            name = f"{factory}/seed{seed}"
            record = {
                "model": name,
                "architecture": factory,
                "seed": seed,
                "factory": factory,
                "kwargs": kwargs,
                "in_channels": 1,
                "num_classes": 10,
                "parameters": sum(p.numel() for p in network.parameters()),
                "representation_width": network.classifier.in_features,
                "train_accuracy": accuracy(network, images, labels),
                "test_accuracy": accuracy(network, *test),
                "training": {"epochs": TRAINING.epochs},
                "train_seconds": 1.0,
                "device": "cpu",
                "precision": "float32",
                "data_digest": dataset.attrs["digest"],
            }
            at = folder / factory / f"seed{seed}"
            files = SimpleNamespace(
                weights=at / "weights.safetensors",
                record=at / "record.json",
                activations=at / "activations.h5",
                adversarial=at / "adversarial.h5",
            )
            save_model(files.weights, files.record, network, record)
            files.model = load_model(files.weights, files.record, dataset, CPU)
            dump_activations(files.activations, files.model, dataset, 128)
            attack_model(files.adversarial, files.model, dataset, 100, CONDITIONS, PGD)
            models[name] = files
    return models
