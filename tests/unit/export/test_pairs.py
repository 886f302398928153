"""Every number of a table of pairs is in an array, under the names of its row."""

import numpy as np
import pandas as pd
import pytest
import xarray
from unit.support.synthetic_tables import tables

from repcompare.export.pairs import ARRANGED, pair_arrays
from repcompare.storage.files import MismatchError
from repcompare.storage.netcdf import write_netcdf
from repcompare.vocabulary import ordered_models

TURNED = {"model_a": "model_b", "architecture_a": "architecture_b"}
TURNED |= {second: first for first, second in TURNED.items()}


@pytest.fixture(scope="module")
def study():
    """The tables of pairs of two architectures of two models; geometry also of more layers.

    Of one measure that has a direction the second row of a pair is worth half of the first.
    """
    found = {name: table for name, table in tables(2, 2).items() if name in ARRANGED}
    geometry = found["geometry"]
    there = geometry[geometry["measure"] == "cka"].assign(measure="pwcca")
    back = there.rename(columns=TURNED).assign(value=there["value"] / 2)
    first = geometry.assign(layer_a="stage1", layer_b="stage1", value=-0.5)
    crossed = geometry.assign(layer_b="stage1", value=-1.0)
    found["geometry"] = pd.concat([geometry, there, back, first, crossed], ignore_index=True)
    return found


@pytest.fixture(scope="module")
def models(study):
    return ordered_models(study["maps"]["source"])


@pytest.fixture(scope="module")
def arrays(study, models, tmp_path_factory):
    """The arrays as xarray opens them."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.nc"
    write_netcdf(path, pair_arrays(study, models), {})
    with xarray.open_dataset(path) as found:
        yield found.load()


@pytest.mark.parametrize(
    ("table", "column"),
    [("maps", "r2_test"), ("maps", "rank"), ("transfer", "fooled"), ("transfer", "n")],
)
def test_a_number_of_an_ordered_pair_is_under_the_names_of_its_row(study, arrays, table, column):
    array = arrays[f"{table}_{column}"]
    rows = study[table]
    for _, row in rows.iterrows():
        names = {"source": row["source"], "target": row["target"]}
        if table == "maps":
            names["family"] = row["family"]
        else:
            ball = f"{row['norm']}-{row['epsilon_label'].replace('/', '_')}"
            names |= {"condition": f"{row['attack']}-{ball}", "denominator": row["denominator"]}
        assert array.sel(names).item() == row[column]
    assert array.notnull().sum() == len(rows)


def test_a_measure_without_direction_fills_both_orders_and_one_with_a_direction_each(arrays):
    one, other = "densenet40/seed0", "resnet20/seed1"
    values = arrays["geometry_value"].sel(layer="penultimate")

    def both(array):
        return [array.sel(source=a, target=b).item() for a, b in ((one, other), (other, one))]

    assert len(set(both(values.sel(measure="cka")))) == 1
    there, back = both(values.sel(measure="pwcca"))
    assert back == there / 2
    assert there == both(values.sel(measure="cka"))[0]
    features = arrays["features_value"]
    assert len(set(both(features.sel(feature="perturbation_agreement_linf_8_255")))) == 1
    assert not np.isnan(both(features.sel(feature="stir_noise"))).any()


def test_geometry_is_of_a_layer_with_the_same_layer(arrays):
    assert arrays["layer"].to_numpy().tolist() == ["stage1", "penultimate"]
    first = arrays["geometry_value"].sel(layer="stage1", measure="cka").to_numpy()
    np.testing.assert_array_equal(first, np.where(np.eye(4), np.nan, -0.5))


def test_a_condition_is_labelled_by_what_it_is_made_of(arrays):
    strong = arrays["transfer_fooled"].sel(denominator="both_correct")
    strong = strong.where((strong.attack == "pgd") & (strong.norm == "linf"), drop=True)
    assert strong["epsilon"].to_numpy().tolist() == [2 / 255, 4 / 255, 8 / 255, 16 / 255]
    assert strong["epsilon_label"].to_numpy().tolist() == ["2/255", "4/255", "8/255", "16/255"]


def test_ends_are_all_models_in_order_with_their_architectures(arrays, models):
    for end in ("source", "target"):
        assert arrays[end].to_numpy().tolist() == models
        architectures = arrays["maps_r2_test"].coords[f"{end}_architecture"].to_numpy().tolist()
        assert architectures == ["densenet40", "densenet40", "resnet20", "resnet20"]


def test_a_table_that_there_is_not_has_no_arrays(study, models):
    found = pair_arrays({"maps": study["maps"]}, models)
    assert {name.split("_")[0] for name in found} == {"source", "target", "family", "maps"}


def test_a_model_that_the_study_does_not_have_is_named(study, models):
    with pytest.raises(
        MismatchError, match=r"^tables/maps.csv has resnet20/seed1, which the study"
    ):
        pair_arrays({"maps": study["maps"]}, models[:-1])
