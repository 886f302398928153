"""A config as it stands in its file, before Snakemake or anything else has read it.

What YAML would drop, change or run without a word is refused here: a key that is given twice, a text
that YAML takes for a number that nobody wrote, tags, and the expressions that Snakemake evaluates.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from repcompare.messages import OF_PATH, cut
from repcompare.study.paths import why_no_file
from repcompare.study.plain import (
    DEEPEST,
    MOST_ENTRIES,
    NO_NAMES,
    QUOTES,
    plain_problems,
)
from repcompare.study.schema import ConfigError

LARGEST_FILE = 1_000_000
TOO_DEEP = f"nested deeper than {DEEPEST} levels"
TOO_MANY = f"more than {MOST_ENTRIES:,} entries, aliases counted at each place: too many"
TOO_LONG = "a number of more digits than any key takes"
# It is some twenty times as fast, where PyYAML has it; what it is used for needs no line of ours.
EVENTS = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# With this key at the top Snakemake runs what stands behind a `?` of the file as code.
RUNS_CODE = "__use_yte__"

PREFIX = "tag:yaml.org,2002:"
# The tags of what a config is made of; `!!binary`, `!!set` and those of languages are others.
TAGS = {
    f"{PREFIX}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")
}
DATE = f"{PREFIX}timestamp"
KINDS = {
    DATE: "date",
    f"{PREFIX}bool": "bool",
    f"{PREFIX}null": "null",
    f"{PREFIX}int": "number",
    f"{PREFIX}float": "number",
}
TWICE = "and only one of the two would count"


def read_config(path: str | Path) -> dict[str, Any]:
    """The content of a config file, YAML or JSON: text, numbers, lists and sections alone.

    Raises:
        ConfigError: there is no such file, or it is no config for a reason that only the file shows;
            each line begins with the file's name.
    """
    try:
        text = _text(Path(path))
        config = _parsed(text)
        if problems := list(plain_problems(config)):
            raise ConfigError("\n".join(map(str, problems)))
    except ConfigError as error:
        name = cut(str(path), OF_PATH)
        raise ConfigError(
            "\n".join(f"{name}: {line}" for line in str(error).splitlines())
        ) from None
    if not isinstance(config, dict):
        raise ConfigError(
            f"{cut(str(path), OF_PATH)}: holds no sections, allowed: study: and others"
        )
    return config


def _text(path: Path) -> str:
    if why := why_no_file(path):
        raise ConfigError(why)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(error.strerror or str(error)) from None
    if len(content) > LARGEST_FILE:
        raise ConfigError(f"more than {LARGEST_FILE:,} bytes, which no config has")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ConfigError("written in UTF-16, save it as UTF-8")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"line {line}: not in UTF-8, save it so") from None


def _parsed(text: str) -> Any:
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        # As Snakemake does: what is no JSON may still be YAML in braces.
        try:
            return json.loads(text, object_pairs_hook=_of_pairs)
        except (json.JSONDecodeError, ConfigError) as error:
            if isinstance(error, ConfigError):
                raise
        except RecursionError:
            raise ConfigError(TOO_DEEP) from None
        except ValueError:
            raise ConfigError(TOO_LONG) from None
    try:
        return _of_yaml(text)
    except ConfigError:
        raise
    except yaml.YAMLError as error:
        raise ConfigError(_said(error)) from None
    except RecursionError:
        raise ConfigError(TOO_DEEP) from None
    except ValueError as error:
        # What a tag says is a number and is none; or Python's own limit.
        long = "limit" in str(error)
        raise ConfigError(TOO_LONG if long else f"not YAML: {cut(str(error))}") from None


def _of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A section of JSON; ConfigError if a key is given twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{cut(twice)} is given twice, {TWICE}")
    return found


def _said(error: yaml.YAMLError) -> str:
    """What a reader of YAML says, in a line."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"holds the character {chr(error.character)!a}, which no YAML may"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}"
        text = f"{place}: not YAML: {cut(error.problem or '', OF_PATH)}"
        token = "cannot start any token" in text
        return text + ("; indent with spaces, and put text in quotes" if token else "")
    return f"not YAML: {cut(str(error), OF_PATH)}"


def _of_yaml(text: str) -> Any:
    """The value of the one document of a text; ConfigError for all that the module's docstring lists."""
    _require_flat(text)
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _require_finite(root)
        if found := sorted(set(_surprises(root))):
            raise ConfigError("\n".join(f"line {line}: {text}" for line, text in found))
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _require_flat(text: str) -> None:
    """Raise ConfigError before anything recurses: nodes are made one in the other."""
    depth = 0
    for entries, event in enumerate(yaml.parse(text, Loader=EVENTS)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise ConfigError(f"line {_line(event)}: {TOO_DEEP}")
        # A key is an event, too.
        if entries > 2 * MOST_ENTRIES:
            raise ConfigError(TOO_MANY)


def _require_finite(root: yaml.Node) -> None:
    """Raise ConfigError if nodes contain themselves, or stand for too many by their aliases."""
    sizes: dict[int, int | None] = {}

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            known = sizes[id(node)]
            if known is None:
                raise ConfigError(f"line {_line(node)}: contains itself")
            return known
        sizes[id(node)] = None
        total = 1 + sum(map(size, _parts(node)))
        if total > 2 * MOST_ENTRIES:
            raise ConfigError(TOO_MANY)
        sizes[id(node)] = total
        return total

    size(root)


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _surprises(root: yaml.Node) -> Iterator[tuple[int, str]]:
    """What YAML would make of the text that is not what stands there: the line, and in words."""
    pending, seen = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.tag not in TAGS | {DATE}:
            tag = cut(node.tag.replace(PREFIX, "!!"))
            yield _line(node), f"the tag {tag}, allowed: text, numbers, lists and sections"
        elif isinstance(node, yaml.ScalarNode):
            yield from _of_scalar(node)
        elif isinstance(node, yaml.MappingNode):
            yield from _of_keys(node)
            pending += [value for _, value in node.value]
        else:
            pending += _parts(node)


def _of_scalar(node: yaml.ScalarNode) -> Iterator[tuple[int, str]]:
    """A value that stands without quotes and is not the number that it looks like."""
    text, kind = node.value, node.tag.removeprefix(PREFIX)
    meant = None
    if node.tag == DATE:
        meant = "a date"
    elif kind == "int" and re.fullmatch(r"[-+]?0[0-7_]+", text):
        meant = f"the number {int(text.replace('_', ''), 8)}"
    elif kind in ("int", "float") and ":" in text:
        meant = "a number of minutes, or of seconds"
    if meant:
        yield _line(node), f"YAML reads {cut(text)} as {meant}, {QUOTES} or write it otherwise"


def _of_keys(node: yaml.MappingNode) -> Iterator[tuple[int, str]]:
    """Keys that are given twice, that are no text, or that make Snakemake run code."""
    first: dict[str, int] = {}
    for key, _ in node.value:
        line = _line(key)
        if not isinstance(key, yaml.ScalarNode):
            yield line, "a key that is a list or a section, allowed: text"
        elif key.tag not in (f"{PREFIX}str", f"{PREFIX}merge"):
            yield line, f"{cut(key.value)}: {NO_NAMES[KINDS.get(key.tag, 'other')]}"
        else:
            if key.value in first:
                yield line, f"{cut(key.value)} stands in line {first[key.value]} already, {TWICE}"
            first[key.value] = line
            if key.value == RUNS_CODE:
                yield line, f"{RUNS_CODE}: Snakemake would run what stands here, leave it out"


def _line(node: yaml.Node | yaml.Event) -> int:
    assert node.start_mark, "what was read has a place"
    return node.start_mark.line + 1
