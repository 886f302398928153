"""A small real study, made once: digits, three networks trained for a few epochs, their files."""

from pathlib import Path
from types import SimpleNamespace

import h5py
import pytest
import torch
from unit.small_study import ATTACKS, COMPUTATION, CPU, FEATURES, LAYERS, NETWORKS, TRAINING

from repcompare.architectures import build
from repcompare.networks.models import load_model, save_model, untrained
from repcompare.networks.training import accuracy, train
from repcompare.stages.attack import attack_model
from repcompare.stages.dump_activations import dump_activations
from repcompare.stages.extract_features import extract_features
from repcompare.stages.prepare_data import write_dataset

torch.set_num_threads(1)


@pytest.fixture
def one_thread():
    """What is compared bit for bit is computed on one thread, whatever other tests have set."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
                features=at / "features.h5",
            )
            save_model(files.weights, files.record, network, record)
            files.model = load_model(files.weights, files.record, dataset, CPU)
            dump_activations(
                files.activations, files.model, untrained(files.model), dataset, LAYERS, None, 128
            )
            extract_features(files.features, files.model, dataset, FEATURES)
            attack_model(files.adversarial, files.model, dataset, 100, ATTACKS, COMPUTATION)
            models[name] = files
    return models
