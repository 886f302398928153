"""Arrays with named axes in a netCDF-3 file, which xarray, netCDF4 and R open as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.io import netcdf_file

from repcompare.storage.files import replacing


@dataclass(frozen=True, eq=False)
class Variable:
    """An array over named axes: numbers, stored as float64, or text.

    `attributes` say what it is: `long_name`, `units`, or `coordinates`, the variables that label it
    besides those that are called as its axes are.
    """

    dimensions: tuple[str, ...]
    values: np.ndarray
    attributes: Mapping[str, str] = field(default_factory=dict)


def write_netcdf(
    path: str | Path, variables: Mapping[str, Variable], attributes: Mapping[str, str]
) -> None:
    """Write variables by name; one that is called as its only axis is labels that axis.

    Text lies in UTF-8 along an axis of its own, as the format has it.

    Raises:
        ValueError: two variables have axes of one name and different lengths.
    """
    sizes: dict[str, int] = {}
    for name, variable in variables.items():
        for axis, size in zip(variable.dimensions, variable.values.shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                raise ValueError(
                    f"{name}: axis {axis} is of length {size}, elsewhere {sizes[axis]}"
                )
    # Version 2 may be larger than 2 GB.
    with replacing(path) as temporary, netcdf_file(temporary, "w", version=2) as file:
        for axis, size in sizes.items():
            file.createDimension(axis, size)
        for name, variable in variables.items():
            _write(file, name, variable)
        for key, text in attributes.items():
            setattr(file, key, text.encode())


def _write(file: netcdf_file, name: str, variable: Variable) -> None:
    values, dimensions, described = variable.values, variable.dimensions, variable.attributes
    if values.dtype.kind in "OU":
        characters, axis = _characters(values.tolist())
        if axis not in file.dimensions:
            file.createDimension(axis, characters.shape[1])
        values, dimensions = characters, (*dimensions, axis)
        described = {**described, "_Encoding": "utf-8"}
    stored = file.createVariable(name, "c" if values.dtype.kind == "S" else "d", dimensions)
    stored[:] = values
    for key, text in described.items():
        setattr(stored, key, text.encode())


def _characters(texts: Sequence[str]) -> tuple[np.ndarray, str]:
    """The bytes of texts (n,), "S1" (n, longest), and the name of the axis that they lie along."""
    encoded = [text.encode() for text in texts]
    longest = max(1, *map(len, encoded))
    padded = np.array(encoded, f"S{longest}")
    return padded.view("S1").reshape(len(texts), longest), f"string{longest}"
