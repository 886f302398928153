"""A small real study, made once: digits, three networks trained for a few epochs, their files."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from unit.support.small_study import (
    ATTACKS,
    BLOCKS,
    COMPUTATION,
    CPU,
    FAMILIES,
    FEATURES,
    JOINED,
    LAYERS,
    MEASURES,
    NETWORKS,
    TRAINING,
    block_files,
    compared,
    described,
    evaluated,
)

from repcompare.architectures import build
from repcompare.data.dataset_file import Dataset
from repcompare.networks.models import load_model, save_model
from repcompare.networks.training import accuracy, train
from repcompare.stages.attack import attack_model
from repcompare.stages.compare_features import feature_rows
from repcompare.stages.dump_activations import store_activations
from repcompare.stages.extract_features import store_features
from repcompare.stages.prepare_data import prepare_data
from repcompare.storage.seals import block_origin
from repcompare.tables.files import write_table
from repcompare.transfer.evaluation_file import Evaluation

torch.set_num_threads(1)


@pytest.fixture
def one_thread():
    """What is compared bit for bit is computed on one thread, whatever other tests have set."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def results(tmp_path_factory) -> Path:
    """The folder of the small study, where every file lies as a study's does."""
    return tmp_path_factory.mktemp("results") / "small"


@pytest.fixture(scope="session")
def dataset_path(results) -> Path:
    """The digits, all splits."""
    path = results / "data" / "dataset.h5"
    settings = {"name": "digits", "fit_samples": 200, "train_samples": None}
    prepare_data(path, settings=settings)
    return path


@pytest.fixture
def dataset(dataset_path):
    """The open data file."""
    with Dataset(dataset_path) as file:
        yield file


@pytest.fixture(scope="session")
def study(dataset_path, results) -> dict[str, SimpleNamespace]:
    """Every file of three trained models, by model name."""
    folder = results / "models"
    models = {}
    with Dataset(dataset_path) as dataset:
        images, labels = (
            torch.from_numpy(dataset.h5["train"][key][:]) for key in ("images", "labels")
        )
        test = tuple(torch.from_numpy(dataset.h5["test"][key][:]) for key in ("images", "labels"))
        for (factory, seed), kwargs in NETWORKS.items():
            network = build(factory, kwargs, 1, 10, seed=seed)
            network.set_normalisation(dataset.h5.attrs["mean"], dataset.h5.attrs["std"])
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
                "origin": "trained",
                "adaptation": None,
                "parameters": sum(p.numel() for p in network.parameters()),
                "representation_width": network.classifier.in_features,
                "train_accuracy": accuracy(network, images, labels),
                "test_accuracy": accuracy(network, *test),
                "training": {"epochs": TRAINING.epochs},
                "device": "cpu",
                "processor": "A processor, AVX2",
                "precision": "float32",
                "data_digest": dataset.h5.attrs["digest"],
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
            store_activations(files.activations, files.model, dataset, LAYERS, None, 128)
            store_features(files.features, files.model, dataset, FEATURES)
            attack_model(files.adversarial, files.model, dataset, 100, ATTACKS, COMPUTATION)
            models[name] = files
    return models


@pytest.fixture(scope="session")
def files(study, dataset_path, results):
    """The files of the three models and of both their blocks, by kind."""
    made = {name: [] for name in (*JOINED, "evaluations", "features")}
    for name, files in study.items():
        folder = results / "models" / name
        paths = described(folder, files.activations, dataset_path, FAMILIES)
        for kind, path in zip(("layers", "controls"), paths, strict=True):
            made[kind].append(path)
    for names in BLOCKS:
        folder = (
            results / "blocks" / "--".join(name.split("/")[0] for name in (names[0], names[-1]))
        )
        models = [study[name] for name in names]
        activations = [each.activations for each in models]
        outputs = compared(folder, activations, FAMILIES, MEASURES, [BLOCKS[0]])
        made["evaluations"].append(folder / "evaluation.h5")
        with Dataset(dataset_path) as dataset, block_files(models) as opened:
            evaluated(made["evaluations"][-1], models, dataset)
            with Evaluation(made["evaluations"][-1]) as evaluation:
                rows = feature_rows(opened, evaluation, dataset)
                kept = [each.activations for each in opened]
                origin = block_origin({model.name: model.digest for model in kept})
        for kind, path in outputs._asdict().items():
            if kind != "maps":
                made[kind].append(path)
        write_table(folder / "features.csv", "blocks/features", rows, origin)
        made["features"].append(folder / "features.csv")
    for key in ("record", "activations", "adversarial"):
        made[key] = [getattr(each, key) for each in study.values()]
    return made
