"""Activations are the network's own, row for row, and consistent with its classifier."""

import h5py
import numpy as np
import pytest
import torch

from repcompare import activations
from repcompare.augmentation import to_float


@pytest.fixture
def stored(study):
    with h5py.File(study["vgg/seed0"].activations) as file:
        yield file


def test_every_split_is_stored_with_the_ids_and_labels_of_the_data(stored, dataset):
    for split in ("train", "fit", "test"):
        for key in ("ids", "labels"):
            np.testing.assert_array_equal(stored[split][key], dataset[split][key])
    assert stored.attrs["fit_split"] == "fit"
    assert stored.attrs["data_digest"] == dataset.attrs["digest"]


def test_rows_are_the_input_and_the_output_of_the_classifier(stored, study, dataset):
    network = study["vgg/seed0"].model.network
    images = to_float(torch.from_numpy(dataset["test/images"][:]))
    group = stored["test"]
    np.testing.assert_allclose(group["representation"], network.represent(images), atol=1e-5)
    np.testing.assert_allclose(group["logits"], network(images), atol=1e-4)
    weight, bias = stored["classifier/weight"][:], stored["classifier/bias"][:]
    by_hand = group["representation"][:] @ weight.T + bias
    np.testing.assert_allclose(by_hand, group["logits"], atol=1e-4)
    accuracy = np.mean(np.argmax(group["logits"], axis=1) == group["labels"][:])
    assert accuracy == pytest.approx(study["vgg/seed0"].model.record["test_accuracy"], abs=0.002)


def test_reading_and_computing_in_pieces_changes_nothing(
    study, dataset, stored, tmp_path, monkeypatch
):
    monkeypatch.setattr(activations, "ROWS_PER_READ", 37)
    path = tmp_path / "activations.h5"
    activations.dump_activations(path, study["vgg/seed0"].model, dataset, 16)
    with h5py.File(path) as pieces:
        np.testing.assert_allclose(
            pieces["train/representation"], stored["train/representation"], atol=1e-5
        )
