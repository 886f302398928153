"""The compare stage gives every pair of a block its maps, scores and geometry."""

import shutil

import h5py
import numpy as np
import pandas as pd
import pytest

from repcompare.compare import FirstRows, compare_block
from repcompare.storage import MismatchError
from repcompare.tables import read_table

FAMILIES = ["least_squares", "ridge", "orthogonal"]
MEASURES = ["cka", "cka_debiased", "procrustes", "cca", "svcca"]


def compare(folder, study, names, fit_samples=None):
    paths = [folder / name for name in ("maps.h5", "maps.csv", "geometry.csv")]
    activations = [study[name].activations for name in names]
    compare_block(activations, *paths, FAMILIES, MEASURES, fit_samples)
    return paths[0], read_table(paths[1]), read_table(paths[2])


@pytest.fixture(scope="module")
def block(study, tmp_path_factory):
    return compare(tmp_path_factory.mktemp("block"), study, list(study))


def test_a_block_of_two_architectures_holds_only_pairs_across_them(block):
    _, maps, geometry = block
    assert set(zip(geometry["model_a"], geometry["model_b"], strict=True)) == {
        ("resnet/seed0", "vgg/seed0"),
        ("resnet/seed1", "vgg/seed0"),
    }
    assert len(geometry) == 2 * len(MEASURES)
    assert len(maps) == 4 * len(FAMILIES)
    assert (maps["source_architecture"] != maps["target_architecture"]).all()


def test_stored_maps_give_the_scores_when_applied_to_the_rows(block, study):
    path, maps, _ = block
    row = maps[(maps["source"] == "vgg/seed0") & (maps["target"] == "resnet/seed1")]
    row = row.set_index("family").loc["ridge"]
    with (
        h5py.File(path) as file,
        h5py.File(study["vgg/seed0"].activations) as source,
        h5py.File(study["resnet/seed1"].activations) as target,
    ):
        group = file["vgg/seed0/resnet/seed1/ridge"]
        mapped = source["test/representation"][:] @ group["weight"][:] + group["bias"][:]
        true, mean = target["test/representation"][:], target["fit/representation"][:].mean(axis=0)
        r2 = 1 - ((true - mapped) ** 2).sum() / ((true - mean) ** 2).sum()
        logits = mapped @ target["classifier/weight"][:].T + target["classifier/bias"][:]
        own = np.argmax(target["test/logits"][:], axis=1)
        labels = target["test/labels"][:]
        assert group.attrs["lambda"] == pytest.approx(row["lambda"])
    assert r2 == pytest.approx(row["r2_test"], abs=1e-4)
    stitched = np.argmax(logits, axis=1)
    assert np.mean(stitched == labels) == pytest.approx(row["stitched_accuracy"], abs=0.002)
    assert np.mean(stitched == own) == pytest.approx(row["agreement"], abs=0.002)


def test_trained_networks_are_linearly_related_and_better_than_the_floor(block):
    maps = block[1].query("family == 'ridge'")
    assert (maps["r2_test"] > 0.5).all()
    assert (maps["r2_test"] > maps["r2_floor"] + 0.2).all()
    assert (maps["r2_fit"] >= maps["r2_test"]).all()
    assert (maps["recovered_accuracy"] > 0.9).all()


def test_maps_are_fit_on_the_held_out_part_or_on_its_first_images(study, tmp_path):
    maps = compare(tmp_path, study, ["resnet/seed0", "resnet/seed1"], fit_samples=150)[1]
    assert set(maps["n_fit"]) == {150}
    assert set(compare(tmp_path, study, ["resnet/seed0", "resnet/seed1"])[1]["n_fit"]) == {200}


def test_the_order_of_the_files_does_not_change_a_value(block, study, tmp_path):
    other = compare(tmp_path, study, list(study)[::-1])[1]
    keys = ["source", "target", "family"]
    one, other = (table.sort_values(keys, ignore_index=True) for table in (block[1], other))
    pd.testing.assert_frame_equal(one, other[one.columns], rtol=1e-9)


def test_other_images_are_refused(study, tmp_path):
    files = [tmp_path / name for name in ("a.h5", "b.h5")]
    for path, name in zip(files, study, strict=False):
        shutil.copy(study[name].activations, path)
    with h5py.File(files[1], "a") as file:
        file["test/ids"][0] = -1
    with pytest.raises(MismatchError, match=r"b\.h5 and .*a\.h5 hold different test images"):
        compare_block(files, *(tmp_path / n for n in ("m", "s", "g")), FAMILIES, MEASURES, None)
    with h5py.File(files[1], "a") as file:
        file.attrs["data_digest"] = "other"
    with pytest.raises(MismatchError, match="digest of the data"):
        compare_block(files, *(tmp_path / n for n in ("m", "s", "g")), FAMILIES, MEASURES, None)
    assert not (tmp_path / "m").exists()


def test_first_rows_end_where_they_say():
    rows = FirstRows(np.arange(20).reshape(10, 2), 4)
    assert rows.shape == (4, 2)
    np.testing.assert_array_equal(rows[2:100], np.arange(20).reshape(10, 2)[2:4])
    assert len(rows[4:8]) == 0
