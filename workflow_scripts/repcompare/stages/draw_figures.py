"""The rule `draw_figures`: the figures that the study's tables give."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from repcompare.figures.registry import FIGURES
from repcompare.figures.style import save
from repcompare.tables.files import read_table
from repcompare.tables.geometry import similarities


def draw_figures(
    svg: Sequence[str | Path], png: Sequence[str | Path], *, tables: Mapping[str, str | Path]
) -> None:
    """Draw each figure as SVG and PNG.

    Args:
        svg: the files to write; the name of each is that of a row of `figures.registry.FIGURES`.
        png: the same figures as PNG, in the same order.
        tables: the study's tables by name.
    """
    read = {name: read_table(path) for name, path in tables.items()}
    read["similarities"] = similarities(read["geometry"])
    for vectors, pixels in zip(svg, png, strict=True):
        save(drawn(Path(vectors).stem, read), vectors, pixels)


def drawn(name: str, tables: Mapping[str, pd.DataFrame]) -> Figure:
    """A figure of the registry from the tables that it takes, by their names there."""
    row = FIGURES[name]
    # The rule finds these modules in the registry too, so that its code's digest holds them.
    draw = getattr(importlib.import_module(f"repcompare.figures.{row.module}"), name)
    return draw(*(tables[table] for table in row.tables))
