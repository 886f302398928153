"""Architectures by name: what there is, what it takes, and building it.

Each factory is the function in the module of the same name. Its keyword parameters are read from
the source, so that a config is checked without importing torch; only `build` imports it.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repcompare.architectures.classifier import Classifier

_NOT_FACTORIES = {"__init__", "classifier"}
# What a scalar annotation of a factory stands for: its ints are counts.
_SCALARS: dict[str, tuple[type[int] | tuple[type[int], type[float]], str]] = {
    "bool": (bool, "true or false"),
    "int": (int, "a positive integer"),
    "float": ((int, float), "a number"),
}


@dataclass(frozen=True)
class Parameter:
    """A keyword parameter of a factory: its name, its annotation as written, and its default.

    `Annotated[float, "0 < compression <= 1"]` narrows a type by a condition on the parameter.
    """

    name: str
    annotation: str
    default: object

    def accepts(self, value: object) -> bool:
        """Whether the value is `allowed`: an int is a float too, a bool is only bool."""
        kind, condition = self._type_and_condition
        if not _matches(value, kind):
            return False
        # The condition is the factory's own source, never the config's.
        return condition is None or bool(eval(condition, {self.name: value}))

    @property
    def allowed(self) -> str:
        """What the annotation allows, in words."""
        kind, condition = self._type_and_condition
        return _in_words(kind) + (f", {condition}" if condition else "")

    @property
    def _type_and_condition(self) -> tuple[ast.expr, str | None]:
        annotation = ast.parse(self.annotation, mode="eval").body
        match annotation:
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[kind, text])):
                return kind, ast.literal_eval(text)
        return annotation, None


def available() -> list[str]:
    """Names of the factories, in alphabetical order."""
    return sorted(
        path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _NOT_FACTORIES
    )


def parameters(name: str) -> dict[str, Parameter]:
    """Keyword parameters of a factory, in the order of its signature.

    Raises ValueError for an unknown factory.
    """
    if name not in available():
        raise ValueError(f"no architecture factory {name!r}; {_suggestion(name, available())}")
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    factory = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    arguments, found = factory.args, {}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        assert argument.annotation is not None, "a factory's parameters are annotated"
        assert default is not None, "a factory's parameters have defaults"
        found[argument.arg] = Parameter(
            argument.arg, ast.unparse(argument.annotation), ast.literal_eval(default)
        )
    return found


def check(name: str, kwargs: Mapping[str, object]) -> None:
    """Raise ValueError, in one line, unless the factory exists and its annotations allow `kwargs`.

    What an annotation cannot say is the factory's own to check, when it builds.
    """
    known = parameters(name)
    for key, value in kwargs.items():
        if key not in known:
            raise ValueError(f"{name} has no parameter {key!r}; {_suggestion(key, known)}")
        if not known[key].accepts(value):
            raise ValueError(f"{name}: {key} is {value!r}; allowed: {known[key].allowed}")


def build(
    name: str,
    kwargs: Mapping[str, object],
    in_channels: int,
    num_classes: int,
    seed: int | None = None,
) -> Classifier:
    """Build a network, with weights drawn on the CPU from `seed` if one is given.

    With a seed the caller's generator is left as it was; without, it is the one drawn from.
    Raises ValueError for what `check` or the factory rejects.
    """
    check(name, kwargs)
    factory = getattr(importlib.import_module(f"{__name__}.{name}"), name)
    if seed is None:
        return factory(in_channels, num_classes, **kwargs)

    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return factory(in_channels, num_classes, **kwargs)


def _suggestion(given: str, allowed: Collection[str]) -> str:
    listing = f"allowed: {', '.join(allowed)}"
    close = difflib.get_close_matches(str(given), allowed, n=1)
    return f"did you mean {close[0]!r}? {listing}" if close else listing


def _matches(value: Any, annotation: ast.expr) -> bool:
    match annotation:
        case ast.Name(id=kind) if kind in _SCALARS:
            if isinstance(value, bool) or kind == "bool":
                return isinstance(value, bool) and kind == "bool"
            least = 1 if kind == "int" else -math.inf
            return isinstance(value, _SCALARS[kind][0]) and least <= value < math.inf
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            # 16.0 and True equal 16 and 1.
            return any(type(value) is type(c) and value == c for c in ast.literal_eval(choices))
        case ast.Subscript(value=ast.Name(id="Sequence"), slice=item):
            is_list = isinstance(value, list | tuple) and len(value) > 0
            return is_list and all(_matches(v, item) for v in value)
    raise TypeError(f"cannot check a value against the annotation {ast.unparse(annotation)}")


def _in_words(annotation: ast.expr) -> str:
    match annotation:
        case ast.Name(id=kind):
            return _SCALARS[kind][1]
        case ast.Subscript(value=ast.Name(id="Sequence"), slice=item):
            return f"a list, each {_in_words(item)}"
        case ast.Subscript(slice=choices):
            return ", ".join(map(str, ast.literal_eval(choices)))
    raise TypeError(f"no words for the annotation {ast.unparse(annotation)}")
