"""A study's config: defaults, checks before any job starts, and the models and blocks it names.

Read while the workflow is parsed, on the head node and again by every cluster job: it imports
neither torch nor numpy nor pandas.
"""

import collections
import contextlib
import functools
import itertools
import json
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from repcompare import architectures
from repcompare.epsilon import parse_epsilon

SCHEMA = Path(__file__).resolve().parents[2] / "config" / "schema.json"


class ConfigError(ValueError):
    """A config that cannot be run; the message has one line for each problem."""


class DataSet(NamedTuple):
    """Side of the square images in pixels, their channels, and the images in each split."""

    size: int
    channels: int
    train: int
    test: int


DATA_SETS = {
    "digits": DataSet(8, 1, 1200, 597),
    "fashion_mnist": DataSet(28, 1, 60000, 10000),
    "cifar10": DataSet(32, 3, 50000, 10000),
    "cifar100": DataSet(32, 3, 50000, 10000),
}

KeyPath = tuple[str | int, ...]


class Problem(NamedTuple):
    """What is wrong at one key; the lower the rank, the likelier it is to explain the others."""

    rank: int
    path: KeyPath
    text: str

    def __str__(self) -> str:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{''.join(steps).lstrip('.') or 'config'}: {self.text}"


def validate(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of config/schema.json and check that the study can be run.

    Args:
        raw: the config as read from YAML; it is left as it is.

    Returns:
        The whole config in canonical form, plain dicts and lists: configs that differ only in the
        order of keys, seeds, measures or epsilons, or in how a number is written, come out equal.
        Epsilons are labels (see `parse_epsilon`), in ascending order. Validating it again changes
        nothing.

    Raises:
        ConfigError: every problem found, one line each.
    """
    schema = _schema()
    config = _read_text(schema, _with_defaults(schema, raw))
    problems = list(dict.fromkeys(_schema_problems(schema, config)))
    # What the schema refuses is not looked at twice; a key that should not be there harms nothing.
    unsound = [problem.path for problem in problems if problem.rank > 0]
    problems += _study_problems(config, unsound)
    if problems:
        raise ConfigError("\n".join(map(str, sorted(problems, key=lambda problem: problem.rank))))
    config = _canonical(schema, config)
    for norm, epsilons in config["attack"]["epsilons"].items():
        ascending = sorted(map(parse_epsilon, epsilons), key=lambda pair: pair[1])
        config["attack"]["epsilons"][norm] = [label for label, _ in ascending]
    return config


def seeds(config: Mapping[str, Any], architecture: str) -> list[int]:
    """The seeds of one architecture of a validated config, ascending."""
    return list(config["architectures"][architecture].get("seeds", config["seeds"]))


def models(config: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Every (architecture, seed) of a validated config, in alphabetical order."""
    return [
        (name, seed) for name in sorted(config["architectures"]) for seed in seeds(config, name)
    ]


def blocks(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The unordered pairs of architectures that hold pairs of models, each in alphabetical order.

    An architecture is paired with itself only if it has two seeds or more.
    """
    pairs = itertools.combinations_with_replacement(sorted(config["architectures"]), 2)
    return [(a, b) for a, b in pairs if a != b or len(seeds(config, a)) > 1]


def training_settings(config: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """All that decides how one architecture is built and trained, but for data, seed and device.

    Returns:
        `factory`, `kwargs` and every key of the config's `training`, the architecture's own first.
    """
    entry = config["architectures"][architecture]
    network = {"factory": entry["factory"], "kwargs": entry["kwargs"]}
    return {**config["training"], **entry.get("training", {}), **network}


@functools.cache
def _schema() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """`schema` with what its local reference says merged in."""
    if "$ref" not in schema:
        return schema
    target: Any = _schema()
    for step in schema["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return {**_resolved(target), **schema}


def _with_defaults(schema: Mapping[str, Any], value: Any) -> Any:
    """A copy of `value` with absent keys filled in.

    References are not followed: an architecture's overrides of `training` must stay partial.
    """
    if not isinstance(value, Mapping):
        return value
    properties = schema.get("properties", {})
    defaults = {key: part["default"] for key, part in properties.items() if "default" in part}
    others = schema.get("additionalProperties") or {}
    return {
        key: _with_defaults(properties.get(key, others), entry)
        for key, entry in {**defaults, **value}.items()
    }


def _read_text(schema: Mapping[str, Any], value: Any) -> Any:
    """`value` with text that spells a number, a boolean or null read as such where text is no use.

    Snakemake hands over all that is nested in an argument of --config as text, and YAML takes
    5e-4 for text.
    """
    schema = _resolved(schema)
    if isinstance(value, Mapping):
        parts, others = schema.get("properties", {}), schema.get("additionalProperties") or {}
        return {key: _read_text(parts.get(key, others), entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_read_text(schema.get("items", {}), item) for item in value]
    if isinstance(value, str) and "string" not in schema.get("type", ()):
        with contextlib.suppress(ValueError):
            return json.loads(value.lower())
    return value


def _canonical(schema: Mapping[str, Any], value: Any) -> Any:
    """A valid `value`: keys and sets in a fixed order, floats wherever fractions are allowed."""
    schema = _resolved(schema)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", {})
        order = [key for key in properties if key in value]
        order += sorted(value.keys() - properties.keys(), key=str)
        return {key: _canonical(properties.get(key, others), value[key]) for key in order}
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
    return validators.extend(Draft202012Validator, type_checker=types)(_schema())


def _schema_problems(schema: Mapping[str, Any], config: Any) -> Iterator[Problem]:
    for error in _validator().iter_errors(config):
        path, value, rule = tuple(error.absolute_path), error.instance, error.validator
        if "propertyNames" in error.absolute_schema_path:
            yield Problem(0, (*path, str(value)), f"not a name, allowed: {_allowed(error.schema)}")
        elif rule == "additionalProperties":
            for key in (key for key in value if key not in error.schema["properties"]):
                yield Problem(0, (*path, str(key)), _unknown_key(schema, key, error.schema))
        elif rule == "required":
            unknown = value.keys() - error.schema["properties"].keys()
            meant = {_nearest(key, error.schema["properties"]) for key in unknown}
            for key in error.validator_value:
                if key not in value and key not in meant:
                    allowed = _allowed(error.schema["properties"][key])
                    yield Problem(1, (*path, key), f"missing, allowed: {allowed}")
        elif rule in ("minItems", "minProperties"):
            yield Problem(1, path, "empty, allowed: one entry or more")
        elif rule == "uniqueItems":
            for item, count in collections.Counter(map(_shown, value)).items():
                if count > 1:
                    yield Problem(2, path, f"{item} is given {count} times")
        else:
            text = f"got {_shown(value)}, allowed: {_allowed(error.schema)}"
            text += _hint(value, error.schema.get("enum", ()))
            yield Problem(1 if rule == "type" else 2, path, text)


def _unknown_key(schema: Mapping[str, Any], key: Any, section: Mapping[str, Any]) -> str:
    known = section["properties"]
    meant = _nearest(key, known)
    if meant:
        return f"unknown key, did you mean {meant}?"
    sections = schema["properties"].items()
    places = [f"{name}.{key}" for name, part in sections if key in part.get("properties", ())]
    if places:
        return f"unknown key here, did you mean {' or '.join(places)}?"
    return f"unknown key, allowed: {', '.join(known)}"


def _nearest(word: Any, options: Collection[str]) -> str | None:
    import difflib

    by_lower = {option.lower(): option for option in options}
    matches = difflib.get_close_matches(str(word).lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, skipkeys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."


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
    if "maximum" in schema:
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
        text += ", or no such key at all"
    return " or ".join([text, *(TYPE_WORDS[name] for name in types[1:])])


def _hint(value: Any, options: Collection[str]) -> str:
    meant = _nearest(value, options) if isinstance(value, str) else None
    return f"; did you mean {meant}?" if meant else ""


def _study_problems(config: Any, unsound: list[KeyPath]) -> Iterator[Problem]:
    """What no schema can say: whether the parts of the config fit each other and the data."""

    def get(*path: str | int) -> Any:
        """The value at `path`; None if it is absent, null, or refused already in any part."""
        if any(bad[: len(path)] == path[: len(bad)] for bad in unsound):
            return None
        value = config
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    names = config.get("architectures") if isinstance(config, Mapping) else None
    names = list(names) if isinstance(names, Mapping) else []
    yield from _architecture_problems(get, names)
    data_set = DATA_SETS.get(get("data", "name"))
    if data_set:
        yield from _sample_problems(get, data_set)
        yield from _crop_problems(get, names, data_set)
    yield from _epsilon_problems(get, data_set)
    if get("data", "name") == "digits" and get("data", "root") is not None:
        yield Problem(3, ("data", "root"), "the digits come with scikit-learn, leave it out")
    own = get("architectures", *names, "seeds") if len(names) == 1 else None
    if len(names) == 1 and get("architectures") and len(own or get("seeds") or ()) == 1:
        text = "a single model has nothing to be compared with, add a seed or an architecture"
        yield Problem(3, ("architectures",), text)


def _architecture_problems(get: Any, names: list[Any]) -> Iterator[Problem]:
    factories = architectures.available()
    for name in names:
        path = ("architectures", name)
        factory, kwargs = get(*path, "factory"), get(*path, "kwargs")
        if factory is None:
            continue
        if factory not in factories:
            hint = _hint(factory, factories)
            text = f"got {_shown(factory)}, allowed: one of {', '.join(factories)}{hint}"
            yield Problem(2, (*path, "factory"), text)
        elif kwargs is not None:
            yield from _keyword_problems(factory, kwargs, (*path, "kwargs"))
    for first, second in itertools.combinations(sorted(map(str, names)), 2):
        if first.lower() == second.lower():
            text = f"differs from {first} only in case, which some file systems do not tell apart"
            yield Problem(3, ("architectures", second), text)


def _keyword_problems(factory: str, kwargs: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    known = architectures.parameters(factory)
    for key, value in kwargs.items():
        if key not in known:
            meant = _nearest(key, known)
            hint = f"did you mean {meant}?" if meant else f"allowed: {', '.join(known)}"
            yield Problem(0, (*path, str(key)), f"{factory} takes no such argument, {hint}")
        elif not known[key].accepts(value):
            text = f"got {_shown(value)}, allowed: {known[key].allowed}"
            yield Problem(1, (*path, key), text)


def _sample_problems(get: Any, data_set: DataSet) -> Iterator[Problem]:
    train, fit = get("data", "train_samples"), get("data", "fit_samples") or 0
    name = get("data", "name")
    total = f"{name} has {data_set.train} training images"
    left = data_set.train - fit
    if left < 1:
        yield Problem(3, ("data", "fit_samples"), f"got {fit}, but {total}, and some must be left")
    elif train is not None and train > left:
        text = f"got {train}, but {total}" + (f", {fit} of them in fit_samples" if fit else "")
        yield Problem(3, ("data", "train_samples"), text)
    available = fit or min(train or left, left)
    cap, attacked = get("maps", "fit_samples"), get("attack", "samples")
    if cap is not None and left >= 1 and cap > available:
        yield Problem(3, ("maps", "fit_samples"), f"got {cap}, but there are {available} to fit on")
    if attacked is not None and attacked > data_set.test:
        text = f"got {attacked}, but {name} has {data_set.test} test images"
        yield Problem(3, ("attack", "samples"), text)


def _crop_problems(get: Any, names: list[Any], data_set: DataSet) -> Iterator[Problem]:
    sections = [("training",), *(("architectures", name, "training") for name in names)]
    for section in sections:
        padding = get(*section, "crop_padding")
        if padding is not None and padding >= data_set.size:
            text = f"got {padding}, but the images are only {data_set.size} pixels wide"
            yield Problem(3, (*section, "crop_padding"), text)


def _epsilon_problems(get: Any, data_set: DataSet | None) -> Iterator[Problem]:
    diagonal = data_set.size * math.sqrt(data_set.channels) if data_set else math.inf
    for norm, largest in (("linf", 1.0), ("l2", diagonal)):
        seen: list[tuple[str, float]] = []
        path: KeyPath = ("attack", "epsilons", norm)
        for index, given in enumerate(get(*path) or ()):
            try:
                label, epsilon = parse_epsilon(given)
            except ValueError as error:
                yield Problem(2, (*path, index), str(error))
                continue
            if epsilon > largest:
                text = f"got {label}, but no two images are further apart than {largest:g}"
                yield Problem(2, (*path, index), text)
            if norm == "linf" and epsilon < 1 / 255:
                text = f"got {label}, but 8-bit images cannot change by less than 1/255"
                yield Problem(2, (*path, index), text)
            for other, value in seen:
                if math.isclose(epsilon, value, rel_tol=1e-9):
                    yield Problem(2, (*path, index), f"{label} is in the list already, as {other}")
            seen.append((label, epsilon))
