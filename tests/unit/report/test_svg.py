"""A figure gets into a page with what figures are made of, and with nothing else of its file."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure

from repcompare.figures.style import save
from repcompare.report.svg import SvgError, inline

ROOT = (
    '<svg width="72pt" height="36pt" viewBox="0 0 1 1" xmlns="http://www.w3.org/2000/svg" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1"'
)
DOCUMENT = f'<?xml version="1.0"?>\n<!DOCTYPE svg>\n{ROOT}>%s</svg>'


def test_ids_carry_the_name_of_the_figure_and_styles_become_attributes():
    content = '<metadata><a/></metadata><defs><style type="text/css">*{}</style></defs><!-- a -->'
    content += '<path id="a" d="M 0 0" style="fill: none; stroke-dasharray: 0.9,0.9"/>'
    content += '<use xlink:href="#a" clip-path="url(#b)"/>text'
    found, width = inline(DOCUMENT % content, "maps", 'R² & "more"')
    assert width == 96
    assert found == (
        '<svg viewBox="0 0 1 1" version="1.1" role="img" aria-label="R² &amp; &quot;more&quot;">'
        '<defs></defs><path id="maps-a" d="M 0 0" fill="none" stroke-dasharray="0.9,0.9"></path>'
        '<use xlink:href="#maps-a" clip-path="url(#maps-b)"></use></svg>'
    )


STRANGE = [
    "<script>ran()</script>",
    '<path onclick="ran()"/>',
    '<a xlink:href="javascript:ran()"><path/></a>',
    '<use xlink:href="data:image/svg+xml,a"/>',
    '<use xlink:href="https://example.org/a.svg#b"/>',
    '<image xlink:href="https://example.org/a.png"/>',
    '<image xlink:href="data:image/svg+xml;base64,aaaa"/>',
    "<foreignObject/>",
    "<text>a</text>",
    '<animate attributeName="href"/>',
    '<path style="fill: url(https://example.org/a)"/>',
    '<path style="background: red"/>',
    '<g clip-path="url(https://example.org/a#b)"/>',
    '<g filter="url(#a)"/>',
    '<html xmlns="http://www.w3.org/1999/xhtml"/>',
    "<g>" * 50 + "</g>" * 50,
]


@pytest.mark.parametrize("content", STRANGE)
def test_what_no_figure_has_is_refused_by_the_name_of_the_file(content):
    with pytest.raises(SvgError, match=r"^maps\.svg: .*no figure of this workflow has: delete"):
        inline(DOCUMENT % content, "maps", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no figure",
        DOCUMENT[:90],
        "<html/>",
        f'<!DOCTYPE svg [<!ENTITY a "b">]>\n{ROOT}><path d="&a;"/></svg>',
        '<svg><path/></svg xmlns="a">',
    ],
)
def test_what_is_no_figure_is_refused(text):
    with pytest.raises(SvgError, match=r"^maps\.svg: not a"):
        inline(text, "maps", "")


def test_what_closes_a_tag_in_a_value_closes_none():
    found, _ = inline(DOCUMENT % '<g id="&quot;&gt;&lt;script&gt;"/>', "maps", "</svg><script>")
    assert "<script" not in found
    assert ET.fromstring(found)[0].get("id") == 'maps-"><script>'


def test_a_figure_with_an_image_is_one(tmp_path):
    figure = Figure()
    figure.subplots().imshow(np.eye(3), interpolation="nearest")
    save(figure, tmp_path / "a.svg", tmp_path / "a.png")
    found, _ = inline((tmp_path / "a.svg").read_text(encoding="utf-8"), "a", "")
    assert re.search(r'<image xlink:href="data:image/png;base64,[^"]+"', found)
