"""What happened to each image is read as the summary counts it, and resampled as one sample."""

import h5py
import numpy as np
import pandas as pd
import pytest
from unit.support.synthetic_tables import outcomes, tables

from repcompare.findings.model_matrices import Models, pair_logits
from repcompare.storage.files import MismatchError
from repcompare.tables.transfer import transfer_tables
from repcompare.transfer.outcomes import ImageOutcomes, read_outcomes
from repcompare.transfer.reference import Strength

LINF = Strength("linf", 32 / 255, "32/255")
EIGHT = Strength("linf", 8 / 255, "8/255")


def test_outcomes_add_up_to_the_rates_of_the_table(files):
    names = ["resnet/seed0", "resnet/seed1", "vgg/seed0"]
    found = read_outcomes(files["evaluations"], names, LINF)
    table = pd.concat(transfer_tables(files["evaluations"], files["adversarial"]))
    rates = table[
        (table["attack"] == "pgd")
        & (table["epsilon_label"] == "32/255")
        & (table["denominator"] == "both_correct")
    ].set_index(["source", "target"])
    assert len(found.rows) == len(rates) == 6
    for place in range(6):
        row = rates.loc[(names[found.rows[place]], names[found.columns[place]])]
        assert found.counted[place].sum() == row["n"]
        assert found.fooled[place].sum() == round(row["n"] * row["fooled"])
    assert found.fooled.any()
    assert not (found.fooled & ~found.counted).any()


def test_only_the_models_asked_for_are_read_in_their_order(files):
    names = ["vgg/seed0", "resnet/seed1"]
    every = read_outcomes(files["evaluations"], ["resnet/seed0", "resnet/seed1", "vgg/seed0"], LINF)
    found = read_outcomes(files["evaluations"], names, LINF)
    assert sorted(zip(found.rows, found.columns, strict=True)) == [(0, 1), (1, 0)]
    there = np.flatnonzero((every.rows == 2) & (every.columns == 1))[0]
    mine = np.flatnonzero(found.rows == 0)[0]
    assert np.array_equal(found.fooled[mine], every.fooled[there])


def test_blocks_that_attack_other_images_are_refused(files, tmp_path):
    other = tmp_path / "evaluation.h5"
    other.write_bytes(files["evaluations"][0].read_bytes())
    with h5py.File(other, "r+") as file:
        file["ids"][0] += 1
    with pytest.raises(MismatchError, match="hold different images"):
        read_outcomes([files["evaluations"][1], other], ["resnet/seed0"], LINF)


def test_every_image_once_gives_the_logits_of_the_table():
    study = tables(3, 2)
    models = Models.of(study["models"])
    found = outcomes(study, EIGHT, models.names).logits(np.ones((1, 1000), np.float32), 6)
    expected = pair_logits(models, study["transfer"], EIGHT)
    assert np.isnan(np.diag(found[0])).all()
    assert found[0] == pytest.approx(expected, nan_ok=True)


def test_an_image_counts_as_often_as_it_is_drawn_and_a_pair_without_one_has_no_rate():
    pair = np.array([0]), np.array([1])
    one = ImageOutcomes(*pair, np.array([[1, 1, 0]], bool), np.array([[1, 0, 0]], bool))
    weights = np.array([[3, 1, 0], [0, 0, 3]], np.float32)
    logits = one.logits(weights, 2)
    assert logits[0, 0, 1] == pytest.approx(np.log(3.5 / 1.5))
    assert np.isnan(logits[1, 0, 1])
