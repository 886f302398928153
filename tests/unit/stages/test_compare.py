"""The compare stage gives every pair of a block its maps, scores and geometry."""

import itertools
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from unit.support.resealed import resealed
from unit.support.small_study import Compared, compared

from repcompare.geometry import measures
from repcompare.maps.families import FAMILIES
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation
from repcompare.storage.files import MismatchError
from repcompare.tables.files import read_table

ALL = list(FAMILIES)
# cka_debiased is not among them: layers are compared crosswise by it all the same.
MEASURES = ["cka", "procrustes", "pwcca", "disagreement"]
CROSSED = ("resnet/seed1", "vgg/seed0")
STAGES = ["stage1", "stage2", "penultimate"]


def compared_models(folder, study, names, layer_pairs=()) -> Compared:
    """The tables of a block of models of the study, and the path of its maps."""
    activations = [study[name].activations for name in names]
    found = compared(folder, activations, ALL, MEASURES, layer_pairs)
    return Compared(found.maps, *map(read_table, found[1:]))


@pytest.fixture(scope="module")
def block(study, tmp_path_factory):
    return compared_models(tmp_path_factory.mktemp("block"), study, list(study), [CROSSED[::-1]])


def layer(study, name, which) -> np.ndarray:
    with h5py.File(study[name].activations) as file:
        return file[f"test/{which}"][:].astype(np.float64)


def representation(study, name, which) -> Representation:
    predictions = layer(study, name, "logits").argmax(axis=1)
    with h5py.File(study[name].activations) as file:
        return Representation.of(layer(study, name, which), file["test/labels"][:], predictions)


def same_layer(geometry) -> pd.DataFrame:
    return geometry[geometry["layer_a"] == geometry["layer_b"]]


def test_a_block_of_two_architectures_holds_only_pairs_across_them(block):
    pairs = {("resnet/seed0", "vgg/seed0"), ("resnet/seed1", "vgg/seed0")}
    symmetric = block.geometry[block.geometry["measure"] != "pwcca"]
    assert set(zip(symmetric["model_a"], symmetric["model_b"], strict=True)) == pairs
    assert len(block.scores) == 4 * len(ALL)
    assert not block.scores.duplicated(["source", "target", "family"]).any()
    assert (block.scores["source_architecture"] != block.scores["target_architecture"]).all()


def test_every_pair_has_every_measure_of_every_layer_that_both_have(block):
    rows = same_layer(block.geometry)
    assert list(rows["layer_a"].unique()) == ["penultimate", "stage1", "stage2"]
    for pair in ("resnet/seed0", "resnet/seed1"):
        for name in STAGES:
            own = rows[
                (rows["layer_a"] == name) & rows[["model_a", "model_b"]].eq(pair).any(axis=1)
            ]
            # What the models answer is the same at every layer.
            answers = ["disagreement"] if name == "penultimate" else []
            expected = sorted(["cka", "procrustes", "pwcca", "pwcca", *answers])
            assert sorted(own["measure"]) == expected, (pair, name)
    assert (rows["architecture_a"] == rows["model_a"].str.split("/").str[0]).all()
    assert (rows["architecture_b"] == rows["model_b"].str.split("/").str[0]).all()


def test_a_layer_that_both_seeds_have_is_compared_in_their_block(study, tmp_path):
    rows = compared_models(tmp_path, study, ["resnet/seed0", "resnet/seed1"]).geometry
    assert list(rows["layer_a"].unique()) == ["penultimate", "stem", "stage1", "stage2"]
    assert (rows["layer_a"] == rows["layer_b"]).all()


@pytest.mark.parametrize("name", STAGES)
def test_geometry_is_of_the_test_rows_of_the_layer(block, study, name):
    x, y = (layer(study, model, name) for model in CROSSED)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    cross = np.linalg.norm(x.T @ y)
    rows = same_layer(block.geometry)
    rows = rows[(rows["layer_a"] == name) & (rows["model_a"] == CROSSED[0])].set_index("measure")
    expected = cross**2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert rows.loc["cka", "value"] == pytest.approx(expected, rel=1e-6)
    if name == "penultimate":
        own = [layer(study, model, "logits").argmax(axis=1) for model in CROSSED]
        assert rows.loc["disagreement", "value"] == np.mean(own[0] != own[1])
    assert rows.loc["cka", "n"] == 597
    assert (rows["low"] < rows["value"]).all()
    assert (rows["value"] < rows["high"]).all()


@pytest.mark.parametrize("name", STAGES)
def test_a_directed_measure_has_a_row_each_way_under_its_own_models(block, study, name):
    rows = block.geometry.query(f"measure == 'pwcca' and layer_a == '{name}'")
    values = rows.set_index(["model_a", "model_b"])["value"]
    assert len(values) == 4
    a, b = (representation(study, model, name) for model in CROSSED)
    assert values[CROSSED] == pytest.approx(measures.pwcca(Pair.of(a, b))[0])
    assert values[CROSSED[::-1]] == pytest.approx(measures.pwcca(Pair.of(b, a))[0])
    assert values[CROSSED] != pytest.approx(values[CROSSED[::-1]], abs=1e-6)


def test_layers_are_compared_crosswise_only_for_the_pairs_asked_for(block):
    rows = block.geometry[block.geometry["layer_a"] != block.geometry["layer_b"]]
    assert set(rows["measure"]) == {"cka_debiased"}
    assert set(zip(rows["model_a"], rows["model_b"], strict=True)) == {CROSSED}
    layers = itertools.product(["stem", *STAGES], STAGES)
    expected = {(one, other) for one, other in layers if one != other}
    assert set(zip(rows["layer_a"], rows["layer_b"], strict=True)) == expected
    assert len(rows) == len(expected)
    assert not (block.geometry["measure"] == "cka_debiased")[same_layer(block.geometry).index].any()


def test_crossed_layers_have_the_unbiased_similarity_of_their_kernels(block, study):
    def kernel(name, which):
        x = layer(study, name, which)
        found = x @ x.T
        np.fill_diagonal(found, 0)
        return found

    def hsic(k, m):
        n = len(k)
        sums = k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * k.sum(0) @ m.sum(0) / (n - 2)
        return np.vdot(k, m) + sums

    rows = block.geometry.set_index(["measure", "layer_a", "layer_b"])["value"]
    for layer_a, layer_b in (("stem", "stage2"), ("stage1", "penultimate")):
        k, m = kernel(CROSSED[0], layer_a), kernel(CROSSED[1], layer_b)
        expected = hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))
        assert rows["cka_debiased", layer_a, layer_b] == pytest.approx(expected, rel=1e-5)


def test_convergence_is_of_the_first_pair_on_growing_parts(block):
    table = block.convergence
    first = block.geometry.query("model_a == 'resnet/seed0' and layer_a == 'penultimate'")
    first = first.set_index("measure")["value"]
    assert set(zip(table["model_a"], table["model_b"], strict=True)) == {
        ("resnet/seed0", "vgg/seed0")
    }
    for name in MEASURES:
        rows = table[table["measure"] == name]
        assert list(rows["n"]) == [76, 152, 301, 597]
        assert rows["value"].iloc[-1] == pytest.approx(first[name])
        assert rows["value"].nunique() == 4


@pytest.mark.parametrize("family", ALL)
def test_stored_maps_give_the_scores_when_applied_to_the_rows(block, study, family):
    row = block.scores.query("source == 'vgg/seed0' and target == 'resnet/seed1'")
    row = row.set_index("family").loc[family]
    with (
        h5py.File(block.maps) as file,
        h5py.File(study["vgg/seed0"].activations) as source,
        h5py.File(study["resnet/seed1"].activations) as target,
    ):
        group = file[f"vgg/seed0/resnet/seed1/{family}"]
        weight, bias = group["weight"][:], group["bias"][:]
        mapped = source["test/penultimate"][:] @ weight + bias
        true, mean = target["test/penultimate"][:], target["fit/penultimate"][:].mean(axis=0)
        r2 = 1 - ((true - mapped) ** 2).sum() / ((true - mean) ** 2).sum()
        logits = mapped @ target["classifier/weight"][:].T + target["classifier/bias"][:]
        own = np.argmax(target["test/logits"][:], axis=1)
        labels = target["test/labels"][:]
        assert group.attrs["lambda"] == pytest.approx(row["lambda"])
        assert (row["d_source"], row["d_target"]) == weight.shape
        assert row["rank"] == np.linalg.matrix_rank(weight, tol=1e-4 * np.abs(weight).max())
        digests = source.attrs["digest"], target.attrs["digest"]
        assert (row["source_digest"], row["target_digest"]) == digests
    assert r2 == pytest.approx(row["r2_test"], abs=1e-4)
    stitched = np.argmax(logits, axis=1)
    assert np.mean(stitched == labels) == pytest.approx(row["stitched_accuracy"], abs=0.002)
    assert np.mean(stitched == own) == pytest.approx(row["agreement"], abs=0.002)

    classes = block.class_accuracies.query(
        f"source == 'vgg/seed0' and target == 'resnet/seed1' and family == '{family}'"
    )
    assert list(classes["label"]) == list(range(10))
    for label, found, own_found in classes[
        ["label", "stitched_accuracy", "target_accuracy"]
    ].itertuples(index=False):
        assert found == pytest.approx(np.mean(stitched[labels == label] == label), abs=0.02)
        assert own_found == pytest.approx(np.mean(own[labels == label] == label))


def test_trained_networks_are_linearly_related_and_better_than_the_floor(block):
    maps = block.scores.query("family == 'ridge'")
    assert (maps["r2_test"] > 0.5).all()
    assert (maps["r2_test_low"] > maps["r2_floor"] + 0.2).all()
    assert (maps["r2_fit"] >= maps["r2_test"]).all()
    assert (maps["recovered_accuracy"] > 0.9).all()
    assert set(maps["n_fit"]) == {200}


def unordered(geometry) -> pd.DataFrame:
    """Rows of undirected measures with the models in one order."""
    sides = [
        f"{column}_{side}"
        for side in "ab"
        for column in ("model", "architecture", "layer", "digest")
    ]
    table = geometry.copy()
    swap = (table["measure"] != "pwcca") & (table["model_a"] > table["model_b"])
    table.loc[swap, sides] = geometry.loc[swap, sides[4:] + sides[:4]].to_numpy()
    keys = ["model_a", "model_b", "layer_a", "layer_b", "measure"]
    return table.sort_values(keys, ignore_index=True)


def test_the_order_of_the_files_does_not_change_a_value(block, study, tmp_path):
    other = compared_models(tmp_path, study, list(study)[::-1], [CROSSED])
    keys = ["source", "target", "family"]
    for one, two, key in (
        (block.scores, other.scores, keys),
        (block.class_accuracies, other.class_accuracies, [*keys, "label"]),
    ):
        one, two = (table.sort_values(key, ignore_index=True) for table in (one, two))
        pd.testing.assert_frame_equal(one, two, rtol=1e-6)
    # A null from shuffled samples shuffles the second model's, so that it is another estimate.
    one, two = (
        unordered(table).drop(columns=["null", "class_null"])
        for table in (block.geometry, other.geometry)
    )
    pd.testing.assert_frame_equal(one, two, rtol=1e-6)


def test_other_images_are_refused(study, tmp_path):
    files = [tmp_path / name for name in ("a.h5", "b.h5")]
    for path, name in zip(files, study, strict=False):
        shutil.copy(study[name].activations, path)
    folder = tmp_path / "block"
    for split in ("fit", "test"):
        with resealed(files[1]) as file:
            before = file[f"{split}/ids"][0]
            file[f"{split}/ids"][0] = -1
        match = rf"b\.h5 and .*a\.h5 hold different {split} images"
        with pytest.raises(MismatchError, match=match):
            compared(folder, files, ALL, MEASURES)
        with resealed(files[1]) as file:
            file[f"{split}/ids"][0] = before
    with resealed(files[1]) as file:
        file.attrs["data_digest"] = "other"
    with pytest.raises(MismatchError, match="digest of the data"):
        compared(folder, files, ALL, MEASURES)
    assert not folder.exists()


def test_a_pair_too_small_for_convergence_says_so(study, tmp_path):
    files = []
    for name in ("resnet/seed0", "vgg/seed0"):
        files.append(tmp_path / f"{len(files)}.h5")
        with h5py.File(study[name].activations) as whole, resealed(files[-1]) as file:
            file.attrs.update(whole.attrs)
            file.attrs["layers"] = ["penultimate"]
            for group in ("classifier", "fit"):
                whole.copy(group, file)
            for key in ("ids", "labels", "logits", "penultimate"):
                file[f"test/{key}"] = whole[f"test/{key}"][:31]
    outputs = compared(tmp_path, files, ALL, MEASURES)
    table = read_table(outputs.convergence)
    assert list(table["note"]) == ["too few samples, or a constant representation"]
    assert list(table["n"]) == [31]
    for name in (outputs.scores, outputs.geometry):
        assert read_table(name)["note"].str.contains("no interval below 32 samples").all()
