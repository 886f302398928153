"""What the report's page tells of the heatmap cell that a reader points at."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from repcompare.tables import matrices
from repcompare.tables.matrices import Matrix, cells_id
from repcompare.transfer.reference import Strength

# Digits of a share or a similarity: more than a heatmap's colours or an interval can tell.
DIGITS = 4


def heatmap_cells(
    tables: Mapping[str, pd.DataFrame], strength: Strength | None
) -> dict[str, list[dict[str, Any]]]:
    """The matrices of each heatmap by the figure's name, ready for JSON.

    Args:
        tables: those of `maps`, `geometry` (of the representation), `layers_geometry` (of every
            layer), `features` and `transfer` that the study has.
        strength: that at which transfer is read.

    Returns:
        Of each matrix `id` (that of its rectangle in the SVG), `label`, `rows` and `columns`
        (names), `between` (what joins a row's name to a column's), `unit`, and `value`, `low` and
        `high`: lists of rows, None where undefined.
    """
    shown: dict[str, Sequence[Matrix | None]] = {}
    if "maps" in tables:
        shown["stitched_accuracy"] = [matrices.stitched_accuracy(tables["maps"])]
        shown["held_out_r2"] = [matrices.held_out_r2(tables["maps"])]
    if "geometry" in tables:
        shown["similarity"] = [matrices.similarity(tables["geometry"])]
        shown["layer_similarity"] = matrices.layer_similarity(tables["layers_geometry"])
    if "transfer" in tables:
        shown["adversarial_transfer"] = [matrices.adversarial_transfer(tables["transfer"])]
    if "features" in tables:
        shown["feature_similarity"] = matrices.feature_similarity(tables["features"], strength)
    return {
        name: [described(matrix, name, place) for place, matrix in enumerate(found) if matrix]
        for name, found in shown.items()
    }


def described(matrix: Matrix, figure: str, place: int) -> dict[str, Any]:
    """One matrix for JSON, under the id that `svg.inline` gives its rectangle."""
    rows, columns = list(matrix.value.index), list(matrix.value.columns)
    if matrix.pairs == "pairs of layers":
        of_row, of_column = matrix.ends
        rows = [f"{layer} of {of_row}" for layer in rows]
        columns = [f"{layer} of {of_column}" for layer in columns]
    return {
        "id": f"{figure}-{cells_id(place)}",
        "label": matrix.label or matrix.title,
        "rows": rows,
        "columns": columns,
        "between": " → " if matrix.ends == ("source", "target") else " and ",
        "unit": "%" if matrix.percent else "",
        **{name: numbers(getattr(matrix, name), matrix.percent) for name in matrices.INTERVAL},
    }


def numbers(frame: pd.DataFrame, percent: bool) -> list[list[float | None]]:
    """A frame as rounded numbers, in per cent or as they are."""
    scaled = frame.to_numpy(float) * (100 if percent else 1)
    rounded = np.round(scaled, DIGITS - 2 if percent else DIGITS)
    return [[value if np.isfinite(value) else None for value in row] for row in rounded.tolist()]
