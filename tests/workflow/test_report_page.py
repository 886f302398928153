"""The study's page as a reader meets it: in a browser, on a phone, in the dark, on paper."""

import pandas as pd
import pytest
from browser import needs_chromium, opened
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

pytestmark = needs_chromium

COLUMN = """
const [table, column] = arguments;
return Array.from(table.tBodies[0].rows, row => row.hidden ? null : row.cells[column].textContent);
"""
HIDDEN_FIGURES = """
return Array.from(document.querySelectorAll("figure"), figure => [
  figure.id, figure.querySelector("svg").getBoundingClientRect()]
).filter(([id, box]) => box.width < 100 || box.height < 50).map(([id]) => id);
"""
# Of every text that stands on the page's own ground, the lowest ratio to it (WCAG 2.1).
LOWEST_CONTRAST = """
const luminance = colour => {
  const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map(value => {
    value /= 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = luminance(getComputedStyle(document.body).backgroundColor);
const texts = Array.from(document.querySelectorAll("h1, h2, p, dt, dd, td, th, a, figcaption, summary"));
return [ground, Math.min(...texts.map(text => {
  const ink = luminance(getComputedStyle(text).color);
  return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
}))];
"""


@pytest.fixture(scope="module")
def path(finished):
    return finished.result("report.html")


@pytest.fixture(scope="module")
def browser(path):
    with opened(path) as page:
        yield page


@pytest.fixture
def page(browser):
    """The page as it opens on a desk, in a browser that stays open between tests."""
    browser.browser.refresh()
    browser.emulate()
    browser.resize(1280)
    return browser


def table(page, section):
    return page.browser.find_element(By.CSS_SELECTOR, f"#{section} table")


def point_at(page, cell_id, row, column, rows):
    """Move to a cell of a heatmap."""
    area = page.browser.find_element(By.ID, cell_id)
    page.scroll_to(area)
    size = area.rect["width"] / rows
    from_middle = [round((place + 0.5 - rows / 2) * size) for place in (column, row)]
    ActionChains(page.browser).move_to_element_with_offset(area, *from_middle).perform()
    return page.browser.find_element(By.CSS_SELECTOR, ".tip")


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_shows_every_figure_and_asks_for_nothing(path, width):
    with opened(path, width) as page:
        assert page.overflow() <= 0
        assert page.run(HIDDEN_FIGURES) == []
        assert page.run("return document.querySelectorAll('figure').length") > 15
        assert page.errors() == []
        assert page.requests() == []


def test_the_longest_name_of_a_study_fits_on_a_phone(page):
    page.resize(390)
    page.run("document.querySelector('h1').textContent = 'n'.repeat(64)")
    assert page.overflow() <= 0


def test_a_table_sorts_by_the_column_that_is_clicked(page):
    models = table(page, "models")
    head = models.find_elements(By.TAG_NAME, "th")[5]
    for direction in ("ascending", "descending"):
        head.find_element(By.TAG_NAME, "button").click()
        values = [float(text) for text in page.run(COLUMN, models, 5)]
        assert head.get_attribute("aria-sort") == direction
        assert values == sorted(values, reverse=direction == "descending")
    assert len(set(values)) > 1


def test_a_long_table_is_filtered_by_words_in_any_column(page):
    details = page.browser.find_elements(By.CSS_SELECTOR, "#transfer > details")[-1]
    details.find_element(By.TAG_NAME, "summary").click()
    field = details.find_element(By.CSS_SELECTOR, ".filter input")
    rows = details.find_element(By.TAG_NAME, "table")
    attack = [head.text for head in rows.find_elements(By.TAG_NAME, "th")].index("attack")
    before = page.run(COLUMN, rows, attack)
    field.send_keys("NOISE l2")
    left = [text for text in page.run(COLUMN, rows, attack) if text is not None]
    assert 0 < len(left) < len(before)
    assert set(left) == {"noise"}
    count = page.run("return arguments[0].nextElementSibling.textContent", field)
    assert count == f"{len(left)} of {len(before)} rows"
    field.clear()
    field.send_keys(" ")
    assert page.run(COLUMN, rows, attack) == before


def test_a_heatmap_cell_names_its_pair_its_value_and_its_interval(page, finished):
    names = ["resnet/seed0", "resnet/seed1", "vgg/seed0", "vgg/seed1"]
    geometry = pd.read_csv(finished.result("tables/geometry.csv"))
    chosen = geometry[
        (geometry["measure"] == "cka_debiased")
        & (geometry["layer_a"] == "penultimate")
        & (geometry["layer_b"] == "penultimate")
    ].set_index(["model_a", "model_b"])
    tip = point_at(page, "similarity-cells0", 1, 2, 4)
    value, low, high = chosen.loc[(names[1], names[2]), ["value", "low", "high"]]
    pair, text = tip.text.split("\n")
    assert pair == f"{names[1]} and {names[2]}"
    numbers = text.replace("−", "-").split(": ")[1].replace(" to ", " (").rstrip(")").split(" (")
    assert [float(number) for number in numbers] == pytest.approx([value, low, high], abs=6e-5)
    tip = point_at(page, "stitched_accuracy-cells0", 3, 0, 4)
    assert tip.text.startswith(f"{names[3]} → {names[0]}\nstitched accuracy: ")
    assert tip.text.count("%") == 2
    assert not point_at(page, "similarity-cells0", 2, 2, 4).is_displayed()


def test_a_layer_is_named_with_its_network(page):
    tip = point_at(page, "layer_similarity-cells0", 0, 1, 2)
    assert tip.text.startswith("stage1 of vgg/seed0 and penultimate of vgg/seed1\n")


def test_what_is_said_of_a_cell_goes_when_the_page_is_scrolled(page):
    tip = point_at(page, "similarity-cells0", 1, 2, 4)
    assert tip.is_displayed()
    page.scroll_to(page.browser.find_element(By.ID, "reproduce"))
    assert not tip.is_displayed()


def test_a_finger_points_too(page):
    page.resize(390)
    area = page.browser.find_element(By.ID, "similarity-cells0")
    page.scroll_to(area)
    page.run(
        """
        const box = arguments[0].getBoundingClientRect();
        const at = {clientX: box.left + 3, clientY: box.bottom - 3, bubbles: true};
        arguments[0].dispatchEvent(new PointerEvent("pointerdown", at));
        """,
        area,
    )
    tip = page.browser.find_element(By.CSS_SELECTOR, ".tip")
    assert tip.text.startswith("vgg/seed1 and resnet/seed0")
    assert page.overflow() <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_either_colour_scheme(page, scheme):
    page.emulate(scheme=scheme)
    ground, contrast = page.run(LOWEST_CONTRAST)
    assert (ground < 0.1) == (scheme == "dark")
    assert contrast >= 4.5


def test_paper_carries_the_text_and_the_figures_but_no_controls(page):
    page.emulate(medium="print")
    page.resize(718)
    assert page.overflow() <= 0
    assert page.run(HIDDEN_FIGURES) == []
    controls = page.browser.find_elements(By.CSS_SELECTOR, "nav, .filter, .screen, details")
    assert controls
    assert not any(control.is_displayed() for control in controls)


def test_the_rule_behind_a_verdict_is_one_click_away(page):
    verdict = page.browser.find_element(By.ID, "verdict-transfer")
    rule = verdict.find_element(By.CSS_SELECTOR, "details p")
    assert not rule.is_displayed()
    verdict.find_element(By.TAG_NAME, "summary").click()
    assert rule.is_displayed()
    assert page.errors() == []
