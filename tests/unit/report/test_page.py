"""The page is whole in itself, tells the study's numbers, and works in a browser."""

import html
import html.parser
import re

import pandas as pd
import pytest
from unit.support.synthetic_tables import FIGURES, findings, judged, tables

from repcompare.figures.style import save
from repcompare.findings.rules import RULES
from repcompare.report.page import PAGE, read_figures, render_report
from repcompare.report.verdicts import p_text, verdicts

TEMPLATE = PAGE / "template.html.j2"
CAPTIONS = sorted(PAGE.glob("captions/*.rst"))
COSTS = pd.DataFrame(
    {"stage": ["train", "compare"], "jobs": [6, 3], "seconds": [60.0, 9.5], "peak_mib": [512, None]}
)
STUDY = {
    "config": {
        "study": "digits",
        "data": {"name": "digits"},
        "features": {"samples": 200},
        "report": {"title": None},
    },
    "dataset": {
        "class_names": [str(digit) for digit in range(10)],
        "image_shape": (1, 8, 8),
        "samples": {"train": 1200, "test": 597},
    },
}
PROVENANCE = {
    "config_yaml": "study: digits\n",
    "command": "snakemake --cores all",
    "versions": {"python": "3.11.7"},
    "digests": {"dataset": "ab" * 32},
}


def page(size, figures=None, change=dict, **study):
    content = change(tables(*size))
    content["findings"], content["specifications"] = judged(content)
    content["costs"] = COSTS
    content["layers_geometry"] = content["geometry"]
    return render_report(TEMPLATE, content, figures or {}, STUDY | study, PROVENANCE)


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder, study = tmp_path_factory.mktemp("figures"), tables(3, 2)
    for name, draw in FIGURES.items():
        save(draw(study), folder / f"{name}.svg", folder / f"{name}.png")
    return read_figures(folder.glob("*.svg"), CAPTIONS)


@pytest.fixture(scope="module")
def whole_page(figures):
    return page((3, 2), figures)


class Outline(html.parser.HTMLParser):
    """Every start tag with its attributes; refuses tags that are closed in the wrong order."""

    VOID = ("meta", "link", "br", "hr", "img", "input")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, wanted):
        return [attributes for tag, attributes in self.tags if tag == wanted]


def test_ids_are_unique_and_every_reference_has_its_target(whole_page):
    outline = Outline(whole_page)
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 100
    links = [
        value
        for _, attributes in outline.tags
        for key, value in attributes.items()
        if key in ("href", "xlink:href") and value.startswith("#")
    ]
    references = links + re.findall(r"url\((#[^)]+)\)", whole_page)
    assert len(references) > 100
    assert {reference[1:] for reference in references} <= set(ids)


def test_nothing_is_loaded_from_elsewhere(whole_page):
    outline = Outline(whole_page)
    for _, attributes in outline.tags:
        for key in ("src", "href", "xlink:href", "srcset", "action"):
            assert attributes.get(key, "#").startswith(("#", "data:"))
    assert "@import" not in whole_page
    assert not re.search(r"url\((?!#)", whole_page)


def test_every_figure_is_labelled_numbered_and_captioned(whole_page, figures):
    outline = Outline(whole_page)
    images = outline.named("svg")
    assert len(images) == len(figures) == len(outline.named("figure")) == len(FIGURES)
    assert all(image["role"] == "img" and image["aria-label"] for image in images)
    numbers = re.findall(r"<b>Figure (\d+)\.", whole_page)
    assert numbers == [str(number) for number in range(1, 1 + len(FIGURES))]
    assert "<?xml" not in whole_page
    assert "<metadata" not in whole_page
    assert whole_page.count("<!DOCTYPE") == 1


def test_findings_come_first_and_then_the_sections_in_order(whole_page):
    sections = [attributes["id"] for attributes in Outline(whole_page).named("section")]
    assert sections == [
        "findings", "models", "maps", "geometry", "transfer", "features", "validity", "cost", "reproduce",
    ]  # fmt: skip
    articles = [attributes["id"] for attributes in Outline(whole_page).named("article")]
    assert articles == [
        "finding-linear", "finding-retraining", "finding-exception", "finding-transfer",
    ]  # fmt: skip


def test_the_page_tells_the_studys_numbers(whole_page):
    maps = tables(3, 2)["maps"]
    cross = maps.query("source_architecture != target_architecture and family == 'least_squares'")
    assert f'<dd class="value">{cross["r2_test"].median():.2f}</dd>' in whole_page
    assert "3 architectures × 2 seeds, 6 models" in whole_page
    assert "10 classes, images of 1×8×8: train 1200, test 597" in whole_page
    assert "<td>train</td><td" in whole_page
    assert "study: digits" in whole_page


def test_every_verdict_stands_at_the_top_with_effect_p_n_rule_and_a_link_to_its_figure():
    study = tables(5, 3, exception=0.1)
    table = findings(study, permutations=999)
    shown = {verdict.id: verdict for verdict in verdicts(table)}
    assert list(shown) == ["linear", "retraining", "exception", "transfer"]
    decided = table[table["verdict"] != ""].set_index("finding")
    row = decided.loc["exception"]
    assert shown["exception"].effect == (
        f"δ of resnext29 less the others' by CKA (debiased): +{row['effect']:.3f}, "
        f"simultaneous 95\u00a0% bounds +{row['low']:.3f} to +{row['high']:.3f}"
    )
    assert shown["exception"].basis == (
        f"p\u00a0=\u00a0{row['p']:.4f}; 3 pairs of its own, 15 models; 5 architectures"
    )
    assert (
        "210 ordered pairs, 15 models; 5 architectures left out in turn" in shown["transfer"].basis
    )
    assert "per standard deviation" in shown["transfer"].effect
    row = table.query("finding == 'transfer' and verdict != ''").iloc[0]
    assert shown["transfer"].stability == (
        f"The verdict is the same without one architecture in {row['left_out_agree']} of 5 cases, by other "
        f"measures, strengths and denominators in {row['specifications_agree']} of 139"
    )
    assert "180 ordered pairs, 15 models; 5 architectures left out in turn" in shown["linear"].basis


def test_a_verdict_that_a_study_cannot_give_tells_why():
    shown = {one.id: one for one in verdicts(findings(tables(2, 3)))}
    assert {one.verdict for one in shown.values()} == {"inconclusive"}
    assert shown["linear"].note == "needs 3 architectures, there are 2; no interval or p"
    assert shown["retraining"].note == "needs 3 architectures with 2 seeds, there are 2"
    assert shown["exception"].note == "needs 4 architectures with 2 seeds, there are 2"
    assert "needs 3 architectures, there are 2" in shown["transfer"].note


def test_the_page_opens_with_the_verdicts_and_their_rules(whole_page):
    top = whole_page[whole_page.index('<ol class="verdicts">') : whole_page.index("<article")]
    assert re.findall(r'<li id="verdict-(\w+)">', top) == list(RULES)
    assert len(re.findall(r'<span class="verdict (\w+)">\1</span>', top)) == 4
    for rule in RULES.values():
        assert rule.rule in html.unescape(top)
        assert f'href="#figure-{rule.figure}"' in top
    assert top.count("<summary>The rule behind the verdict</summary>") == 4
    assert "needs 4 architectures with 2 seeds" in top.lower()


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "p < 0.0001"),
        (0.00001, "p < 0.0001"),
        (0.0001, "p = 0.0001"),
        (0.0017, "p = 0.0017"),
        (0.25, "p = 0.25"),
        (1.0, "p = 1.00"),
    ],
)
def test_p_has_two_digits_that_count_down_to_the_fourth(p, text):
    assert p_text(p).replace("\u00a0", " ") == text
    assert p_text(float("nan")) == "p –"


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((1, 1), "This study has one model only"),
        ((3, 1), "Every architecture has one seed"),
        ((1, 3), "This study has one architecture"),
        ((1, 3), "no pair of different architectures"),
    ],
)
def test_a_finding_that_a_study_cannot_bear_on_says_why(size, reason):
    Outline(text := page(size))
    assert reason in text
    assert ">nan" not in text


def test_text_from_the_config_is_escaped():
    title = "<script>alert(1)</script>"
    text = page((1, 1), config=STUDY["config"] | {"report": {"title": title}})
    assert title not in text
    assert "<h1>&lt;script&gt;" in text


def test_a_table_too_long_for_a_page_is_named_and_left_out(monkeypatch):
    assert "Complete table: 15 rows of" not in page((1, 1))
    assert "Complete table: 90 rows of <code>tables/maps.csv" in page((3, 2))
    monkeypatch.setattr("repcompare.report.tables.LONGEST_TABLE", 89)
    assert "Complete table: 90 rows, too many" in page((3, 2))


def test_every_caption_has_a_title_and_figures_need_one(tmp_path):
    drawn = [tmp_path / f"{path.stem}.svg" for path in CAPTIONS]
    for path in drawn:
        path.write_text("<svg/>", encoding="utf-8")
    read = read_figures(drawn, CAPTIONS)
    assert all(figure.title and figure.caption for figure in read.values())
    assert set(read) == {*FIGURES, "adversarial_examples", "feature_gallery"}
    with pytest.raises(ValueError, match="no caption named held_out_r2"):
        read_figures(drawn, [path for path in CAPTIONS if path.stem != "held_out_r2"])
    (untitled := tmp_path / "similarity.rst").write_text("No title.", encoding="utf-8")
    with pytest.raises(ValueError, match="does not begin with a"):
        read_figures([tmp_path / "similarity.svg"], [untitled])


def test_only_a_long_table_has_a_box_to_scroll_in():
    boxes = {
        attributes["aria-label"]: attributes["class"]
        for attributes in Outline(page((2, 21))).named("div")
        if attributes.get("class", "").startswith("scroll")
    }
    assert boxes["Models"] == "scroll long"
    assert boxes["Mean similarity by pair of architectures"] == "scroll"
