"""Real networks compared by their input features: with themselves, their twins, and each other."""

import copy
import dataclasses

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from unit.support.small_study import ATTACKS, COMPUTATION, FEATURES, block_files, evaluated

from repcompare.data.dataset_file import Dataset
from repcompare.features.gradients import margin_gradients
from repcompare.features.measures import similarity
from repcompare.networks.inference import to_float
from repcompare.networks.models import TrainedModel, untrained
from repcompare.stages.attack import attack_model
from repcompare.stages.compare_features import feature_rows
from repcompare.stages.dump_activations import store_activations
from repcompare.stages.extract_features import store_features
from repcompare.storage.files import MismatchError
from repcompare.tables.files import read_table, write_table
from repcompare.transfer.evaluation_file import Evaluation

KEYS = ["model_a", "model_b", "measure", "condition"]


def compared(models, dataset, path) -> pd.DataFrame:
    evaluation = evaluated(path.with_name("evaluation.h5"), models, dataset)
    with block_files(models) as files, Evaluation(evaluation) as seen:
        rows = feature_rows(files, seen, dataset)
    write_table(path, "blocks/features", rows)
    return read_table(path).set_index(KEYS)


@pytest.fixture(scope="module")
def block(study, dataset_path, tmp_path_factory):
    models = [study[name] for name in ("resnet/seed0", "resnet/seed1")]
    with Dataset(dataset_path) as dataset:
        return compared(models, dataset, tmp_path_factory.mktemp("block") / "features.csv")


@pytest.fixture
def twin(study, dataset, tmp_path):
    """Make a model of another name that computes what `change` makes of resnet/seed0."""

    def make(change):
        original = study["resnet/seed0"]
        network = change(copy.deepcopy(original.model.network))
        record = original.model.record | {"model": "twin/seed0", "architecture": "twin"}
        files = copy.copy(original)
        files.model = TrainedModel(network, record)
        files.activations, files.features = tmp_path / "activations.h5", tmp_path / "features.h5"
        store_activations(files.activations, files.model, dataset, ["penultimate"], None, 128)
        store_features(files.features, files.model, dataset, FEATURES)
        return original, files

    return make


def values_of(models, dataset, path):
    table = compared(models, dataset, path).reset_index()
    return table.groupby(["measure", "condition"], sort=False)["value"].mean()


def test_a_network_shares_everything_with_itself(twin, dataset, tmp_path):
    found = values_of(twin(lambda network: network), dataset, tmp_path / "features.csv")
    for measure in ("gradient_alignment", "perturbation_agreement", "mistake_agreement"):
        assert found[measure].to_numpy() == pytest.approx(1)
    assert found["unit_matching"].item() > 0.99
    assert found["inverted_cka"].to_numpy() == pytest.approx(1, abs=1e-4)
    # An inverted image is not quite represented as the image is.
    assert (found["stir"] > 0.95).all()


def test_a_rotation_of_the_representation_changes_only_what_units_mean(twin, dataset, tmp_path):
    def rotated(network):
        width = network.representation_width
        rotation = torch.linalg.qr(
            torch.randn(width, width, generator=torch.Generator().manual_seed(0))
        )[0]
        represent = torch.nn.Linear(width, width, bias=False).requires_grad_(False)
        represent.weight.copy_(rotation)
        network.penultimate.append(represent)
        network.classifier.weight.copy_(network.classifier.weight @ rotation.T)
        return network

    found = values_of(twin(rotated), dataset, tmp_path / "features.csv")
    assert found["gradient_alignment"].item() == pytest.approx(1, abs=1e-4)
    assert (found["stir"] > 0.95).all()
    assert found["inverted_cka"].to_numpy() == pytest.approx(1, abs=1e-3)
    assert found["unit_matching"].item() < 0.9


@pytest.mark.slow
def test_an_untrained_twin_shares_far_less(study, twin, dataset, tmp_path):
    initial = untrained(study["resnet/seed0"].model)
    found = values_of(twin(lambda _: initial), dataset, tmp_path / "features.csv")
    # It classifies few images correctly, so that some measures may be undefined.
    assert not found["gradient_alignment"].item() > 0.2
    assert found["unit_matching"].item() < 0.9


def test_every_pair_measure_and_condition_has_a_row(block):
    balls = ["linf 32/255", "l2 1"]
    symmetric = [("gradient_alignment", ""), ("unit_matching", "")]
    symmetric += [(m, b) for m in ("perturbation_agreement", "mistake_agreement") for b in balls]
    directed = [(m, s) for m in ("stir", "inverted_cka") for s in ("noise", "image")]
    names = ("resnet/seed0", "resnet/seed1")
    expected = {(*names, *row) for row in symmetric + directed}
    expected |= {(*names[::-1], *row) for row in directed}
    assert set(block.index) == expected
    assert not block.index.duplicated().any()


def test_two_trainings_share_more_than_the_nulls_and_less_than_everything(block):
    for measure in ("gradient_alignment", "perturbation_agreement", "unit_matching", "stir"):
        rows = block.xs(measure, level="measure")
        assert (rows["value"] > rows["null"] + 0.05).all()
        assert (rows["value"] < 0.99).all()
        assert (rows["low"] < rows["value"]).all()


def test_alignment_is_of_the_gradients_of_images_that_both_classify_correctly(
    study, dataset, block
):
    first, second = (study[name].model.network for name in ("resnet/seed0", "resnet/seed1"))
    labels = torch.from_numpy(dataset.h5["test/labels"][: FEATURES.samples])
    gradients, correct = [], True
    for network in (first, second):
        leaf = (
            torch.from_numpy(dataset.h5["test/images"][: FEATURES.samples]) / 255
        ).requires_grad_()
        logits = network(leaf)
        others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
        margin = (logits.gather(1, labels[:, None])[:, 0] - others).sum()
        gradients.append(torch.autograd.grad(margin, leaf)[0].flatten(1))
        correct = correct & (logits.argmax(1) == labels)
    cosines = torch.nn.functional.cosine_similarity(*gradients)[correct]
    row = block.loc[("resnet/seed0", "resnet/seed1", "gradient_alignment", "")]
    assert row["n"] == correct.sum() < FEATURES.samples
    assert row["value"] == pytest.approx(cosines.mean().item(), abs=1e-3)


def test_a_network_is_shown_the_inversions_of_the_other_that_converged(study, block):
    with block_files([study[name] for name in ("resnet/seed0", "resnet/seed1")]) as files:
        inverted, other = (of_model.features.h5 for of_model in files)
        labels = inverted["labels"][:]
        both = (inverted["prediction"][:] == labels) & (other["prediction"][:] == labels)
        assert not both.all()
        left_out = 0
        for start in ("noise", "image"):
            group = inverted[f"inversion/{start}"]
            # Those of both networks, so that both directions are of the same images.
            back = other[f"inversion/{start}/residual"][:]
            chosen = both & (group["residual"][:] <= FEATURES.tolerance)
            left_out += int((back[chosen] > FEATURES.tolerance).sum())
            chosen &= back <= FEATURES.tolerance
            images = to_float(torch.from_numpy(group["images"][:][chosen]))
            seen = study["resnet/seed1"].model.network.represent(images).numpy()
            for measure, beside in (
                ("stir", other["representation"][:][chosen]),
                ("inverted_cka", group["representation"][:][chosen]),
            ):
                row = block.loc[("resnet/seed0", "resnet/seed1", measure, start)]
                expected = similarity(beside, seen, labels[chosen], 0)
                assert row["value"] == pytest.approx(expected.value, abs=1e-3)
                assert (row["n"], row["dropped"]) == (chosen.sum(), both.sum() - chosen.sum())
        assert left_out


def test_mistakes_are_those_on_images_that_both_classified_correctly(study, block):
    with block_files([study[name] for name in ("resnet/seed0", "resnet/seed1")]) as files:
        a, b = (of_model.adversarial.h5 for of_model in files)
        labels = a["labels"][:]
        both = (a["clean_prediction"][:] == labels) & (b["clean_prediction"][:] == labels)
        assert not both.all()
        one, other = (file["attacks/pgd-linf-32_255/prediction"][:] for file in (a, b))
        fooled = both & (one != labels) & (other != labels)
        row = block.loc[("resnet/seed0", "resnet/seed1", "mistake_agreement", "linf 32/255")]
        assert row["value"] == pytest.approx(np.mean(one[fooled] == other[fooled]))
        assert (row["n"], row["dropped"]) == (fooled.sum(), both.sum() - fooled.sum())


@pytest.mark.slow
def test_inversions_that_failed_are_dropped_and_counted(study, dataset, tmp_path):
    models = []
    for name in ("resnet/seed0", "vgg/seed0"):
        files = copy.copy(study[name])
        files.features = tmp_path / f"{name.split('/')[0]}.h5"
        strict = dataclasses.replace(FEATURES, tolerance=1e-6)
        store_features(files.features, files.model, dataset, strict)
        models.append(files)
    rows = compared(models, dataset, tmp_path / "features.csv").query("measure == 'stir'")
    assert (rows["n"] == 0).all()
    assert (rows["dropped"] > 60).all()
    assert rows["value"].isna().all()
    assert (rows["note"] == "fewer than four inverted images").all()


def test_the_gradient_of_a_linear_model_is_the_difference_of_its_weights():
    weight = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    images = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 1, 2, 0, 1])
    logits, gradient = margin_gradients(lambda x: x.flatten(1) @ weight.T, images, labels)
    best = logits.scatter(1, labels[:, None], -torch.inf).argmax(1)
    torch.testing.assert_close(gradient.flatten(1), weight[labels] - weight[best])


def test_files_of_other_weights_are_refused(study, dataset, tmp_path):
    models = [copy.copy(study[name]) for name in ("resnet/seed0", "resnet/seed1")]
    models[0].features = study["resnet/seed1"].features
    with pytest.raises(MismatchError, match="made from other weights of resnet/seed1"):
        compared(models, dataset, tmp_path / "features.csv")


def test_the_file_of_features_holds_what_it_says(study, dataset):
    with h5py.File(study["vgg/seed0"].features) as file:
        np.testing.assert_array_equal(file["ids"], dataset.h5["test/ids"][: FEATURES.samples])
        assert file["gradient"].shape == (FEATURES.samples, *dataset.image_shape)
        largest = np.abs(file["gradient"]).max(axis=(1, 2, 3))
        assert set(largest) == {1}
        represent = study["vgg/seed0"].model.network.represent
        for start in ("noise", "image"):
            group = file[f"inversion/{start}"]
            stored = represent(to_float(torch.from_numpy(group["images"][:])))
            np.testing.assert_allclose(group["representation"], stored, atol=1e-4)
            distance = np.linalg.norm(
                group["representation"][:] - file["representation"][:], axis=1
            )
            aimed = file["representation"][:]
            length = np.linalg.norm(aimed - aimed.mean(axis=0), axis=1)
            np.testing.assert_allclose(group["residual"], distance / length, atol=1e-3)
            assert np.median(group["residual"]) < FEATURES.tolerance
        assert not np.any(file["inversion/image/start"][:] == file["ids"][:])


def test_perturbations_agree_by_nothing_but_the_networks(study, dataset, tmp_path):
    """Pixels that can move only one way would lift the agreement, and its null, of all pairs."""
    models = [study[name] for name in ("resnet/seed0", "vgg/seed0")]
    found = compared(models, dataset, tmp_path / "features.csv").xs(
        "perturbation_agreement", level=2
    )
    assert (found["null"].abs() < 0.05).all()
    assert (found["value"] > found["null"] + 0.1).all()


def test_perturbations_that_are_not_rounded_agree_as_the_rounded_ones_do(study, dataset, tmp_path):
    names, values = ("resnet/seed0", "resnet/seed1"), []
    for quantise in (True, False):
        how, models = dataclasses.replace(COMPUTATION, quantise=quantise), []
        for name in names:
            models.append(copy.copy(study[name]))
            models[-1].adversarial = tmp_path / f"{name.replace('/', '-')}-{quantise}.h5"
            attack_model(models[-1].adversarial, study[name].model, dataset, 60, ATTACKS, how)
        table = compared(models, dataset, tmp_path / f"{quantise}.csv")
        values.append(table.xs("perturbation_agreement", level=2)["value"])
    assert (values[0] > 0.05).all()
    np.testing.assert_allclose(*values, atol=0.02)
