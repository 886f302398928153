"""Activations are the network's own, row for row, and consistent with its classifier."""

from collections import OrderedDict

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader
from unit.support.small_study import LAYERS

from repcompare.architectures import build
from repcompare.architectures.classifier import Classifier
from repcompare.data.dataset_file import Dataset
from repcompare.networks.inference import to_float
from repcompare.networks.models import TrainedModel
from repcompare.stages.dump_activations import store_activations
from repcompare.stages.prepare_data import prepare_data


@pytest.fixture
def stored(study):
    with h5py.File(study["resnet/seed1"].activations) as file:
        yield file


def dumped(path, model, dataset, layers=LAYERS, fit_samples=None, batch_size=16):
    store_activations(path, model, dataset, layers, fit_samples, batch_size)
    return h5py.File(path)


def test_both_splits_are_stored_with_the_ids_and_labels_of_the_data(stored, dataset):
    for split in ("fit", "test"):
        for key in ("ids", "labels"):
            np.testing.assert_array_equal(stored[split][key], dataset.h5[split][key])
    assert set(stored) == {"classifier", "fit", "test", "untrained", "untrained_batch_norm"}
    assert set(stored["fit"]) == {"ids", "labels", "logits", *LAYERS}
    assert stored.attrs["fit_images"] == "fit"
    assert stored.attrs["data_digest"] == dataset.h5.attrs["digest"]


def test_the_representation_times_the_classifier_gives_the_logits(stored, study, dataset):
    model = study["resnet/seed1"].model
    images = to_float(torch.from_numpy(dataset.h5["test/images"][:]))
    group = stored["test"]
    np.testing.assert_allclose(group["penultimate"], model.network.represent(images), atol=1e-5)
    np.testing.assert_allclose(group["logits"], model.network(images), atol=1e-4)
    weight, bias = stored["classifier/weight"][:], stored["classifier/bias"][:]
    by_hand = group["penultimate"][:] @ weight.T + bias
    np.testing.assert_allclose(by_hand, group["logits"], atol=1e-4)
    accuracy = np.mean(np.argmax(group["logits"], axis=1) == group["labels"][:])
    assert accuracy == pytest.approx(model.record["test_accuracy"], abs=0.002)


def test_a_layer_is_the_output_of_its_stage_averaged_over_positions(stored, study, dataset):
    network = study["resnet/seed1"].model.network
    means = {}
    hooks = [
        getattr(network, name).register_forward_hook(
            lambda _, __, output, name=name: means.update({name: output.mean((2, 3)).clone()})
        )
        for name in network.stage_names
    ]
    network(to_float(torch.from_numpy(dataset.h5["fit/images"][:])))
    for hook in hooks:
        hook.remove()
    assert list(means) == ["stem", "stage1", "stage2"]
    for name, expected in means.items():
        np.testing.assert_allclose(stored[f"fit/{name}"], expected, atol=1e-5)


def test_a_layer_is_stored_as_it_was_before_the_next_stage_changed_it(study, dataset, tmp_path):
    stages = OrderedDict(
        stage1=nn.Conv2d(1, 3, 3), stage2=nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3))
    )
    network = Classifier(stages, in_channels=1, representation_width=4, num_classes=10).eval()
    model = TrainedModel(network.requires_grad_(False), study["vgg/seed0"].model.record)
    with dumped(tmp_path / "a.h5", model, dataset) as file:
        first = network.stage1(to_float(torch.from_numpy(dataset.h5["test/images"][:])))
        assert (first < 0).any()
        np.testing.assert_allclose(file["test/stage1"], first.mean((2, 3)), atol=1e-6)


def test_only_the_layers_asked_for_are_stored_in_order_and_always_the_representation(
    study, dataset, tmp_path
):
    resnet, vgg = study["resnet/seed0"].model, study["vgg/seed0"].model
    for model, asked, expected in (
        (resnet, ["stage2", "stem", "stage9"], ["stem", "stage2", "penultimate"]),
        (vgg, ["stage2", "stem"], ["stage2", "penultimate"]),
        (vgg, [], ["penultimate"]),
    ):
        with dumped(tmp_path / "a.h5", model, dataset, asked) as file:
            assert list(file.attrs["layers"]) == expected
            assert set(file["test"]) == {"ids", "labels", "logits", *expected}


@pytest.mark.parametrize("seed", [0, 1])
def test_untrained_rows_are_those_of_a_network_built_anew_from_the_seed(study, dataset, seed):
    files = study[f"resnet/seed{seed}"]
    network = build("resnet", files.model.record["kwargs"], 1, 10, seed=seed).eval()
    network.set_normalisation(dataset.h5.attrs["mean"], dataset.h5.attrs["std"])
    with h5py.File(files.activations) as file, torch.no_grad():
        for split in ("fit", "test"):
            expected = network.represent(to_float(torch.from_numpy(dataset.h5[split]["images"][:])))
            np.testing.assert_allclose(file[f"untrained/{split}"], expected, atol=1e-5)
            assert not np.allclose(file[f"{split}/penultimate"], expected, atol=0.1)


def test_batch_norm_of_an_untrained_network_is_set_on_the_fit_images(study, dataset, stored):
    model = study["resnet/seed1"].model
    network = build("resnet", model.record["kwargs"], 1, 10, seed=1)
    network.set_normalisation(dataset.h5.attrs["mean"], dataset.h5.attrs["std"])
    fit, test = (to_float(torch.from_numpy(dataset.h5[f"{s}/images"][:])) for s in ("fit", "test"))
    batches = DataLoader(fit, batch_size=100)  # the study's are of at most 128 of 200 images
    update_bn(batches, network)
    network.eval()
    with torch.no_grad():
        for split, images in (("fit", fit), ("test", test)):
            found = stored[f"untrained_batch_norm/{split}"]
            np.testing.assert_allclose(found, network.represent(images), atol=1e-5)
            assert not np.allclose(found, stored[f"untrained/{split}"], atol=0.1)


def test_the_fit_split_ends_at_the_first_fit_samples_and_the_test_split_is_whole(
    study, dataset, stored, tmp_path
):
    model = study["resnet/seed1"].model
    with dumped(tmp_path / "a.h5", model, dataset, fit_samples=50) as file:
        for name in ("ids", "labels", "penultimate", "stem", "logits"):
            np.testing.assert_allclose(file["fit"][name], stored["fit"][name][:50], atol=1e-5)
        np.testing.assert_allclose(file["untrained/fit"], stored["untrained/fit"][:50], atol=1e-5)
        assert len(file["test/ids"]) == len(file["untrained/test"]) == len(dataset.h5["test/ids"])
    with dumped(tmp_path / "a.h5", model, dataset, fit_samples=10**6) as file:
        assert len(file["fit/ids"]) == 200


def test_without_a_split_of_its_own_maps_are_fit_on_the_training_images(study, tmp_path):
    settings = {"name": "digits", "fit_samples": 0, "train_samples": 100}
    prepare_data(tmp_path / "data.h5", settings=settings)
    model = study["vgg/seed0"].model
    with (
        Dataset(tmp_path / "data.h5") as dataset,
        dumped(tmp_path / "a.h5", model, dataset, fit_samples=60) as file,
    ):
        assert file.attrs["fit_images"] == "train"
        np.testing.assert_array_equal(file["fit/ids"], dataset.h5["train/ids"][:60])


def test_reading_and_computing_in_pieces_changes_nothing(
    study, dataset, stored, tmp_path, monkeypatch
):
    monkeypatch.setattr("repcompare.storage.hdf5.ROWS_PER_READ", 37)
    with dumped(tmp_path / "a.h5", study["resnet/seed1"].model, dataset) as pieces:
        for name in ("fit/penultimate", "test/stage1", "test/logits", "untrained/test"):
            np.testing.assert_allclose(pieces[name], stored[name], atol=1e-5)
