"""A forest plot has a row a study and pooled effect, each where its numbers are."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.text import Text

from repcompare.figures.forest import forest
from repcompare.figures.style import save

ROWS = pd.DataFrame(
    [
        ("digits", 0.6, 0.5, 0.7, "0.60 (0.50 to 0.70)", 0.8),
        ("mine", 0.9, 0.8, 1.0, "0.90 (0.80 to 1.00)", 0.2),
        ("fixed effect", 0.7, 0.6, 0.8, "0.70 (0.60 to 0.80)", np.nan),
        ("random effects", 0.75, -1.0, 2.5, "0.75 (−1.00 to 2.50)", np.nan),
    ],
    columns=["name", "effect", "low", "high", "text", "weight"],
)


@pytest.fixture
def axes():
    return forest(ROWS, "mean R²", 0.5).axes[0]


def test_every_row_has_its_name_its_mark_and_its_numbers(axes):
    assert [text.get_text() for text in axes.get_yticklabels()] == list(ROWS["name"])
    shown = [text.get_text() for text in axes.findobj(Text)]
    assert set(ROWS["text"]) <= set(shown)
    marks = list(axes.findobj(PathCollection))
    places = np.array([mark.get_offsets()[0] for mark in marks])
    np.testing.assert_allclose(places, np.stack([ROWS["effect"], np.arange(4)], axis=1))
    assert marks[0].get_sizes() > marks[1].get_sizes()


def test_an_interval_that_reaches_far_beyond_the_studies_is_cut_with_an_arrow_to_each_side(axes):
    low, high = axes.get_xlim()
    lines = [line.get_segments()[0][:, 0] for line in axes.findobj(LineCollection)][:4]
    np.testing.assert_allclose(lines[:3], ROWS[["low", "high"]][:3])
    np.testing.assert_allclose(lines[3], [low, high])
    assert -1.0 < low < 0.5
    assert 1.0 < high < 2.5
    arrows = {line.get_marker(): line.get_xydata().tolist() for line in axes.lines}
    assert arrows["<"] == [[low, 3]]
    assert arrows[">"] == [[high, 3]]


def test_what_it_is_compared_with_is_seen():
    for reference in (0.0, 3.0):
        axes = forest(ROWS, "mean R²", reference).axes[0]
        low, high = axes.get_xlim()
        assert low < reference < high
        assert axes.lines[0].get_xdata() == [reference, reference]


def test_a_study_may_be_called_anything(tmp_path):
    names = ["$\\frac{a}$", "<script>\u202e&", "x" * 300, "two\nlines"]
    figure = forest(ROWS.assign(name=names), "mean R²", 0.5)
    save(figure, tmp_path / "forest.svg", tmp_path / "forest.png")
    drawn = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert drawn == [r"\$\frac{a}\$", r"<script>\u202e&", f"{'x' * 37}...", r"two\nlines"]
    assert figure.get_tightbbox().width < 9
