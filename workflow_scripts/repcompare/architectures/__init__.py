"""Architectures by name: what there is, what it takes, and building it.

Each factory is the function in the module of the same name. Its keyword parameters are read from
the source, so that a config is checked without importing torch; only `build` imports it.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repcompare.architectures.classifier import Classifier

_NOT_FACTORIES = {"__init__", "classifier"}
# What a parameter may be at most: a count of anything, a number, a list.
_MOST, _LARGEST, _LONGEST = 10_000, 1_000, 100
# What a scalar annotation of a factory stands for: its ints are counts.
_SCALARS = {
    "bool": "true or false",
    "int": f"an integer from 1 to {_MOST}",
    "float": f"a number up to {_LARGEST}",
}
# What a condition of a parameter may be made of.
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
# Of a factory's module: whether there is a stem if there is one, and how many stages, or which parameter tells.
_LAYERS = "LAYERS"


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
        return condition is None or _holds(condition, self.name, value)

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
    factory = next(
        node
        for node in _module(name).body
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


def layers(name: str, kwargs: Mapping[str, Any]) -> set[str] | None:
    """The layers of a network that `check` lets pass; None of a factory that does not tell.

    A factory tells by `LAYERS` in its module: the names before the stages, then their number, or the
    parameter that is their number, or has one entry for each.
    """
    for node in _module(name).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == _LAYERS:
                *before, stages = ast.literal_eval(value)
                if isinstance(stages, str):
                    given = kwargs.get(stages, parameters(name)[stages].default)
                    stages = len(given) if isinstance(given, list | tuple) else given
                return {*before, *(f"stage{k + 1}" for k in range(stages)), "penultimate"}
    return None


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


@functools.cache
def _module(name: str) -> ast.Module:
    """The source of a factory's module. Raises ValueError for an unknown factory."""
    if name not in available():
        raise ValueError(f"no architecture factory {name!r}; {_suggestion(name, available())}")
    return ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))


def _suggestion(given: str, allowed: Collection[str]) -> str:
    listing = f"allowed: {', '.join(allowed)}"
    close = difflib.get_close_matches(str(given), allowed, n=1)
    return f"did you mean {close[0]!r}? {listing}" if close else listing


def _matches(value: Any, annotation: ast.expr) -> bool:
    match annotation:
        case ast.Name(id="bool"):
            return isinstance(value, bool)
        case ast.Name(id="int"):
            return type(value) is int and 1 <= value <= _MOST
        case ast.Name(id="float"):
            return type(value) in (int, float) and -_LARGEST <= value <= _LARGEST
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            # 16.0 and True equal 16 and 1.
            return any(type(value) is type(c) and value == c for c in ast.literal_eval(choices))
        case ast.Subscript(value=ast.Name(id="Sequence"), slice=item):
            is_list = isinstance(value, list | tuple) and 0 < len(value) <= _LONGEST
            return is_list and all(_matches(v, item) for v in value)
    raise TypeError(f"cannot check a value against the annotation {ast.unparse(annotation)}")


def _in_words(annotation: ast.expr) -> str:
    match annotation:
        case ast.Name(id=kind):
            return _SCALARS[kind]
        case ast.Subscript(value=ast.Name(id="Sequence"), slice=item):
            return f"a list of up to {_LONGEST}, each {_in_words(item)}"
        case ast.Subscript(slice=choices):
            return ", ".join(map(str, ast.literal_eval(choices)))
    raise TypeError(f"no words for the annotation {ast.unparse(annotation)}")


def _holds(condition: str, name: str, value: Any) -> bool:
    """Whether a comparison such as `0 < compression <= 1` or `len(blocks) == 7` is true of a value."""

    def term(node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=constant):
                return constant
            case ast.Name(id=given) if given == name:
                return value
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=given)]) if given == name:
                return len(value)
        raise TypeError(f"cannot read {ast.unparse(node)} in the condition {condition}")

    match ast.parse(condition, mode="eval").body:
        case ast.Compare(left=left, ops=ops, comparators=others):
            terms = list(map(term, (left, *others)))
            steps = zip(ops, terms, terms[1:], strict=False)
            return all(_COMPARED[type(op)](a, b) for op, a, b in steps)
    raise TypeError(f"not a comparison: {condition}")
