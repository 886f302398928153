"""The heatmaps' numbers and intervals, and what the page says of a cell."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from unit.support.synthetic_tables import tables

from repcompare.report.cells import heatmap_cells
from repcompare.tables import matrices
from repcompare.transfer.reference import reference_attack


@pytest.fixture(scope="module")
def study():
    content = tables(3, 2)
    return content | {"layers_geometry": content["geometry"]}


def test_shares_have_wilson_intervals(study):
    matrix = matrices.adversarial_transfer(study["transfer"])
    for row, column in ((0, 1), (3, 2)):
        share = matrix.value.iloc[row, column]
        expected = binomtest(round(1000 * share), 1000).proportion_ci(method="wilson")
        found = matrix.low.iloc[row, column], matrix.high.iloc[row, column]
        assert found == pytest.approx(tuple(expected))
    assert np.isnan(np.diag(matrix.value)).all()


def test_no_interval_reaches_beyond_0_and_1(study):
    maps = study["maps"].assign(stitched_accuracy=1.0)
    matrix = matrices.stitched_accuracy(maps)
    assert np.nanmax(matrix.high) == pytest.approx(1)
    assert 0.99 < np.nanmin(matrix.low) < 1


def test_other_intervals_are_those_of_the_tables(study):
    r2 = matrices.held_out_r2(study["maps"])
    np.testing.assert_allclose(r2.value - r2.low, np.where(np.eye(6), np.nan, 0.005))
    similarity = matrices.similarity(study["geometry"])
    np.testing.assert_allclose(
        similarity.high - similarity.value, np.where(np.eye(6), np.nan, 0.01)
    )


def test_many_models_are_shown_by_architecture(study, monkeypatch):
    geometry = study["geometry"]
    models = matrices.similarity(geometry).value.to_numpy()
    monkeypatch.setattr(matrices, "MOST_MODELS", 5)
    shown = matrices.similarity(geometry)
    assert list(shown.value.index) == list(shown.value.columns)
    assert list(shown.value.index) == sorted(set(geometry["architecture_a"]))
    assert shown.value.iloc[0, 2] == pytest.approx(models[:2, 4:].mean())
    # Of one architecture, the pairs of its seeds: none of a model with itself.
    assert shown.value.iloc[1, 1] == pytest.approx(models[2, 3])
    assert shown.title.endswith("means of 6 models by architecture")
    assert shown.low.isna().all(axis=None)


def test_a_matrix_of_features_is_directed_where_the_measure_is(study):
    found = matrices.feature_similarity(study["features"], reference_attack(study["transfer"]))
    symmetric = {
        matrix.title: np.array_equal(matrix.value, matrix.value.T, equal_nan=True)
        for matrix in found
    }
    assert symmetric["gradient alignment"]
    assert symmetric["unit matching"]
    assert len(found) == 6


def test_the_page_gets_every_cell_in_its_unit_and_none_for_undefined_ones(study):
    shown = heatmap_cells(study, reference_attack(study["transfer"]))
    cells = json.loads(json.dumps(shown, allow_nan=False))
    assert {name for name, found in cells.items() if found} == {
        "stitched_accuracy", "held_out_r2", "similarity", "adversarial_transfer",
        "feature_similarity",
    }  # fmt: skip
    (transfer,) = cells["adversarial_transfer"]
    matrix = matrices.adversarial_transfer(study["transfer"])
    assert transfer["rows"] == transfer["columns"] == list(matrix.value.index)
    assert transfer["value"][0][0] is None
    assert transfer["value"][1][2] == pytest.approx(100 * matrix.value.iloc[1, 2], abs=0.005)
    assert (transfer["unit"], transfer["between"]) == ("%", " → ")
    (similarity,) = cells["similarity"]
    assert (similarity["unit"], similarity["between"]) == ("", " and ")
    assert [found["id"] for found in cells["feature_similarity"]] == [
        f"feature_similarity-cells{place}" for place in range(6)
    ]


def test_a_study_of_one_model_has_no_cell_to_point_at():
    content = tables(1, 1)
    cells = heatmap_cells(content | {"layers_geometry": content["geometry"]}, None)
    assert cells["adversarial_transfer"] == cells["layer_similarity"] == []
