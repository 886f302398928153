"""The study's tables are joined from its files, and refuse files of another run."""

import gc
import shutil
import weakref
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from unit.support.resealed import resealed
from unit.support.small_study import ATTACKS, FAMILIES, JOINED, LAYERS, SEARCH

from repcompare.stages import summarise
from repcompare.storage.files import MismatchError, read_json, write_json
from repcompare.tables import summary
from repcompare.tables.attacks import attacks_table, growth_table, steps_table
from repcompare.tables.files import read_table, write_table
from repcompare.tables.geometry import retraining_means, with_retraining_references
from repcompare.tables.schema import TABLES
from repcompare.tables.transfer import transfer_tables
from repcompare.vocabulary import DENOMINATORS


def block_tables(files, kind) -> list[pd.DataFrame]:
    """The tables of one kind, as the summary reads them."""
    current = summary.activation_digests(files["activations"])
    return list(summary.checked_tables(files[kind], current))


@pytest.fixture(scope="module")
def tables(files):
    blocks = {kind: block_tables(files, kind) for kind in JOINED}
    means = retraining_means(blocks["geometry"])
    blocks["geometry"] = [with_retraining_references(block, means) for block in blocks["geometry"]]
    blocks["class_accuracies"] = list(map(summary.class_table, blocks["class_accuracies"]))
    blocks["transfer"] = list(transfer_tables(files["evaluations"], files["adversarial"]))
    blocks["features"] = list(map(read_table, files["features"]))
    names = {"maps": "scores", "geometry": "geometry"}
    names |= {"transfer": "transfer", "features": "features"}
    parts = [
        {name: blocks[kind][place] for name, kind in names.items()}
        for place in range(len(blocks["scores"]))
    ]
    found = {kind: pd.concat(parts, ignore_index=True) for kind, parts in blocks.items()}
    return found | {
        "models": summary.models_table(files["record"], found["layers"]),
        "attacks": attacks_table(files["adversarial"]),
        "pairs": summary.pairs_table(list(map(summary.pair_rows, parts))),
    }


def test_models_have_their_record_and_their_validity(tables):
    models = tables["models"].set_index("model")
    assert list(models.index) == ["resnet/seed0", "resnet/seed1", "vgg/seed0"]
    assert models["epochs"].eq(10).all()
    assert (models["effective_rank"] > 1).all()
    assert (models["effective_rank"] <= models["representation_width"]).all()
    layers = tables["layers"].query("layer == 'penultimate'").set_index("model")
    for column in ("n_over_d", "effective_rank", "dead_units"):
        pd.testing.assert_series_equal(models[column], layers[column])


def test_joined_tables_have_the_rows_of_every_file_and_no_digest(files, tables):
    for kind in JOINED:
        joined = pd.concat(block_tables(files, kind))
        assert len(joined) == sum(len(read_table(path)) for path in files[kind])
        assert not [column for column in joined if "digest" in column]
    assert list(tables["layers"].query("model == 'resnet/seed0'")["layer"]) == LAYERS
    assert tables["controls"].groupby("model").size().eq(3 * len(FAMILIES)).all()


def test_every_ordered_pair_condition_and_denominator_has_a_row(tables):
    conditions = sum(len(attack.balls) for attack in ATTACKS)
    assert len(tables["transfer"]) == 6 * conditions * len(DENOMINATORS)
    assert len(tables["pairs"]) == 6
    assert tables["pairs"]["same_architecture"].sum() == 2


def test_an_ordered_pair_has_one_row_with_every_measure_and_family_of_its_own(tables):
    pairs, geometry, maps = (tables[name] for name in ("pairs", "geometry", "scores"))
    assert not pairs.duplicated(["source", "target"]).any()
    assert (pairs["source"] != pairs["target"]).all()
    top = geometry[(geometry["layer_a"] == "penultimate") & (geometry["layer_b"] == "penultimate")]
    known = {
        tuple(row[:3]): row[3] for row in top[["model_a", "model_b", "measure", "value"]].values
    }
    for _, row in pairs.iterrows():
        there = row["source"], row["target"]
        for measure in ("cka", "procrustes", "disagreement"):
            assert row[measure] == known.get((*there, measure), known.get((*there[::-1], measure)))
        assert row["pwcca"] == known[(*there, "pwcca")] != known[(*there[::-1], "pwcca")]
        own = maps[(maps["source"] == there[0]) & (maps["target"] == there[1])]
        for family, r2 in zip(own["family"], own["r2_test"], strict=True):
            assert row[f"r2_test_{family}"] == r2


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


def test_the_path_of_each_search_and_its_growth_have_tables_of_their_own(files):
    steps = steps_table(files["adversarial"])
    growth = growth_table(files["adversarial"])
    assert len(steps) == 3 * 2 * SEARCH.steps
    assert set(steps["attack"]) == {"pgd"}
    with h5py.File(files["adversarial"][1]) as file:
        of_model = "model == '{}' and norm == 'l2'".format(file.attrs["model"])
        stored = file["attacks/pgd-l2-1/objective"][:].mean(0)
        reached = file["growth/l2/success_rate"][:]
    own = steps.query(of_model).set_index("step")["objective"]
    np.testing.assert_allclose(own.loc[range(SEARCH.steps)], stored, rtol=1e-6)
    own = growth.query(of_model)
    np.testing.assert_array_equal(own["success_rate"], reached)


def test_disagreement_is_that_of_the_stored_logits(files, tables):
    with h5py.File(files["activations"][0]) as one, h5py.File(files["activations"][2]) as other:
        expected = np.mean(
            np.argmax(one["test/logits"][:], 1) != np.argmax(other["test/logits"][:], 1)
        )
    pairs = tables["pairs"].set_index(["source", "target"])
    assert pairs.loc[("resnet/seed0", "vgg/seed0"), "disagreement"] == pytest.approx(expected)


def geometry_of(*rows) -> pd.DataFrame:
    """Rows of geometry.csv: architectures, layers, measure and value."""
    columns = ["architecture_a", "architecture_b", "layer_a", "layer_b", "measure", "value"]
    return pd.DataFrame(rows, columns=columns).assign(null=0.0, class_null=0.1, n=9, note="")


def references_of(geometry) -> pd.DataFrame:
    """The rows of a study, given a reference."""
    return with_retraining_references(geometry, retraining_means([geometry]))


TOP = ("penultimate", "penultimate")


def test_a_retraining_reference_is_the_mean_of_what_retraining_leaves_of_both_architectures():
    table = geometry_of(
        ("a", "a", *TOP, "cka", 0.8),
        ("a", "a", *TOP, "cka", 0.9),
        ("a", "a", *TOP, "cca", 0.2),
        ("a", "a", "stem", "stem", "cka", 0.1),
        ("b", "b", *TOP, "cka", 0.5),
        ("a", "b", *TOP, "cka", 0.4),
        ("b", "a", *TOP, "cka", 0.3),
    )
    found = references_of(table)
    assert found["retraining_reference"].to_list() == pytest.approx(
        [0.85, 0.85, 0.2, 0.1, 0.5, 0.675, 0.675]
    )
    assert list(found.columns[6:9]) == ["null", "class_null", "retraining_reference"]
    assert (found["note"] == "").all()
    pd.testing.assert_frame_equal(found.drop(columns="retraining_reference"), table)


def test_an_architecture_with_one_seed_has_no_retraining_reference_and_the_note_says_so():
    table = geometry_of(
        ("a", "a", *TOP, "cka", 0.8), ("a", "b", *TOP, "cka", 0.4), ("a", "b", *TOP, "cca", np.nan)
    )
    table["note"] = ["", "rank 3", "undefined"]
    found = references_of(table)
    assert found["retraining_reference"].to_list() == pytest.approx(
        [0.8, np.nan, np.nan], nan_ok=True
    )
    one_seed = "rank 3; no retraining reference: an architecture has one seed"
    assert found["note"].to_list() == ["", one_seed, "undefined"]


def test_different_layers_have_no_retraining_reference_however_many_seeds_there_are():
    table = geometry_of(
        ("a", "a", *TOP, "cka_debiased", 0.8),
        ("a", "a", "stem", "stage1", "cka_debiased", 0.4),
    )
    found = references_of(table)
    assert found["retraining_reference"].to_list() == pytest.approx([0.8, np.nan], nan_ok=True)
    assert found["note"].to_list() == ["", "no retraining reference between different layers"]


def test_references_of_a_study_are_there_where_both_architectures_have_two_seeds(tables):
    geometry = tables["geometry"]
    own = (geometry["architecture_b"] == "resnet") & (geometry["architecture_a"] == "resnet")
    own &= geometry["layer_a"] == geometry["layer_b"]
    assert geometry.loc[own, "retraining_reference"].notna().all()
    assert geometry.loc[~own, "retraining_reference"].isna().all()
    assert (geometry.loc[~own, "note"] != "").all()


def test_accuracies_by_class_are_averaged_over_the_pairs_of_two_architectures(files, tables):
    keys = ["source_architecture", "target_architecture", "family", "label"]
    found = tables["class_accuracies"].set_index(keys)
    assert len(found) == 3 * len(FAMILIES) * 10
    rows = read_table(files["class_accuracies"][1])
    rows = rows.query("source == 'vgg/seed0' and family == 'ridge' and label == 3")
    assert len(rows) == 2
    for column in ("stitched_accuracy", "target_accuracy"):
        mean = found.loc[("vgg", "resnet", "ridge", 3), column]
        assert mean == pytest.approx(rows[column].mean())


def test_tables_survive_being_written_and_read(tables, tmp_path):
    for kind, table in tables.items():
        name = {"scores": "maps"}.get(kind, kind)
        write_table(tmp_path / f"{name}.csv", name, table)
        again = read_table(tmp_path / f"{name}.csv")
        assert list(again.columns) == list(table.columns)
        assert len(again) == len(table)
    assert read_table(tmp_path / "geometry.csv")["flag"].str.contains("^$|below 10").all()
    numbers = tables["pairs"].select_dtypes("number")
    again = read_table(tmp_path / "pairs.csv")[numbers.columns]
    pd.testing.assert_frame_equal(again, numbers)


def summarised(files, folder, blocks) -> None:
    """The summary written to `folder`, the block of two architectures given so often."""
    names = {"records": "record", "maps": "scores"}
    kinds = (*summarise.PAIRED.values(), "class_accuracies", "convergence")
    block = Path(files["scores"][1]).parent
    copies = [shutil.copytree(block, folder / f"block{copy}") for copy in range(blocks)]
    given = {}
    for kind in kinds:
        first, other = files[names.get(kind, kind)]
        given[kind] = [first, *(copy / Path(other).name for copy in copies)]
    for name in ("records", "activations", "adversarial", "layers", "controls"):
        given[name] = files[names.get(name, name)]
    wanted = [name for name in TABLES if "/" not in name and name not in ("findings", "nonrobust")]
    summarise.summarise({name: folder / f"{name}.csv" for name in wanted}, files=given)


@pytest.mark.slow
def test_the_summary_holds_the_tables_of_one_block_and_of_the_one_before(
    files, tmp_path, monkeypatch
):
    read, most = [], 0

    def watched(function):
        def tables(*arguments):
            nonlocal most
            mine = []
            for table in function(*arguments):
                gc.collect()
                most = max(most, sum(seen() is not None for seen in mine))
                mine.append(weakref.ref(table))
                read.append(function.__name__)
                yield table
                del table

        return tables

    monkeypatch.setattr(summarise, "transfer_tables", watched(summarise.transfer_tables))
    monkeypatch.setattr(summarise, "checked_tables", watched(summarise.checked_tables))
    summarised(files, tmp_path, blocks=6)
    assert read.count("transfer_tables") == 7
    # Those of models, then of blocks: maps, geometry, its convergence and class accuracies.
    assert read.count("checked_tables") == 2 * 3 + 4 * 7
    assert most <= 2


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        ("scores", "source_digest"),
        ("scores", "target_digest"),
        ("geometry", "digest_a"),
        ("geometry", "digest_b"),
        ("layers", "digest"),
        ("controls", "digest"),
    ],
)
def test_a_table_of_other_activations_is_refused(files, tmp_path, kind, digest):
    table = pd.read_csv(files[kind][0])
    table.loc[len(table) - 1, digest] = "other"
    table.to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(MismatchError, match=r"table\.csv has 'other' but .*activations\.h5"):
        block_tables({**files, kind: [tmp_path / "table.csv"]}, kind)


def test_a_block_of_other_adversarial_images_is_refused(files, tmp_path):
    path = tmp_path / "evaluation.h5"
    path.write_bytes(files["evaluations"][0].read_bytes())
    with resealed(path) as file:
        file.attrs["adversarial_digests"] = ["other", "other"]
    with pytest.raises(MismatchError, match="adversarial images of resnet/seed0"):
        next(transfer_tables([path], files["adversarial"]))


def test_what_was_trained_on_the_images_of_other_weights_is_refused(files, tmp_path):
    record = read_json(files["record"][0])
    written = {"source": record["model"], "source_digest": record["model_digest"]}
    given = {"records": files["record"], "nonrobust": [tmp_path / "trained.json"]}
    write_json(tmp_path / "trained.json", written)
    summary.require_one_study(given)
    write_json(tmp_path / "trained.json", written | {"source_digest": "other"})
    with pytest.raises(MismatchError, match=r"weights of .*trained\.json"):
        summary.require_one_study(given)
