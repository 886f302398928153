"""What a target makes of a source's stored images is what its network says of them."""

import h5py
import numpy as np
import pytest
import torch

from repcompare.networks.inference import margins, to_float
from repcompare.stages.evaluate import compact, store_evaluation
from repcompare.storage.files import MismatchError
from repcompare.study.blocks import ordered_pairs, unordered_pairs
from repcompare.transfer.rates import PairAnswers, rates
from repcompare.vocabulary import DENOMINATORS


def evaluate(path, study, dataset, names, adversarial=(), features=()):
    models = [study[name].model for name in names]
    attacked = [study[name].adversarial for name in adversarial]
    inverted = [study[name].features for name in features]
    pairs = ordered_pairs([name.split("/")[0] for name in names])
    store_evaluation(path, models, attacked, inverted, dataset, pairs, 32)


NAMES = ["resnet/seed0", "resnet/seed1", "vgg/seed0"]


def test_a_block_holds_its_ordered_pairs():
    assert ordered_pairs(["a", "a", "b"]) == [(0, 2), (1, 2), (2, 0), (2, 1)]
    assert ordered_pairs(["a", "a", "a"]) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    assert unordered_pairs(["a", "a", "b"]) == [(0, 2), (1, 2)]


def test_answers_are_the_targets_to_the_sources_images(study, dataset, tmp_path):
    path = tmp_path / "evaluation.h5"
    evaluate(path, study, dataset, NAMES, adversarial=NAMES)
    with h5py.File(path) as file, h5py.File(study["vgg/seed0"].adversarial) as source:
        assert "resnet/seed1" not in file["resnet/seed0"]
        group = file["vgg/seed0/resnet/seed1"]
        labels = source["labels"][:]
        clean = to_float(torch.from_numpy(dataset.h5["test/images"][: len(labels)]))
        answers = study["resnet/seed1"].model.network(clean)
        on_clean = file["clean/resnet/seed1"]
        np.testing.assert_array_equal(on_clean["prediction"], answers.argmax(1))
        own = margins(answers, torch.from_numpy(labels))
        np.testing.assert_allclose(on_clean["margin"], own, atol=1e-3)
        assert list(group) == ["margin", "prediction"]
        for row, condition in enumerate(group.attrs["conditions"]):
            images = to_float(torch.from_numpy(source["attacks"][condition]["images"][:]))
            logits = study["resnet/seed1"].model.network(images).numpy()
            own = logits[np.arange(len(labels)), labels]
            logits_of_others = np.where(np.eye(10, dtype=bool)[labels], -np.inf, logits)
            np.testing.assert_allclose(
                group["margin"][row], own - logits_of_others.max(axis=1), atol=1e-3
            )
            np.testing.assert_array_equal(group["prediction"][row], logits.argmax(axis=1))


def test_a_margin_is_negative_where_the_prediction_is_wrong():
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 1.0, 0.5]])
    assert margins(logits, torch.tensor([0, 2])).tolist() == [1.0, -0.5]


def test_representations_are_the_targets_of_the_sources_inversions(study, dataset, tmp_path):
    path = tmp_path / "evaluation.h5"
    evaluate(path, study, dataset, NAMES, features=NAMES)
    with h5py.File(path) as file, h5py.File(study["vgg/seed0"].features) as source:
        assert "clean" not in file
        group = file["vgg/seed0/resnet/seed1"]
        assert list(group) == ["image", "noise"]
        for start in group:
            images = to_float(torch.from_numpy(source[f"inversion/{start}/images"][:]))
            seen = study["resnet/seed1"].model.network.represent(images)
            centred = (seen - seen.mean(0)).numpy()
            np.testing.assert_allclose(group[start], centred / np.abs(centred).max(), atol=1e-3)


def test_a_unit_that_is_large_and_hardly_varies_keeps_what_varies():
    rng = np.random.default_rng(0)
    representation = rng.normal(size=(50, 8)).astype(np.float32)
    representation[:, 0] += 3000
    stored = compact(representation).astype(float)
    varying = representation - representation.mean(0, dtype=float)
    assert np.abs(stored * np.abs(varying).max() - varying).max() < 2e-3
    assert (compact(np.full((5, 3), 7.0, np.float32)) == 0).all()


@pytest.mark.parametrize("kind", ["adversarial", "features"])
def test_images_of_other_weights_are_refused(study, dataset, tmp_path, kind):
    path = tmp_path / "evaluation.h5"
    names = ["resnet/seed0", "resnet/seed1"]
    with pytest.raises(MismatchError, match=r"made from other weights of resnet/seed1"):
        evaluate(path, study, dataset, names, **{kind: names[::-1]})
    assert not path.exists()


ANSWERS = PairAnswers(
    labels=np.array([0, 0, 0, 0, 0, 0]),
    all_correct=np.array([True, True, True, False, False, False]),
    source_clean=np.array([0, 0, 0, 0, 1, 0]),
    source_perturbed=np.array([1, 2, 0, 1, 1, 1]),
    target_clean=np.array([0, 0, 0, 0, 0, 1]),
    target_perturbed=np.array([1, 1, 1, 0, 1, 1]),
    target_margin_clean=np.full(6, 2.0),
    target_margin_perturbed=np.array([-1.0, -1.0, -1.0, 1.0, -1.0, -1.0]),
)


@pytest.mark.parametrize(
    ("denominator", "n", "fooled", "same", "drop"),
    [
        ("both_correct", 4, 3 / 4, 1 / 4, 10 / 4),
        ("target_correct", 5, 4 / 5, 2 / 5, 13 / 5),
        ("source_fooled", 3, 2 / 3, 1 / 3, 7 / 3),
        ("all_correct", 3, 1, 1 / 3, 3),
    ],
)
def test_each_denominator_counts_its_images(denominator, n, fooled, same, drop):
    row = rates(ANSWERS, denominator)
    assert row["n"] == n
    assert row["fooled"] == pytest.approx(fooled)
    assert row["same_mistake"] == pytest.approx(same)
    assert row["other_mistake"] == pytest.approx(fooled - same)
    assert row["margin_drop"] == pytest.approx(drop)


@pytest.mark.parametrize("denominator", DENOMINATORS)
def test_a_rate_over_no_images_is_undefined_with_a_reason(denominator):
    nothing = PairAnswers(*(np.array([], dtype=int) for _ in range(8)))
    row = rates(nothing, denominator)
    assert np.isnan(row["fooled"])
    assert row["note"] == f"there are no {DENOMINATORS[denominator]}"
