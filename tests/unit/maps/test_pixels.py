"""Images are rows of pixels, of large ones averages."""

import h5py
import numpy as np
import pytest

from repcompare.maps.pixels import Pixels
from repcompare.representations.moments import moments


def images(n, *shape) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(n, *shape), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_small_images_are_their_pixels_bit_for_bit(shape):
    given = images(9, *shape)
    expected = given[:7].reshape(7, -1).astype(np.float32) / 255
    np.testing.assert_array_equal(Pixels(given, 7)[0:9], expected)


def test_photographs_are_averages_however_much_is_read_at_a_time(monkeypatch, tmp_path):
    given = images(9, 3, 224, 64)
    expected = given.reshape(9, 3, 32, 7, 32, 2).mean(axis=(3, 5)).reshape(9, -1) / 255
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = given
        for size in (1, 10**6, 10**9):
            monkeypatch.setattr("repcompare.storage.hdf5.BYTES_PER_READ", size)
            pixels = Pixels(file["images"], 8)
            assert pixels.shape == (8, 3 * 32 * 32)
            np.testing.assert_allclose(pixels[2:20], expected[2:8], rtol=1e-5)
            np.testing.assert_allclose(pixels[1:8:3], expected[1:8:3], rtol=1e-5)


def test_a_map_from_photographs_is_no_larger_than_one_from_cifars_images():
    assert moments(Pixels(images(4, 3, 96, 96), 4)).width == 3072
