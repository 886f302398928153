"""A study with a third of its pairs undefined, or not there, has its figures, verdicts and page."""

import numpy as np
import pytest
from unit.report.test_page import page
from unit.support.synthetic_tables import FIGURES, decided, findings, tables, with_holes

from repcompare.figures.style import save
from repcompare.vocabulary import FINDINGS

HOLES = ("cells", "rows")


@pytest.fixture(scope="module", params=HOLES)
def study(request):
    return with_holes(tables(5, 3), request.param)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn(study, name, tmp_path):
    save(FIGURES[name](study), tmp_path / "a.svg", tmp_path / "a.png")
    assert (tmp_path / "a.svg").stat().st_size > 3000


def test_every_finding_has_its_verdict_of_the_pairs_that_are_left(study):
    rows = decided(findings(study, permutations=999))
    assert list(rows.index) == list(FINDINGS)
    whole = decided(findings(tables(5, 3), permutations=999))
    for finding in FINDINGS:
        assert np.isfinite(rows.loc[finding, "effect"])
        assert 0 < rows.loc[finding, "n_pairs"] <= whole.loc[finding, "n_pairs"]
    assert rows.loc["transfer", "n_pairs"] < 0.6 * whole.loc["transfer", "n_pairs"]
    # Two thirds of the pairs tell the same: similarity is what transfer was made of.
    assert rows.loc["transfer", "verdict"] == whole.loc["transfer", "verdict"] == "supported"


@pytest.mark.parametrize("kind", HOLES)
def test_the_page_is_written(kind):
    text = page((3, 2), change=lambda content: with_holes(content, kind))
    assert "nan" not in text.split("<main>")[1].split("<script")[0].lower()
