"""The config's schema: defaults, canonical form, and what is wrong, in words.

Like all that is read while the workflow is parsed, it imports neither torch nor numpy nor pandas.
"""

import collections
import contextlib
import difflib
import functools
import json
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from repcompare.data.catalogue import NAMES as DATA_NAMES
from repcompare.messages import cut, shown
from repcompare.vocabulary import GEOMETRY_MEASURES, MAP_FAMILIES, NORMS

SCHEMA = Path(__file__).parent / "schema.json"

# Characters of a text that is read as a number.
LONGEST_NUMBER = 40

KeyPath = tuple[str | int, ...]


class ConfigError(ValueError):
    """A config that cannot be run; the message has one line for each problem."""


class Problem(NamedTuple):
    """What is wrong at one key; the lower the rank, the likelier it is to explain the others."""

    rank: int
    path: KeyPath
    text: str

    def __str__(self) -> str:
        steps = (f"[{step}]" if isinstance(step, int) else f".{cut(step)}" for step in self.path)
        return f"{''.join(steps).lstrip('.') or 'config'}: {self.text}"


# What the schema may name instead of listing it.
NAMES: dict[str, Collection[str]] = {
    "DATA_NAMES": DATA_NAMES,
    "GEOMETRY_MEASURES": GEOMETRY_MEASURES,
    "MAP_FAMILIES": MAP_FAMILIES,
    "NORMS": NORMS,
}


@functools.cache
def study_schema() -> dict[str, Any]:
    """`schema.json`, beside this file, with the names of things where it says which table has them."""
    return _listed(json.loads(SCHEMA.read_text(encoding="utf-8")))


def _listed(part: Any) -> Any:
    """A part of the schema with `names` as an `enum`, and the default `all` as the list of them."""
    if isinstance(part, list):
        return [_listed(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    found = {key: _listed(entry) for key, entry in part.items()}
    if isinstance(part.get("names"), str):
        found["enum"] = list(NAMES[found.pop("names")])
    if found.get("default") == "all" and "items" in found:
        found["default"] = found["items"]["enum"]
    return found


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """`schema` with what its local reference says merged in."""
    if "$ref" not in schema:
        return schema
    target: Any = study_schema()
    for step in schema["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return {**_resolved(target), **schema}


def with_defaults(schema: Mapping[str, Any], value: Any) -> Any:
    """A copy of `value` with absent keys filled in.

    References are not followed: an architecture's overrides of `training` must stay partial.
    """
    if not isinstance(value, Mapping):
        return value
    properties = schema.get("properties", {})
    defaults = {key: part["default"] for key, part in properties.items() if "default" in part}
    others = schema.get("additionalProperties") or {}
    return {
        key: with_defaults(properties.get(key, others), entry)
        for key, entry in {**defaults, **value}.items()
    }


def read_text(schema: Mapping[str, Any], value: Any) -> Any:
    """`value` with text that spells a number, a boolean or null read as such where text is no use.

    Snakemake hands over all that is nested in an argument of --config as text, and YAML takes
    5e-4 for text. So `null` is null where null is allowed, and a text of that name is not to be had.
    """
    schema = _resolved(schema)
    types = schema.get("type", ())
    if isinstance(value, Mapping):
        parts, others = schema.get("properties", {}), schema.get("additionalProperties") or {}
        return {key: read_text(parts.get(key, others), entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [read_text(schema.get("items", {}), item) for item in value]
    if value == "null" and "null" in types:
        return None
    if isinstance(value, str) and "string" not in types and len(value) <= LONGEST_NUMBER:
        with contextlib.suppress(ValueError):
            return json.loads(value.lower())
    return value


def canonical(schema: Mapping[str, Any], value: Any) -> Any:
    """A valid `value`: keys and sets in a fixed order, floats wherever fractions are allowed."""
    schema = _resolved(schema)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", {})
        order = [key for key in properties if key in value]
        order += sorted(value.keys() - properties.keys(), key=str)
        return {key: canonical(properties.get(key, others), value[key]) for key in order}
    if schema.get("uniqueItems"):
        allowed = schema["items"].get("enum")
        return sorted(value, key=allowed.index if allowed else None)
    return float(value) if schema.get("type") == "number" else value


@functools.cache
def _validator() -> Any:
    # jsonschema takes longer to import than all the rest: only who validates pays for it.
    from jsonschema import Draft202012Validator, validators

    def whole(_: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def finite(_: Any, value: Any) -> bool:
        return whole(_, value) or (isinstance(value, float) and math.isfinite(value))

    # YAML reads `.nan` and `.inf` as numbers, and JSON Schema lets 3.0 pass for an integer.
    types = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": whole, "number": finite})
    return validators.extend(Draft202012Validator, type_checker=types)(study_schema())


def schema_problems(schema: Mapping[str, Any], config: Any) -> Iterator[Problem]:
    """What the schema refuses in a config."""
    for error in _validator().iter_errors(config):
        path, value, rule = tuple(error.absolute_path), error.instance, error.validator
        if "propertyNames" in error.absolute_schema_path:
            yield Problem(0, (*path, str(value)), f"not a name, allowed: {_allowed(error.schema)}")
        elif rule == "additionalProperties":
            for key in (key for key in value if key not in error.schema["properties"]):
                yield Problem(0, (*path, str(key)), _unknown_key(schema, key, error.schema))
        elif rule == "required":
            unknown = value.keys() - error.schema["properties"].keys()
            meant = {nearest(key, error.schema["properties"]) for key in unknown}
            for key in error.validator_value:
                if key not in value and key not in meant:
                    allowed = _allowed(error.schema["properties"][key])
                    yield Problem(1, (*path, key), f"missing, allowed: {allowed}")
        elif rule in ("minItems", "minProperties") and not value:
            yield Problem(1, path, "empty, allowed: one entry or more")
        elif rule in ("maxItems", "maxProperties") and "title" not in error.schema:
            text = f"{len(value):,} entries, allowed: at most {error.validator_value:,}"
            yield Problem(1, path, text)
        elif rule == "uniqueItems":
            for item, count in collections.Counter(map(shown, value)).items():
                if count > 1:
                    yield Problem(2, path, f"{item} is given {count} times")
        else:
            text = f"got {shown(value)}, allowed: {_allowed(error.schema)}"
            text += hint(value, error.schema.get("enum", ())) + _quotes(value, error.schema)
            yield Problem(1 if rule == "type" else 2, path, text)


def _quotes(value: Any, schema: Mapping[str, Any]) -> str:
    """An ending for a message: that YAML made something else of what was meant as text."""
    if "string" not in schema.get("type", ()):
        return ""
    if isinstance(value, bool):
        words = "on, yes and true" if value else "off, no and false"
        return f"; to YAML {words} are one, put text in quotes"
    return "; put text in quotes" if isinstance(value, int | float) else ""


def _unknown_key(schema: Mapping[str, Any], key: Any, section: Mapping[str, Any]) -> str:
    known = section["properties"]
    meant = nearest(key, known)
    if meant:
        return f"unknown key, did you mean {meant}?"
    sections = schema["properties"].items()
    places = [f"{name}.{key}" for name, part in sections if key in part.get("properties", ())]
    if places:
        return f"unknown key here, did you mean {' or '.join(places)}?"
    return f"unknown key, allowed: {', '.join(known)}"


def nearest(word: Any, options: Collection[str]) -> str | None:
    """The option a word was likely meant to be."""
    by_lower = {option.lower(): option for option in options}
    matches = difflib.get_close_matches(str(word).lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None


TYPE_WORDS = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "string": "some text",
    "array": "a list in brackets",
    "object": "a section of its own",
    "null": "null",
}


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    schema = _resolved(schema)
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if "title" in schema:
        return schema["title"]
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    text = TYPE_WORDS[types[0]]
    if "maximum" in schema and "exclusiveMinimum" in schema:
        text += f" above {schema['exclusiveMinimum']} up to {schema['maximum']}"
    elif "maximum" in schema:
        text += f" from {schema['minimum']} to {schema['maximum']}"
    elif "exclusiveMaximum" in schema:
        text += f" from {schema['minimum']} up to but not {schema['exclusiveMaximum']}"
    elif "minimum" in schema:
        text += f" from {schema['minimum']} up"
    elif "exclusiveMinimum" in schema:
        text += f" above {schema['exclusiveMinimum']}"
    if "properties" in schema:
        text += f" with keys out of {', '.join(schema['properties'])}"
    if "object" in types and "default" in schema:
        return (
            f"{text}, {'' if types[1:] else 'or '}no such key at all{', or null' * len(types[1:])}"
        )
    return " or ".join([text, *(TYPE_WORDS[name] for name in types[1:])])


def hint(value: Any, options: Collection[str]) -> str:
    """An ending for a message: what a value was likely meant to be."""
    meant = nearest(value, options) if isinstance(value, str) else None
    return f"; did you mean {meant}?" if meant else ""
