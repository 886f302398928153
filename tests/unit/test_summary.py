"""The study's tables are joined from its files, and refuse files of another run."""

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import CONDITIONS

from repcompare import summary
from repcompare.blocks import ordered_pairs
from repcompare.compare import compare_block
from repcompare.storage import MismatchError
from repcompare.tables import read_table, write_table
from repcompare.transfer import evaluate_transfer
from repcompare.transfer_rates import DENOMINATORS

BLOCKS = [["resnet/seed0", "resnet/seed1"], ["resnet/seed0", "resnet/seed1", "vgg/seed0"]]


@pytest.fixture(scope="module")
def files(study, tmp_path_factory):
    """The files of both blocks of the three models."""
    made = {"maps": [], "geometry": [], "transfer": []}
    for number, names in enumerate(BLOCKS):
        folder = tmp_path_factory.mktemp(f"block{number}")
        members = [study[name] for name in names]
        compare_block(
            [m.activations for m in members],
            folder / "maps.h5", folder / "maps.csv", folder / "geometry.csv",
            ["least_squares", "ridge"], ["cka", "procrustes"], None,
        )  # fmt: skip
        pairs = ordered_pairs([name.split("/")[0] for name in names])
        evaluate_transfer(
            folder / "transfer.h5",
            [m.model for m in members], [m.adversarial for m in members], pairs, 64,
        )  # fmt: skip
        for key, name in (
            ("maps", "maps.csv"),
            ("geometry", "geometry.csv"),
            ("transfer", "transfer.h5"),
        ):
            made[key].append(folder / name)
    for key in ("record", "activations", "adversarial"):
        made[key] = [getattr(member, key) for member in study.values()]
    return made


@pytest.fixture(scope="module")
def tables(files):
    maps = summary.block_table(files["maps"], files["activations"])
    geometry = summary.block_table(files["geometry"], files["activations"])
    transfer = summary.transfer_table(files["transfer"], files["adversarial"])
    disagreement = summary.disagreement_table(files["activations"])
    return {
        "maps": maps,
        "geometry": geometry,
        "transfer": transfer,
        "models": summary.models_table(files["record"], geometry),
        "attacks": summary.attacks_table(files["adversarial"]),
        "pairs": summary.pairs_table(maps, geometry, transfer, disagreement),
    }


def test_models_have_their_record_and_their_validity(tables):
    models = tables["models"].set_index("model")
    assert list(models.index) == ["resnet/seed0", "resnet/seed1", "vgg/seed0"]
    assert models["epochs"].eq(10).all()
    assert (models["effective_rank"] > 1).all()
    assert (models["effective_rank"] <= models["representation_width"]).all()


def test_every_ordered_pair_condition_and_denominator_has_a_row(tables):
    assert len(tables["transfer"]) == 6 * len(CONDITIONS) * len(DENOMINATORS)
    assert len(tables["pairs"]) == 6
    assert tables["pairs"]["same_architecture"].sum() == 2


def test_symmetric_measures_stand_in_both_rows_of_a_pair(tables):
    pairs = tables["pairs"].set_index(["source", "target"])
    geometry = tables["geometry"]
    value = geometry.query(
        "model_a == 'resnet/seed1' and model_b == 'vgg/seed0' and measure == 'procrustes'"
    )["value"].item()
    assert pairs.loc[("resnet/seed1", "vgg/seed0"), "procrustes"] == value
    assert pairs.loc[("vgg/seed0", "resnet/seed1"), "procrustes"] == value
    assert pairs.loc[("vgg/seed0", "resnet/seed1"), "disagreement"] == pytest.approx(
        pairs.loc[("resnet/seed1", "vgg/seed0"), "disagreement"]
    )


def test_a_pairs_transfer_is_that_of_pgd_over_the_primary_denominator(tables):
    transfer = tables["transfer"]
    row = transfer[
        (transfer["source"] == "vgg/seed0")
        & (transfer["target"] == "resnet/seed0")
        & (transfer["attack"] == "pgd")
        & (transfer["norm"] == "linf")
        & (transfer["denominator"] == "both_correct")
    ]
    pairs = tables["pairs"].set_index(["source", "target"])
    value = pairs.loc[("vgg/seed0", "resnet/seed0"), "transfer_linf_32_255"]
    assert value == row["fooled"].item()


def test_attacks_report_the_largest_stored_perturbation(tables):
    attacks = tables["attacks"]
    linf = attacks[attacks["norm"] == "linf"]
    assert np.allclose(linf["max_linf"], 32 / 255)
    l2 = attacks[attacks["norm"] == "l2"]
    assert (l2["max_l2"] <= 1 + 1e-5).all()
    assert (l2["max_l2"] > 0.9).all()
    pgd = linf[linf["attack"] == "pgd"].set_index("model")["success_rate"]
    noise = linf[linf["attack"] == "noise"].set_index("model")["success_rate"]
    assert (pgd > noise).all()


def test_disagreement_is_that_of_the_stored_logits(files, tables):
    with h5py.File(files["activations"][0]) as one, h5py.File(files["activations"][2]) as other:
        expected = np.mean(
            np.argmax(one["test/logits"][:], 1) != np.argmax(other["test/logits"][:], 1)
        )
    pairs = tables["pairs"].set_index(["source", "target"])
    assert pairs.loc[("resnet/seed0", "vgg/seed0"), "disagreement"] == pytest.approx(expected)


def test_tables_survive_being_written_and_read(tables, tmp_path):
    for name, table in tables.items():
        write_table(tmp_path / f"{name}.csv", table)
        again = read_table(tmp_path / f"{name}.csv")
        assert list(again.columns) == list(table.columns)
        assert len(again) == len(table)
    numbers = tables["pairs"].select_dtypes("number")
    again = read_table(tmp_path / "pairs.csv")[numbers.columns]
    pd.testing.assert_frame_equal(again, numbers)


def test_an_architecture_may_be_called_na(tmp_path):
    write_table(tmp_path / "t.csv", pd.DataFrame({"architecture": ["NA", "null"], "value": [1, 2]}))
    assert list(read_table(tmp_path / "t.csv")["architecture"]) == ["NA", "null"]


def test_a_block_of_other_activations_is_refused(files, tmp_path):
    table = pd.read_csv(files["maps"][0])
    table["source_digest"] = "other"
    table.to_csv(tmp_path / "maps.csv", index=False)
    with pytest.raises(MismatchError, match=r"maps\.csv has 'other' but .*activations\.h5"):
        summary.block_table([tmp_path / "maps.csv"], files["activations"])


def test_a_block_of_other_weights_is_refused(files, tmp_path):
    path = tmp_path / "transfer.h5"
    path.write_bytes(files["transfer"][0].read_bytes())
    with h5py.File(path, "a") as file:
        file.attrs["model_digests"] = ["other", "other"]
    with pytest.raises(MismatchError, match="weights of resnet/seed0"):
        summary.transfer_table([path], files["adversarial"])
