"""A figure inside a page: an SVG document read, and written again with what figures are made of alone."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from html import escape

from repcompare.messages import cut

NAMESPACE = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"

# What matplotlib draws with, text as outlines. Its style sheet is in the page's own.
TAGS = {"svg", "g", "defs", "clipPath", "path", "rect", "use", "image"}
LEFT_OUT = {"metadata", "style"}
ATTRIBUTES = {
    "id",
    "transform",
    "d",
    "x",
    "y",
    "width",
    "height",
    "viewBox",
    "version",
}
PROPERTIES = {
    "fill",
    "fill-opacity",
    "fill-rule",
    "stroke",
    "stroke-opacity",
    "stroke-width",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-dasharray",
    "stroke-dashoffset",
    "opacity",
    "image-rendering",
}
VALUE = re.compile(r"[\w#.,%+\- ]*")
INNER = re.compile(r"url\(#[\w.\-]+\)")
IMAGE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=\s]*")
DEEPEST = 30

STRANGE = "which no figure of this workflow has: delete the file and call snakemake again"


class SvgError(ValueError):
    """A figure's file that holds what no figure of this workflow does."""


def inline(text: str, name: str, label: str) -> tuple[str, float | None]:
    """The figure as an `<svg>` element that can stand beside others in one HTML document.

    Every id and reference to it is prefixed by `name`, for ids are unique in a document; what says how
    a mark is drawn becomes attributes, which a page needs no policy for. No text, comment, script, link
    or style sheet of the file gets into the page.

    Args:
        text: the document, as matplotlib writes it.
        name: of the figure.
        label: what it is, for screen readers.

    Returns:
        The element, and its width in CSS pixels as it was drawn, None if it does not say.

    Raises:
        SvgError: it is no SVG, or has other elements, attributes or values.
    """
    try:
        # Without what comes before: a document type may define any text.
        root = ET.fromstring(text[max(text.find("<svg"), 0) :])
    except ET.ParseError as error:
        raise SvgError(f"{name}.svg: not a whole SVG file ({error})") from None
    if root.tag != f"{NAMESPACE}svg":
        raise SvgError(f"{name}.svg: not an SVG file")
    width = re.fullmatch(r"([\d.]+)pt", root.attrib.pop("width", ""))
    root.attrib.pop("height", None)
    # 4/3 turns points into CSS pixels.
    natural = float(width[1]) * 4 / 3 if width else None
    return "".join(_written(root, name, {"role": "img", "aria-label": label})), natural


def _written(
    element: ET.Element, name: str, more: Mapping[str, str], deepest: int = DEEPEST
) -> Iterator[str]:
    """An element and what is in it, with `more` attributes of our own."""
    tag = element.tag.removeprefix(NAMESPACE)
    if tag in LEFT_OUT:
        return
    if tag not in TAGS or not deepest:
        raise SvgError(f"{name}.svg: an element {cut(tag)}, {STRANGE}")
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        found = _attributes(tag, key, value, name)
        if found is None:
            raise SvgError(f"{name}.svg: {cut(key)} is {cut(value)}, {STRANGE}")
        attributes |= found
    attributes |= more
    yield " ".join([f"<{tag}", *(f'{key}="{escape(value)}"' for key, value in attributes.items())])
    yield ">"
    for part in element:
        yield from _written(part, name, {}, deepest - 1)
    yield f"</{tag}>"


def _attributes(tag: str, key: str, value: str, name: str) -> dict[str, str] | None:
    """What an attribute is written as, a style as an attribute each; None if it is not allowed."""
    if key == "style":
        pairs = [part.partition(":") for part in value.split(";") if part.strip()]
        found = {key.strip(): setting.strip() for key, _, setting in pairs}
        sound = found.keys() <= PROPERTIES and all(map(VALUE.fullmatch, found.values()))
        return found if sound else None
    if key == "id":
        return {key: f"{name}-{value}"}
    if key == "clip-path" and INNER.fullmatch(value):
        return {key: value.replace("#", f"#{name}-")}
    if key == LINK and tag == "use" and value.startswith("#"):
        return {"xlink:href": f"#{name}-{value[1:]}"}
    if key == LINK and tag == "image" and IMAGE.fullmatch(value):
        return {"xlink:href": value}
    return {key: value} if key in ATTRIBUTES else None
