"""Near on the map is near in geometry, as far as a plane allows."""

import numpy as np
import pytest
from unit.support.synthetic_tables import tables

from repcompare.figures.model_map import apart, classical_scaling, model_map


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def test_points_of_a_plane_keep_their_distances():
    points = np.random.default_rng(0).standard_normal((9, 2)) * [5, 1]
    found, share = classical_scaling(distances(points))
    np.testing.assert_allclose(distances(found), distances(points), atol=1e-9)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-9)
    assert np.ptp(found[:, 0]) > np.ptp(found[:, 1])
    assert share == pytest.approx(1)


def test_a_plane_holds_two_of_three_equal_dimensions():
    corners = np.array(np.meshgrid(*[[0, 1]] * 3)).reshape(3, -1).T
    _, share = classical_scaling(distances(corners))
    assert share == pytest.approx(2 / 3)


def test_the_map_does_not_turn_over_with_the_order_of_the_models():
    points = np.random.default_rng(1).standard_normal((6, 2))
    order = np.random.default_rng(2).permutation(6)
    found, _ = classical_scaling(distances(points))
    again, _ = classical_scaling(distances(points[order]))
    np.testing.assert_allclose(again, found[order], atol=1e-9)


def test_models_that_are_all_at_one_place_have_no_spread():
    found, share = classical_scaling(np.zeros((4, 4)))
    np.testing.assert_array_equal(found, 0)
    assert share == 0


def test_a_model_with_an_undefined_pair_is_left_out_and_counted():
    geometry = tables(3, 2)["geometry"]
    one = (geometry["model_a"] == "densenet40/seed0") & (geometry["model_b"] == "resnet20/seed0")
    geometry.loc[one & (geometry["measure"] == "procrustes"), "value"] = np.nan
    axes = model_map(geometry).axes
    notes = [text.get_text() for text in axes[0].texts]
    assert any("2 models with an undefined pair left out" in note for note in notes)
    drawn = sum(len(found.get_offsets()) for found in axes[0].collections)
    assert drawn == 4


def test_names_stay_where_there_is_room_and_else_cover_neither_points_nor_one_another():
    random = np.random.default_rng(3)
    points = np.vstack([random.normal(size=(20, 2)) * 10, [[300, 60], [300, -60]]])
    places, sizes = points[[0, 1, 2, 3, 20]] + np.array([0, 5]), np.tile([50.0, 8.0], (5, 1))
    shifts = apart(places, sizes, points)
    assert shifts[-1] == 0
    assert np.count_nonzero(shifts) >= 3
    middles = places + np.column_stack([np.zeros(5), 4 + shifts])
    between = np.abs(middles[:, None] - middles[None]) >= [50, 8]
    assert (between.any(axis=2) | np.eye(5, dtype=bool)).all()
    assert (np.abs(middles[:, None] - points[None]) >= [28, 7]).any(axis=2).all()


def test_where_there_is_no_room_names_stay_on_the_map():
    points = np.random.default_rng(4).normal(size=(200, 2)) * 12
    places, sizes = points[:40] + np.array([0, 5]), np.tile([50.0, 8.0], (40, 1))
    shifted = places[:, 1] + apart(places, sizes, points)
    assert shifted.max() <= points[:, 1].max() + 16
    assert shifted.min() >= points[:, 1].min() - 20
