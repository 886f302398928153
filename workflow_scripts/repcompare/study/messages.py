"""What was given, as a message shows it: short, on one line, and nothing in it invisible."""

import json
from typing import Any

# Characters that are shown: of a value or a step of the path to it, and of a file's path.
LONGEST, OF_PATH = 60, 200


def cut(text: str, longest: int = LONGEST) -> str:
    """The beginning of a text; what a terminal would not show, or would obey, as an escape."""
    head = text[: longest + 1]
    plain = "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in head)
    return plain if len(plain) <= longest else f"{plain[: longest - 3]}..."


def shown(value: Any) -> str:
    """A value of a config, which is no larger than `plain.plain_problems` allows."""
    return cut(json.dumps(value, default=str, skipkeys=True, ensure_ascii=False))
