"""Large images become means over equal areas, small ones stay as they are."""

import numpy as np
import pytest

from repcompare.data.downsampling import downsampled


def photographs(*shape) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


def test_images_without_a_longer_side_stay_as_they_are():
    images = photographs(4, 3, 32, 20)
    assert downsampled(images, 32) is images


def test_a_side_that_is_a_multiple_is_averaged_over_squares():
    images = photographs(4, 3, 224, 96)
    expected = images.reshape(4, 3, 32, 7, 32, 3).mean(axis=(3, 5))
    np.testing.assert_allclose(downsampled(images, 32), expected, rtol=1e-6)


def test_a_pixel_that_lies_in_two_areas_counts_in_each_by_its_share():
    line = np.array([[[0, 30, 60]]], np.uint8)
    assert downsampled(line, 2)[0, 0] == pytest.approx([10, 50])


@pytest.mark.parametrize("sides", [(33, 33), (47, 21), (100, 65)])
def test_every_area_counts_the_same(sides):
    images = photographs(5, 1, *sides)
    found = downsampled(images, 32)
    assert found.shape == (5, 1, *(min(side, 32) for side in sides))
    np.testing.assert_allclose(found.mean(axis=(2, 3)), images.mean(axis=(2, 3)), rtol=1e-5)
    grey = np.full((1, 1, *sides), 200, np.uint8)
    np.testing.assert_allclose(downsampled(grey, 32), 200, rtol=1e-6)
