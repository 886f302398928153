"""Maps of more units than images are written along n - 1 axes, and nothing that counts is changed."""

import h5py
import numpy as np
import pytest

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import compare_geometry
from repcompare.representations.layer_rows import LayerRows
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation
from repcompare.representations.wide import coordinates

READ = [name for name, measure in MEASURES.items() if measure.flattened]


def maps(n=40, d=700, seed=0) -> np.ndarray:
    """Rows of very different scales, some units dead, two of them the same."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)) @ rng.normal(size=(5, d)) + 0.3 * rng.normal(size=(n, d))
    x = x * np.exp(3 * rng.normal(size=d)) + 100 * rng.normal(size=d)
    x[:, 7], x[:, 9] = 4.0, x[:, 8]
    return x


@pytest.mark.parametrize("size", [1, 64, 300, 700])
def test_products_of_rows_about_their_mean_are_the_same_however_the_units_come(size):
    x = maps()
    found = coordinates((x[:, start : start + size] for start in range(0, 700, size)), 40)
    centred = x - x.mean(axis=0)
    assert found.rows.shape == (40, 39)
    gram = centred @ centred.T
    np.testing.assert_allclose(found.rows @ found.rows.T, gram, atol=1e-12 * np.abs(gram).max())
    np.testing.assert_allclose(found.rows.sum(axis=0), 0, atol=1e-10 * np.abs(found.rows).max())
    assert found.dead_units == 1


def test_what_is_small_beside_the_largest_unit_is_kept():
    """A product of X with itself would have lost it."""
    x = np.random.default_rng(0).normal(size=(10, 50))
    x[:, 0] *= 1e10
    found = coordinates([x], 10).rows
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.linalg.svd(found, compute_uv=False), singular[:9], rtol=1e-6)


def stored(path, x, **how):
    """Some images at a time, and read back: the rows, and the attributes of the data set."""
    with h5py.File(path, "w") as file, LayerRows(file, len(x), path.parent) as layers:
        for start in range(0, len(x), 7):
            layers.add("stage1", slice(start, start + 7), x[start : start + 7], **how)
    with h5py.File(path) as file:
        return file["stage1"][:], dict(file["stage1"].attrs)


def test_a_layer_is_stored_as_it_is_unless_it_was_flattened_and_is_wider_than_images(tmp_path):
    x, path = maps().astype(np.float32), tmp_path / "a.h5"
    rows, attributes = stored(path, x)
    np.testing.assert_array_equal(rows, x)
    assert attributes == {}
    rows, attributes = stored(path, x[:, :39], flattened=True)
    np.testing.assert_array_equal(rows, x[:, :39])
    rows, attributes = stored(path, x, flattened=True)
    assert rows.shape == (40, 39)
    assert attributes == {"units": 700, "dead_units": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.h5"]


def test_measures_are_the_same_as_of_all_units_and_those_that_grow_with_them_are_not_read(tmp_path):
    whole, along = [], []
    labels = np.arange(40) % 4
    for seed in range(2):
        x = maps(seed=seed).astype(np.float32)
        rows, _ = stored(tmp_path / "a.h5", x, flattened=True)
        whole.append(Representation.of(x, labels, None))
        along.append(Representation.of(rows, labels, None, flattened=700))
    expected = compare_geometry(Pair.of(*whole), MEASURES)
    found = compare_geometry(Pair.of(*along), MEASURES)
    assert set(READ) == {"cka_debiased", "rsa", "knn_jaccard"}
    for one, other in zip(expected, found, strict=True):
        if one.measure in READ:
            assert other.value == pytest.approx(one.value, abs=1e-6)
            numbers = [(row.low, row.high, row.bias, row.error) for row in (one, other)]
            assert numbers[1] == pytest.approx(numbers[0], abs=1e-6, nan_ok=True)
            assert other.class_null == pytest.approx(one.class_null, abs=1e-6)
        elif one.measure != "disagreement":
            assert np.isnan(other.value)
            assert other.note.startswith("not read of flattened maps")
        assert other.flag == one.flag
