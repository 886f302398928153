"""What every figure shares: type, colours, names, explanations of empty panels, and saving."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from repcompare.messages import cut
from repcompare.storage.files import replacing

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

Arguments = ParamSpec("Arguments")

# Okabe & Ito (2008): told apart in every common form of colour blindness. Shapes repeat the
# distinction for print in grey.
SAME, CROSS, WHITE_BOX, NOISE = "#D55E00", "#0072B2", "#222222", "#7A7A7A"
KINDS = {True: ("same architecture", SAME, "D"), False: ("different architectures", CROSS, "o")}
# Their palette without yellow, which is too light for a name on white.
QUALITATIVE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222")
UNDEFINED = "#DCDCDC"
SEQUENTIAL, DIVERGING = "viridis", "PuOr"

# Above this many, a figure's marks are images in it: an SVG of 10⁵ paths stalls a browser.
VECTOR_MARKS = 10_000
# Dots per inch, in an SVG of those images; a page holds all figures.
PNG_DPI, SVG_DPI = 200, 120

STYLE: "dict[RcKeyType, Any]" = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    # Outlines, because the reader's machine may lack the font and would then shift every label.
    "svg.fonttype": "path",
}


def label(text: str, longest: int) -> str:
    """What someone else called a thing, for a figure: cut, on one line, and never read as mathematics."""
    return cut(text, longest).replace("$", r"\$")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Draw under this package's style, whatever the caller's settings are."""

    @functools.wraps(draw)
    def draw_styled(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return draw_styled


def save(figure: Figure, svg: str | os.PathLike, png: str | os.PathLike) -> None:
    """Write `figure` as SVG and as PNG, byte for byte the same for the same figure."""
    marks: list[Collection | Line2D] = []
    for axes in figure.axes:
        marks += [*axes.collections, *axes.lines]
    if sum(map(count_marks, marks)) > VECTOR_MARKS:
        for artist in marks:
            artist.set_rasterized(True)
    # The salt seeds the identifiers of clip paths, which are random otherwise.
    settings: dict[RcKeyType, Any] = STYLE | {"svg.hashsalt": Path(svg).stem}
    with matplotlib.rc_context(settings):
        # Laid out once for both: by itself each of the two lays out and measures before it draws.
        # Letters are a little wider at few dots per inch.
        figure.set_dpi(PNG_DPI)
        if engine := figure.get_layout_engine():
            engine.execute(figure)
        box = figure.get_tightbbox().padded(0.05)
        figure.set_layout_engine(None)
        with replacing(svg) as path:
            metadata = {"Date": None, "Creator": None}
            figure.savefig(path, format="svg", dpi=SVG_DPI, metadata=metadata, bbox_inches=box)
        with replacing(png) as path:
            metadata = {"Software": None}
            figure.savefig(path, format="png", dpi=PNG_DPI, metadata=metadata, bbox_inches=box)


def count_marks(artist: Collection | Line2D) -> int:
    """How many elements an SVG needs for `artist`, about."""
    if isinstance(artist, Line2D):
        return np.size(artist.get_xdata()) if artist.get_marker() not in ("", "None", None) else 1
    if isinstance(artist, QuadMesh):
        values = artist.get_array()
        assert values is not None, "a mesh is drawn of values"
        return values.size
    return max(len(np.asarray(artist.get_offsets())), len(artist.get_paths()))


@styled
def explanation(text: str) -> Figure:
    """A small figure that only says why there is nothing to show."""
    figure = Figure(figsize=(4.5, 1.4), layout="constrained")
    explain(figure.subplots(), text)
    return figure


def explain(axes: Axes, text: str) -> None:
    """Replace the content of `axes` by `text`."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.grid(False)
    axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        ha="center",
        va="center",
        color="#666666",
        wrap=True,
    )


def jitter(count: int, width: float) -> np.ndarray:
    """`count` offsets within ±`width`/2 that look scattered and are always the same."""
    return ((np.arange(count) * 0.6180339887) % 1 - 0.5) * width


def few_ticks(axes: Axes, x: int | None = None, y: int | None = None) -> None:
    """At most so many intervals between ticks on the axes named, so that labels never touch."""
    if x:
        axes.xaxis.set_major_locator(MaxNLocator(x))
    if y:
        axes.yaxis.set_major_locator(MaxNLocator(y))
