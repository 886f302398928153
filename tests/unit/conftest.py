"""A small real study, made once: digits, three networks trained for a few epochs, their files.

And made-up pairs of representations, with the maps between them.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from repcompare.activations import dump_activations
from repcompare.adversarial import attack_model
from repcompare.architectures import build
from repcompare.attacks import Attack, Ball, Computation
from repcompare.compare_features import Files
from repcompare.datasets import write_dataset
from repcompare.factorisation import cross_covariance, factorise
from repcompare.features import FeatureSettings, extract_features
from repcompare.maps import FAMILIES, AffineMap, fit_maps
from repcompare.models import load_model, save_model, untrained
from repcompare.pgd import Search
from repcompare.training import TrainingSettings, accuracy, train

CPU = torch.device("cpu")
torch.set_num_threads(1)
NETWORKS = {
    ("resnet", 0): {"blocks": [1, 1], "width": 8},
    ("resnet", 1): {"blocks": [1, 1], "width": 8},
    ("vgg", 0): {"depth": 11, "width": 8, "stages": 2},
}
# All that either architecture has: a VGG has no stem.
LAYERS = ["stem", "stage1", "stage2", "penultimate"]
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
LINF, L2 = Ball("linf", 32 / 255, "32/255"), Ball("l2", 1.0, "1")
SEARCH = Search(steps=5, step_size=2.5)
ATTACKS = [Attack("pgd", SEARCH, (LINF, L2)), Attack("noise", None, (LINF,))]
FEATURES = FeatureSettings(
    samples=80,
    steps=100,
    step_size=5.0,
    tolerance=0.1,
    batch_size=50,
    precision="float32",
    seed=0,
)
COMPUTATION = Computation(batch_size=50, precision="float32", seed=0)


def related(n: int = 90, width_a: int = 6, width_b: int = 4, seed: int = 0, noise: float = 1.0):
    """Two representations with three common directions, the same ones for every seed."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 3))
    mixing = np.random.default_rng(99)
    x, y = (
        common @ mixing.standard_normal((3, width)) + noise * rng.standard_normal((n, width)) + 2
        for width in (width_a, width_b)
    )
    return x, y


def fitted(x, y, families=tuple(FAMILIES)) -> dict[str, AffineMap]:
    """The map of each family from x to y."""
    a, b = factorise(x), factorise(y)
    return fit_maps(a, b, cross_covariance(x, a.mean, y, b.mean), families, x, y)


@contextlib.contextmanager
def block_files(members) -> Iterator[list[Files]]:
    """The open files of some models of the study."""
    with contextlib.ExitStack() as stack:
        yield [
            Files(
                *(
                    stack.enter_context(h5py.File(getattr(member, kind)))
                    for kind in ("activations", "adversarial", "features")
                )
            )
            for member in members
        ]


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
