"""Names that depend on the study, such as `{split}/ids`, and whether a name is of such a pattern."""

import re
from collections.abc import Mapping


def is_of_pattern(name: str, pattern: str, placeholders: Mapping[str, str]) -> bool:
    """Whether a name is the pattern with something in place of each word in braces.

    `placeholders` has a regular expression for each such word; KeyError for another.
    """
    parts = re.split(r"{(\w+)}", pattern)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [f"(?:{placeholders[part]})" for part in parts[1::2]]
    return bool(re.fullmatch("".join(parts), name))
