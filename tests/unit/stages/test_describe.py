"""What stands beside a model: its layers' sizes, and maps from what learnt nothing."""

import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from unit.support.resealed import resealed
from unit.support.small_study import LAYERS, compared, described

from repcompare.maps.families import FAMILIES
from repcompare.maps.pixels import Pixels
from repcompare.names import UNTRAINED
from repcompare.storage.files import MismatchError
from repcompare.tables.files import read_table
from repcompare.vocabulary import CONTROLS

ALL = list(FAMILIES)


def tables_of(folder, activations, dataset_path, families=ALL):
    return tuple(map(read_table, described(folder, activations, dataset_path, families)))


@pytest.fixture(scope="module")
def tables(study, dataset_path, tmp_path_factory):
    """Layers and controls of every model, by its name."""
    folder = tmp_path_factory.mktemp("described")
    return {name: tables_of(folder, study[name].activations, dataset_path) for name in study}


@pytest.fixture(scope="module")
def maps(study, tmp_path_factory):
    """Maps between the trained networks of different architecture."""
    folder = tmp_path_factory.mktemp("compared")
    activations = [files.activations for files in study.values()]
    return read_table(compared(folder, activations, ALL, ["cka"]).scores)


def flattened(dataset, split) -> np.ndarray:
    images = dataset.h5[split]["images"][:]
    return images.reshape(len(images), -1) / 255


def test_layers_have_the_sizes_and_ranks_of_their_rows(tables, study):
    layers = tables["resnet/seed0"][0].set_index("layer")
    assert list(layers.index) == LAYERS
    assert list(tables["vgg/seed0"][0]["layer"]) == LAYERS[1:]
    with h5py.File(study["resnet/seed0"].activations) as file:
        for name, row in layers.iterrows():
            x = file[f"test/{name}"][:].astype(np.float64)
            values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
            values = values[values > 1e-5 * values[0]]
            shares = values / values.sum()
            assert (row["n"], row["d"]) == x.shape
            assert row["n_over_d"] == pytest.approx(len(x) / x.shape[1])
            assert row["rank"] == len(values)
            entropy = -(shares * np.log(shares)).sum()
            assert row["effective_rank"] == pytest.approx(np.exp(entropy), rel=1e-4)
            assert row["dead_units"] == np.sum(np.ptp(x, axis=0) == 0)
            assert row["digest"] == file.attrs["digest"]


def test_a_unit_that_never_changes_is_dead(study, dataset_path, tmp_path):
    path = shutil.copy(study["vgg/seed0"].activations, tmp_path / "a.h5")
    with resealed(path) as file:
        dead = np.flatnonzero(np.ptp(file["test/stage1"][:], axis=0) == 0)
        alive = np.flatnonzero(np.ptp(file["test/stage1"][:], axis=0) > 0)
        for unit in alive[:2]:
            file["test/stage1"][:, unit] = 0.3
    layers = tables_of(tmp_path, path, dataset_path, ["ridge"])[0].set_index("layer")
    assert layers.loc["stage1", "dead_units"] == len(dead) + 2


def test_every_control_and_family_has_a_row(tables):
    for name, (_, controls) in tables.items():
        rows = list(zip(controls["control"], controls["family"], strict=True))
        assert rows == [(c, f) for c in CONTROLS for f in ALL]
        assert set(controls["model"]) == {name}
        assert list(controls.columns)[-1] == "note"


def test_maps_from_controls_do_worse_than_maps_between_trained_networks(tables, maps):
    worst = maps.groupby(["target", "family"])[["r2_test", "recovered_accuracy"]].min()
    for name, (_, controls) in tables.items():
        for family in ("ridge", "reduced_rank", "least_squares"):
            rows = controls[controls["family"] == family].set_index("control")
            trained = worst.loc[(name, family)]
            # Variance alone does not tell a network of 8x8 images from the images: answers do.
            assert (rows["recovered_accuracy"] < trained["recovered_accuracy"] - 0.01).all()
            assert (rows.loc[list(UNTRAINED), "r2_test"] < trained["r2_test"] - 0.1).all()


def test_floors_are_those_of_the_controls_widths(tables, study):
    for name, (_, controls) in tables.items():
        width = study[name].model.record["representation_width"]
        widths = dict.fromkeys(UNTRAINED, width) | {"pixels": 64}
        for _, row in controls.iterrows():
            assert (row["n_fit"], row["n_test"]) == (200, 597)
            assert row["d_source"] == widths[row["control"]]
            assert row["r2_floor"] == pytest.approx(widths[row["control"]] / 199)


@pytest.mark.parametrize("control", CONTROLS)
def test_a_controls_score_is_that_of_a_regression_from_its_rows(tables, study, dataset, control):
    controls = tables["vgg/seed0"][1]
    row = controls.query(f"control == '{control}' and family == 'least_squares'").squeeze()
    with h5py.File(study["vgg/seed0"].activations) as file:
        fit, test = (
            flattened(dataset, split) if control == "pixels" else file[f"{control}/{split}"][:]
            for split in ("fit", "test")
        )
        target, truth = file["fit/penultimate"][:], file["test/penultimate"][:]
        weight, bias = file["classifier/weight"][:], file["classifier/bias"][:]
        labels = file["test/labels"][:]
    mean_x, mean_y = fit.mean(axis=0), target.mean(axis=0)
    solution = np.linalg.lstsq(fit - mean_x, target - mean_y, rcond=1e-5)[0]
    mapped = (test - mean_x) @ solution + mean_y
    r2 = 1 - ((truth - mapped) ** 2).sum() / ((truth - mean_y) ** 2).sum()
    assert row["r2_test"] == pytest.approx(r2, abs=1e-3)
    accuracy = np.mean((mapped @ weight.T + bias).argmax(axis=1) == labels)
    assert row["stitched_accuracy"] == pytest.approx(accuracy, abs=0.004)


def test_pixels_are_rows_of_the_first_images_in_the_unit_interval(dataset):
    images = dataset.h5["test/images"]
    pixels = Pixels(images, 10)
    expected = flattened(dataset, "test")
    assert pixels.shape == (10, 64)
    np.testing.assert_allclose(pixels[3:7], expected[3:7], atol=1e-7)
    np.testing.assert_allclose(pixels[8:99], expected[8:10], atol=1e-7)
    np.testing.assert_allclose(pixels[0:10:3], expected[0:10:3], atol=1e-7)
    assert pixels[0:10].max() == 1


def test_a_control_is_fit_on_as_many_images_as_were_stored(study, dataset_path, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(study["vgg/seed0"].activations) as whole, resealed(path) as file:
        file.attrs.update(whole.attrs)
        for name in ("classifier", "test"):
            whole.copy(name, file)
        for name in ("fit/ids", "fit/labels", "fit/penultimate", "untrained/fit"):
            file[name] = whole[name][:120]
        file["untrained/test"] = whole["untrained/test"][:]
    controls = tables_of(tmp_path, path, dataset_path, ["ridge"])[1]
    assert set(controls["n_fit"]) == {120}


@pytest.mark.parametrize("split", ["fit", "test"])
def test_other_images_or_other_data_are_refused(study, dataset_path, tmp_path, split):
    path = shutil.copy(study["vgg/seed0"].activations, tmp_path / "a.h5")
    with resealed(path) as file:
        file[f"{split}/ids"][0] = -1
    with pytest.raises(MismatchError, match=rf"a\.h5 and .* hold different {split} images"):
        tables_of(tmp_path, path, dataset_path, ["ridge"])
    assert not (tmp_path / "controls.csv").exists()
    with resealed(path) as file:
        file.attrs["data_digest"] = "other"
    with pytest.raises(MismatchError, match="digest of the data"):
        tables_of(tmp_path, path, dataset_path, ["ridge"])


def test_tables_of_a_constant_control_say_why_they_are_empty(study, dataset_path, tmp_path):
    path = shutil.copy(study["vgg/seed0"].activations, tmp_path / "a.h5")
    with resealed(path) as file:
        file["untrained/fit"][...] = file["untrained/test"][...] = 0.3
    controls = tables_of(tmp_path, path, dataset_path)[1].query("control == 'untrained'")
    assert controls["note"].str.contains("constant source representation").all()
    assert (controls["rank"] == 0).all()
    assert (controls["r2_test"] <= 1e-9).all()
    pd.testing.assert_series_equal(
        controls["recovered_accuracy"] < 0.1, controls["rank"] == 0, check_names=False
    )
