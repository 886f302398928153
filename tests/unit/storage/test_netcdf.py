"""Arrays with named axes are read back by xarray as they were, without further arguments."""

import numpy as np
import pytest
import xarray

from repcompare.storage.netcdf import Variable, write_netcdf

NAMES = np.array(["é/seed0", "", "resnet/seed10"])
VALUES = np.array([[0.1, np.nan, -1e300]] * 2)


def test_numbers_texts_and_what_is_said_of_them_come_back(tmp_path):
    path = tmp_path / "arrays.nc"
    variables = {
        "model": Variable(("model",), NAMES, {"long_name": "Name, R²."}),
        "norm": Variable(("layer",), np.array(["l2", "linf"])),
        "value": Variable(("layer", "model"), VALUES, {"units": "share", "coordinates": "norm"}),
    }
    write_netcdf(path, variables, {"study": "ünï"})
    with xarray.open_dataset(path) as found:
        assert found["value"].dims == ("layer", "model")
        np.testing.assert_array_equal(found["value"].to_numpy(), VALUES)
        assert found["value"].dtype == np.float64
        assert found["value"].attrs == {"units": "share"}
        # A label of its axis, and one besides.
        assert found["value"].sel(model="é/seed0").isel(layer=0).item() == 0.1
        assert found["value"].coords["norm"].to_numpy().tolist() == ["l2", "linf"]
        assert found["model"].to_numpy().tolist() == NAMES.tolist()
        assert found["model"].attrs["long_name"] == "Name, R²."
        assert found.attrs == {"study": "ünï"}


def test_an_axis_has_one_length_and_a_file_is_whole_or_not_there(tmp_path):
    variables = {"a": Variable(("x",), np.zeros(2)), "b": Variable(("x",), np.zeros(3))}
    with pytest.raises(ValueError, match="b: axis x is of length 3, elsewhere 2"):
        write_netcdf(tmp_path / "arrays.nc", variables, {})
    assert list(tmp_path.iterdir()) == []
