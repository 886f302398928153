"""Activations that others computed are found by id, whatever the file, and refused if unsound."""

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from repcompare.representations.own_activations import ActivationsError, open_activations

NAMES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def beside(path, names=NAMES):
    lines = "".join(f"{name}\n" for name in names)
    path.with_name("file_names.txt").write_text(lines, encoding="utf-8")


def npy(path):
    np.save(path, ROWS)
    beside(path)


def npz(path):
    np.savez(path, ids=np.array(NAMES), features=ROWS)


def hdf5(path):
    with h5py.File(path, "w") as file:
        file["ids"] = [name.encode() for name in NAMES]
        file["visual/features"] = ROWS


def safetensors(path):
    save_file({"features": ROWS}, path)
    beside(path)


WRITERS = {".npy": npy, ".npz": npz, ".h5": hdf5, ".hdf5": hdf5, ".safetensors": safetensors}


@pytest.mark.parametrize("ending", WRITERS)
def test_rows_are_those_of_their_ids_in_every_kind_of_file(tmp_path, ending):
    path = tmp_path / f"features{ending}"
    WRITERS[ending](path)
    with open_activations(path, {}) as own:
        layer = own.layer("penultimate")
        assert layer.width == 3
        wanted = ["d.jpg", "a.jpg", "c.jpg"]
        np.testing.assert_array_equal(layer.rows(own.places(wanted)), ROWS[[3, 0, 2]])


def test_a_file_holds_several_layers_and_names_say_which_they_are(tmp_path):
    path = tmp_path / "layers.npz"
    np.savez(path, ids=np.arange(4), stage1=ROWS, **{"classifier.4": 2 * ROWS})
    with open_activations(path, {"penultimate": "classifier.4"}) as own:
        assert set(own.layers) == {"stage1", "penultimate"}
        np.testing.assert_array_equal(
            own.layer("penultimate").rows(own.places(["2"])), 2 * ROWS[[2]]
        )


@pytest.mark.parametrize("axes", [(0, 3, 1, 2), (0, 1, 2, 3)])
def test_maps_are_their_means_over_positions_wherever_their_channels_are(tmp_path, axes):
    maps = np.random.default_rng(0).normal(size=(4, 5, 5, 3))
    np.savez(tmp_path / "maps.npz", ids=np.array(NAMES), maps=maps.transpose(axes))
    with open_activations(tmp_path / "maps.npz", {}) as own:
        layer = own.layer("penultimate")
        found = layer.rows(own.places(NAMES))
        np.testing.assert_allclose(found, maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-7)
        assert (layer.width, found.dtype) == (3, np.float32)


def arrays(**changes):
    return {"ids": np.array(NAMES), "features": ROWS} | changes


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"features": ROWS}, "no array ids in it, and no file_names.txt beside it"),
        (arrays(ids=np.array([*NAMES[:3], "a.jpg"])), r"1 ids are there more than once \(a.jpg\)"),
        (arrays(ids=np.array(NAMES[:3])), r"features is \(4, 3\), but there are 3 ids"),
        (arrays(ids=ROWS), r"ids is float32 \(4, 3\), allowed: integers or text \(n,\)"),
        (arrays(more=ROWS), "no array penultimate in it, but features, more"),
        (arrays(features=ROWS[:, :, None]), r"features is \(4, 3, 1\), allowed: \(n, d\)"),
        (arrays(features=np.array(NAMES)), r"features is .*, allowed: numbers"),
        (arrays(features=np.where(ROWS == 7, np.nan, ROWS)), r"features\[2\] is not finite"),
        ({"ids": np.array(NAMES)}, "no array penultimate in it, but nothing"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, stored, said):
    np.savez(tmp_path / "a.npz", **stored)
    with (
        pytest.raises(ActivationsError, match=said),
        open_activations(tmp_path / "a.npz", {}) as own,
    ):
        own.layer("penultimate").rows(own.places(NAMES))


def test_ids_that_are_missing_are_counted_and_three_of_them_named(tmp_path):
    npz(tmp_path / "a.npz")
    with open_activations(tmp_path / "a.npz", {}) as own, pytest.raises(ActivationsError) as said:
        own.places(["a.jpg", "train/a.jpg", "x", "y", "z"])
    assert str(said.value) == "4 of 5 ids missing (train/a.jpg, x, y); its own are like a.jpg"


def opened(path, names=None):
    with open_activations(path, names or {}) as own:
        return own.layers


def test_a_name_for_an_array_that_is_not_there_is_refused(tmp_path):
    npz(tmp_path / "a.npz")
    with pytest.raises(ActivationsError, match="no array fc for stage1 in it, but features"):
        opened(tmp_path / "a.npz", {"stage1": "fc"})


@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_that_is_cut_off_or_of_another_kind_is_refused(tmp_path, ending):
    path = tmp_path / f"features{ending}"
    WRITERS[ending](path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ActivationsError, match=f"not a whole {ending} file"):
        opened(path)


def test_python_objects_are_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"code": "run"}]), allow_pickle=True)
    beside(tmp_path / "a.npy")
    with pytest.raises(ActivationsError, match=r"not a whole \.npy file"):
        opened(tmp_path / "a.npy")
