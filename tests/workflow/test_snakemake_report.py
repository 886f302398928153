"""`snakemake --report` carries the figures, each with its caption, category and label."""

import json
import re
from types import SimpleNamespace

import pytest
from browser import needs_chromium, opened
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from workflow.study import Study, copy

CATEGORIES = {
    "Adversarial transfer",
    "Findings",
    "Geometry",
    "Input features",
    "Linear maps",
    "Models",
}


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory):
    """Snakemake's own report: its path, the figures it holds by name, and the captions' names."""
    study = Study(tmp_path_factory.mktemp("report") / "study")
    copy(finished.folder, study.folder)
    study.run("--report", "report.html")
    path = study.folder / "report.html"
    text = path.read_text(encoding="utf-8")
    results = json.loads(re.search(r"var results = (\{.*?\});?\n", text)[1])
    figures = {path.rsplit("/", 1)[1].removesuffix(".svg"): one for path, one in results.items()}
    page = study.folder / "workflow_scripts" / "repcompare" / "report"
    captions = {file.stem for file in page.glob("captions/*.rst")}
    categories = json.loads(re.search(r"var categories = (\{.*?\});?\n", text)[1])
    return SimpleNamespace(path=path, figures=figures, captions=captions, categories=categories)


def test_it_holds_every_figure(report):
    assert set(report.categories) == CATEGORIES
    assert set(report.figures) == report.captions
    for name, figure in report.figures.items():
        assert figure["caption"].startswith("<p><strong>")
        assert figure["labels"] == {"figure": name.replace("_", " ")}
        assert figure["data_uri"].startswith("data:image/svg+xml")


@needs_chromium
def test_a_reader_finds_each_figure_under_its_category_in_a_browser(report):
    with opened(report.path) as page:

        def click(text):
            found = WebDriverWait(page.browser, 10).until(
                lambda browser: browser.find_elements(By.XPATH, f"//*[text()={text!r}]")
            )
            found[0].click()

        listed = set()
        for category in sorted(CATEGORIES):
            click(category)
            rows = WebDriverWait(page.browser, 10).until(
                lambda browser: browser.find_elements(By.CSS_SELECTOR, "table tbody tr")
            )
            listed |= {row.text.strip() for row in rows}
            click("Results")
        assert listed == {name.replace("_", " ") for name in report.captions}
        click("Geometry")
        row = page.browser.find_element(By.XPATH, "//tr[td[text()='similarity']]")
        row.find_element(By.CSS_SELECTOR, "[iconname=eye]").click()
        WebDriverWait(page.browser, 10).until(
            lambda browser: browser.find_elements(By.CSS_SELECTOR, "[src^='data:image/svg']")
        )
        assert page.errors() == []
        assert page.requests() == []
