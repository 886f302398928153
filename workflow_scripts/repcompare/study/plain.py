"""Whether a config is of text, numbers, lists and sections alone, and of a size that a person writes.

What passes can be walked, compared, shown and copied: nothing in it contains itself, is nested
without end, stands for more than it is, or is an object that YAML made of a tag.
"""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from repcompare.messages import cut
from repcompare.study.schema import KeyPath, Problem

DEEPEST = 20
# An entry that is named in several places, as YAML's aliases can, counts in each.
MOST_ENTRIES = 10_000
LONGEST_TEXT = 4096
LARGEST = 2**63 - 1

# Of a path in a message: what is nested too deep has no shorter one that would help.
SHOWN_STEPS = 3


def plain_problems(raw: Any) -> Iterator[Problem]:
    """What makes a config unfit to be looked at more closely."""
    pending: list[tuple[KeyPath, Any]] = [((), raw)]
    entries = 1
    while pending:
        path, value = pending.pop()
        entries += len(value) if isinstance(value, Mapping | list) else 0
        if entries > MOST_ENTRIES:
            text = f"more than {MOST_ENTRIES:,} entries, aliases counted at each place: too many"
            yield Problem(0, (), text)
            return
        if len(path) > DEEPEST:
            text = f"nested deeper than {DEEPEST} levels, or contains itself"
            yield Problem(0, path[:SHOWN_STEPS], text)
            return
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str):
                    yield Problem(0, (*path, named(key)), NO_NAMES[kind(key)])
                elif wrong := wrong_text(key):
                    yield Problem(0, (*path, key), wrong)
            pending += [((*path, str(key)), value[key]) for key in value if isinstance(key, str)]
        elif isinstance(value, list):
            pending += [((*path, place), entry) for place, entry in enumerate(value)]
        elif wrong := wrong_scalar(value):
            yield Problem(0, path, wrong)


def named(key: Any) -> str:
    """A key that is no text, as YAML would have it."""
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    if isinstance(key, int) and abs(key) > LARGEST:
        return "a number"
    return cut(str(key))


QUOTES = "put it in quotes"

# What is said of a key that is no text, by what YAML makes of it.
NO_NAMES = {
    "bool": f"to YAML on, off, yes, no, true and false are no names, {QUOTES}",
    "null": f"to YAML ~, null and nothing are no names, {QUOTES}",
    "number": f"a number to YAML, and no name, {QUOTES}",
    "date": f"a date to YAML, and no name, {QUOTES}",
    "other": "not a name, allowed: text",
}


def kind(value: Any) -> str:
    """What YAML made of a text that is text no more, as in `NO_NAMES`."""
    if value is None:
        return "null"
    kinds = {bool: "bool", int: "number", float: "number", datetime.date: "date"}
    return next((name for known, name in kinds.items() if isinstance(value, known)), "other")


def wrong_scalar(value: Any) -> str:
    """What is wrong with a value that is neither a list nor a section; empty if nothing is."""
    if value is None or isinstance(value, bool | float):
        return ""
    if isinstance(value, int):
        digits = int(value.bit_length() * 0.30103) + 1
        text = f"a number of {digits:,} digits, more than any key takes"
        return text if abs(value) > LARGEST else ""
    if isinstance(value, str):
        return wrong_text(value)
    if isinstance(value, datetime.date):
        return f"YAML reads {value} as a date, {QUOTES}"
    return (
        f"a {type(value).__name__}, allowed: text, numbers, true, false, null, lists and sections"
    )


def wrong_text(text: str) -> str:
    """What is wrong with a text wherever it stands: its length, or characters that no text has."""
    if len(text) > LONGEST_TEXT:
        return f"text of {len(text):,} characters, allowed: up to {LONGEST_TEXT:,}"
    unfit = next((mark for mark in text if not mark.isprintable() and unfit_mark(mark)), None)
    return f"holds {unfit!a}, which no text here may" if unfit else ""


def unfit_mark(mark: str) -> bool:
    """Whether a character is a control character other than tab and line end, or half of one."""
    return (
        (mark < " " and mark not in "\t\n")
        or "\x7f" <= mark <= "\x9f"
        or "\ud800" <= mark <= "\udfff"
    )
