"""Architectures by name: what there is, what it takes, and building it.

Each factory is the function in the module of the same name. Its keyword parameters are read from
the source, so that a config is checked without importing torch; only `build` imports it.
"""

from __future__ import annotations

import ast
import difflib
import importlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repcompare.architectures.classifier import Classifier

_NOT_FACTORIES = {"__init__", "classifier"}
_SCALARS = {"bool": bool, "str": str, "int": int, "float": (int, float)}


@dataclass(frozen=True)
class Parameter:
    """A keyword parameter of a factory: its annotation as written, and its default."""

    annotation: str
    default: object

    def accepts(self, value: object) -> bool:
        """Whether the value has the annotated type: an int is a float too, a bool is only bool."""
        return _matches(value, ast.parse(self.annotation, mode="eval").body)


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
    arguments = factory.args
    return {
        argument.arg: Parameter(ast.unparse(argument.annotation), ast.literal_eval(default))
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }


def check(name: str, kwargs: Mapping[str, object]) -> None:
    """Raise ValueError, in one line, unless the factory exists and takes these keywords and types.

    Ranges are the factory's own to check, when it builds.
    """
    known = parameters(name)
    for key, value in kwargs.items():
        if key not in known:
            raise ValueError(f"{name} has no parameter {key!r}; {_suggestion(key, known)}")
        if not known[key].accepts(value):
            raise ValueError(
                f"{name}: {key} is {value!r} ({type(value).__name__}); "
                f"allowed: {known[key].annotation}"
            )


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


def _matches(value: object, annotation: ast.expr) -> bool:
    match annotation:
        case ast.Name(id=kind) if kind in _SCALARS:
            is_bool = isinstance(value, bool)
            return is_bool == (kind == "bool") and isinstance(value, _SCALARS[kind])
        case ast.Constant(value=None):
            return value is None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _matches(value, left) or _matches(value, right)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=choices)):
            return value in [ast.literal_eval(choice) for choice in choices]
        case ast.Subscript(value=ast.Name(id="Sequence"), slice=item):
            return isinstance(value, list | tuple) and all(_matches(v, item) for v in value)
    raise TypeError(f"cannot check a value against the annotation {ast.unparse(annotation)}")
