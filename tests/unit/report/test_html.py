"""Names that others chose are text on a page, and only the page's own script and style count."""

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import pytest
from browser import needs_chromium, opened
from markupsafe import escape
from unit.report.test_page import STUDY, page

HOSTILE = [
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 2">',
    "'</script><script>window.ran = 3</script>",
    "</style><style>body { display: none }</style>",
    "{{ 7 * 7 }}&amp;$\\frac$",
    "x" * 300,
    "\u202egnp.exe\u200f",
]
TITLE = " ".join(HOSTILE)


@pytest.fixture(scope="module")
def hostile():
    """A page whose title, data set, classes and attacks are called so."""

    def change(content):
        return content | {"attacks": content["attacks"].assign(attack=HOSTILE[0])}

    config = STUDY["config"] | {"report": {"title": TITLE}, "data": {"name": HOSTILE[1]}}
    dataset = STUDY["dataset"] | {"class_names": tuple(HOSTILE * 2)[:10]}
    return page((3, 2), change=change, config=config, dataset=dataset)


class Elements(HTMLParser):
    """The text of each `style` and `script`, and the attributes of all else."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.attributes, self.inside = {"style": [], "script": []}, [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.attributes += [name for name, _ in attributes]
        self.inside = tag if tag in self.texts else None
        if tag == "script" and dict(attributes).get("type"):
            self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.texts[self.inside].append(data)
            self.inside = None


def policy_of(text) -> str:
    return html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])


def digest(text) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_names_the_only_script_and_the_only_style(hostile):
    found = Elements(hostile)
    (style,), (script,) = found.texts["style"], found.texts["script"]
    assert policy_of(hostile) == (
        f"default-src 'none'; script-src {digest(script)}; style-src {digest(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "style" not in found.attributes
    assert not [name for name in found.attributes if name.startswith("on")]
    head = hostile.index("Content-Security-Policy")
    assert head < min(hostile.index(f"<{tag}") for tag in ("title", "style", "script", "body"))


def test_names_are_text_and_nothing_in_them_is_invisible(hostile):
    for name in HOSTILE[:4]:
        assert name not in hostile
        assert str(escape(name)) in hostile
    assert "{{ 7 * 7 }}&amp;amp;$" in hostile
    assert hostile.count(str(escape(HOSTILE[0]))) > 2
    assert HOSTILE[5] in hostile
    assert "\u202e" not in hostile
    assert r"\u202egnp.exe\u200f" in hostile


@pytest.mark.slow
@needs_chromium
def test_nothing_runs_in_a_browser_but_the_pages_own_script(hostile, tmp_path):
    (tmp_path / "page.html").write_text(hostile, encoding="utf-8")
    with opened(tmp_path / "page.html") as shown:
        assert shown.errors() == shown.requests() == []
        assert shown.run("return window.ran") is None
        visible = TITLE.replace("\u202e", r"\u202e").replace("\u200f", r"\u200f")
        assert shown.run("return document.title") == visible
        assert shown.run("return document.querySelectorAll('.filter').length") > 0
        assert shown.overflow() <= 0
        # What a name or a figure could have brought in, had it not been text.
        shown.run(
            """
            const script = document.createElement("script");
            script.textContent = "window.ran = 4";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", `
                <svg onload="window.ran = 5"></svg><img src="https://example.org/a.png">
                <img src="data:," onerror="window.ran = 6"><style>h1 { color: red }</style>
                <p id="probe" style="color: red">a</p><iframe src="https://example.org"></iframe>`);
            """
        )
        refused = "\n".join(shown.errors())
        for kind in ("inline script", "inline event handler", "inline style", "loading the image"):
            assert kind in refused.lower(), refused
        assert shown.run("return window.ran") is None
        red = "return getComputedStyle(document.querySelector(arguments[0])).color"
        assert shown.run(red, "#probe") == shown.run(red, "body")
        assert shown.run(red, "h1") == shown.run(red, "body")
