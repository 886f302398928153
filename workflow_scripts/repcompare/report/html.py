"""What pages share: their templates' environment, and that nothing runs in them but their own script."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from repcompare.messages import visible


def environment(*folders: Path) -> jinja2.Environment:
    """Templates of `folders`: what they are given is text, never HTML, and nothing in it is invisible."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def shown(value: Any) -> Any:
    """What a template puts into the page of a value; our own HTML is left as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def policy(style: str, script: str | None = None) -> str:
    """The content security policy of a page with one `<style>`, and one `<script>` or none.

    Args:
        style: all that stands between the tags, to the character.
        script: the same.

    Returns:
        The `content` of a meta element: nothing is loaded, sent or run but what is in the page, and of
        that no script and no style but these two, attributes included.
    """
    scripts = "" if script is None else f"script-src {_digest(script)}; "
    return (
        f"default-src 'none'; {scripts}style-src {_digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
