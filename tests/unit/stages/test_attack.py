"""The file of a model's adversarial images holds what was verified."""

import dataclasses

import h5py
import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from unit.support.small_study import ATTACKS, COMPUTATION, LINF, SEARCH

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.attacks.balls import BALLS
from repcompare.attacks.pgd import Search
from repcompare.attacks.suite import Attack
from repcompare.networks.inference import margins, to_float
from repcompare.stages.attack import attack_model


@pytest.fixture
def stored(study):
    with h5py.File(study["resnet/seed0"].adversarial) as file:
        yield file


def test_every_attack_is_stored_with_what_it_was(stored, dataset):
    clean = torch.from_numpy(dataset.h5["test/images"][: len(stored["ids"])])
    expected = {attack.group(ball) for attack in ATTACKS for ball in attack.balls}
    assert set(stored["attacks"]) == expected
    for attack in ATTACKS:
        for ball in attack.balls:
            group = stored["attacks"][attack.group(ball)]
            described = {
                key: group.attrs[key] for key in ("attack", "norm", "epsilon", "epsilon_label")
            }
            assert [*described.values()] == [attack.name, ball.norm, ball.epsilon, ball.label]
            images = torch.from_numpy(group["images"][:])
            ball.verify(clean, images)
            change = (images.double() - clean) / 255
            np.testing.assert_allclose(group["linf"], change.abs().amax((1, 2, 3)))
            np.testing.assert_allclose(group["l2"], change.flatten(1).norm(dim=1))
            for key, value in dataclasses.asdict(SEARCH).items():
                assert (group.attrs.get(f"search_{key}") == value) == (attack.search is not None)


def test_losses_margins_and_success_are_those_of_the_stored_images(stored, study):
    network = study["resnet/seed0"].model.network
    labels = torch.from_numpy(stored["labels"][:])
    for group in stored["attacks"].values():
        logits = network(to_float(torch.from_numpy(group["images"][:])))
        near = {"rtol": 1e-3, "atol": 1e-3}
        np.testing.assert_allclose(
            group["loss"], cross_entropy(logits, labels, reduction="none"), **near
        )
        np.testing.assert_allclose(group["margin"], margins(logits, labels), **near)
        np.testing.assert_array_equal(group["prediction"], logits.argmax(1))
        np.testing.assert_array_equal(group["success"], logits.argmax(1) != labels)


def test_success_of_a_targeted_attack_is_to_meet_its_target(study, dataset, tmp_path):
    path = tmp_path / "adversarial.h5"
    search = dataclasses.replace(SEARCH, target="least_likely")
    attacks = [Attack("pgd", search, (LINF,))]
    attack_model(path, study["vgg/seed0"].model, dataset, 60, attacks, COMPUTATION)
    with h5py.File(path) as file:
        group = file["attacks/pgd-linf-32_255"]
        success, prediction = group["success"][:], group["prediction"][:]
        np.testing.assert_array_equal(success, prediction == group["target_class"][:])
        assert not np.any(group["target_class"][:] == file["labels"][:])
        assert 0 < success.mean() < np.mean(prediction != file["labels"][:])


def test_the_path_of_each_search_is_stored_and_noise_has_none(stored):
    for group in stored["attacks"].values():
        assert ("objective" in group) == (group.attrs["attack"] == "pgd")
    group = stored["attacks/pgd-linf-32_255"]
    assert group["objective"].shape == group["zero_gradient"].shape == (100, SEARCH.steps)
    assert np.diff(group["objective"][:].mean(0))[0] > 0


def test_images_stored_batch_by_batch_are_those_of_all_at_once(study, dataset, tmp_path):
    files = []
    for size in (7, 100):
        files.append(tmp_path / f"{size}.h5")
        how = dataclasses.replace(COMPUTATION, batch_size=size)
        attack_model(files[-1], study["vgg/seed0"].model, dataset, 60, ATTACKS, how)
    with h5py.File(files[0]) as one, h5py.File(files[1]) as other:
        for attack in ATTACKS:
            for ball in attack.balls:
                name = f"attacks/{attack.group(ball)}"
                assert one[name].keys() == other[name].keys()
                for key, values in one[name].items():
                    assert values.shape == other[name][key].shape
                    # Convolutions round differently in batches of another size.
                    near = np.isclose(values, other[name][key], rtol=1e-3, atol=1e-3)
                    assert near.mean() > 0.99
        noise = "attacks/noise-linf-32_255/images"
        np.testing.assert_array_equal(one[noise], other[noise])


def test_growth_ends_where_no_image_resists(stored):
    assert set(stored["growth"]) == set(BALLS)
    for norm in BALLS:
        rates = stored[f"growth/{norm}/success_rate"][:]
        assert (np.diff(rates) >= 0).all()
        assert rates[-1] == 1
    correct = stored["clean_prediction"][:] == stored["labels"][:]
    first = stored["attacks/pgd-linf-32_255/success"][:][correct].mean()
    assert stored["growth/linf/success_rate"][0] == pytest.approx(first)


def test_neither_noise_nor_starts_are_shared_by_models(study, dataset, tmp_path):
    """A search that hardly moves ends where it began."""
    resting = [Attack("pgd", Search(steps=1, step_size=1e-6), (LINF,)), ATTACKS[1]]
    for ends in ("pgd-linf-32_255", "noise-linf-32_255"):
        changes = []
        for seed in (0, 1):
            path = tmp_path / f"{seed}.h5"
            attack_model(path, study[f"resnet/seed{seed}"].model, dataset, 60, resting, COMPUTATION)
            with h5py.File(path) as file:
                clean = dataset.h5["test/images"][:60].astype(float)
                grey = (clean > 32) & (clean < 255 - 32)
                changes.append((file[f"attacks/{ends}/images"][:] - clean)[grey])
        assert min(change.std() for change in changes) > 10
        assert abs(np.corrcoef(changes)[0, 1]) < 0.1


def test_images_that_are_not_rounded_are_stored_and_judged_as_they_were_found(
    stored, study, dataset, tmp_path
):
    path, model = tmp_path / "adversarial.h5", study["resnet/seed0"].model
    how = dataclasses.replace(COMPUTATION, quantise=False)
    attack_model(path, model, dataset, 100, ATTACKS, how)
    clean = torch.from_numpy(dataset.h5["test/images"][:100])
    labels = torch.from_numpy(dataset.h5["test/labels"][:100])
    with AdversarialImages(path) as file:
        assert not file.quantised
        for attack in ATTACKS:
            for ball in attack.balls:
                found = file.attacks[attack.group(ball)]
                images = torch.from_numpy(found.images[:])
                assert images.dtype == torch.float32
                ball.verify(clean, images)
                change = images.double() - clean.double() / 255
                np.testing.assert_allclose(found.linf, change.abs().amax((1, 2, 3)), rtol=1e-12)
                np.testing.assert_allclose(found.l2, change.flatten(1).norm(dim=1), rtol=1e-12)
                logits = model.network(images)
                np.testing.assert_array_equal(found.prediction, logits.argmax(1))
                np.testing.assert_array_equal(found.success, logits.argmax(1) != labels)
                # What is rounded is near, and most of it is not the same.
                rounded = stored[f"attacks/{attack.group(ball)}/images"][:]
                levels = found.grey_levels(slice(0, 100))
                assert np.median(np.abs(levels - rounded)) <= 0.5
                if ball.norm == "l2":
                    assert np.mean(levels % 1 > 0) > 0.1
