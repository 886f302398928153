"""The rule `draw_figures`: the figures that the study's tables give."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from repcompare.figures.registry import FIGURES
from repcompare.figures.style import save
from repcompare.tables.files import read_tables
from repcompare.tables.geometry import similarities
from repcompare.transfer.reference import READ, reference_attack


def draw_figures(
    svg: Sequence[str | Path], png: Sequence[str | Path], *, tables: Mapping[str, str | Path]
) -> None:
    """Draw each figure as SVG and PNG.

    Args:
        svg: the files to write; the name of each is that of a row of `figures.registry.FIGURES`.
        png: the same figures as PNG, in the same order.
        tables: the study's tables by name, those that the figures take.
    """
    read = with_derived(read_tables(tables, READ))
    for vectors, pixels in zip(svg, png, strict=True):
        save(drawn(Path(vectors).stem, read), vectors, pixels)


def with_derived(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The tables, and beside them what figures take that is derived from one: see `registry.Drawn`."""
    found: dict[str, Any] = {**tables}
    if "geometry" in tables:
        found["similarities"] = similarities(tables["geometry"])
    found["strength"] = reference_attack(tables["transfer"]) if "transfer" in tables else None
    return found


def drawn(name: str, tables: Mapping[str, Any]) -> Figure:
    """A figure of the registry from what it takes, by the names there."""
    row = FIGURES[name]
    # The rule finds these modules in the registry too, so that its code's digest holds them.
    draw = getattr(importlib.import_module(f"repcompare.figures.{row.module}"), name)
    return draw(*(tables[table] for table in row.tables))
