"""What others wrote, as a reader is shown it: short, and with nothing in it invisible."""

import json
import re
from typing import Any

# Characters that are shown: of a value or a step of the path to it, and of a file's path.
LONGEST, OF_PATH = 60, 200

# Characters that show nothing: of control but tab and line end, those that turn the direction of what
# follows, of no width (but those that join letters), halves of one, and tags.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """A text for a page, its hidden characters as escapes such as `\\u202e`."""
    return HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)


def cut(text: str, longest: int = LONGEST) -> str:
    """The beginning of a text on one line; what a terminal would not show, or would obey, as an escape."""
    head = text[: longest + 1]
    plain = "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in head)
    return plain if len(plain) <= longest else f"{plain[: longest - 3]}..."


def shown(value: Any) -> str:
    """A value of a config, which is no larger than `plain.plain_problems` allows."""
    return cut(json.dumps(value, default=str, skipkeys=True, ensure_ascii=False))
