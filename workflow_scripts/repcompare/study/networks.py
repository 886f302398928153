"""Where a study's networks come from, and what each can do: known from the config alone.

Read while the workflow is parsed: neither torch nor numpy is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from repcompare import architectures
from repcompare.messages import OF_PATH, cut, shown
from repcompare.names import REPRESENTATION
from repcompare.study.code_digest import code_digest
from repcompare.study.paths import why_no_file
from repcompare.study.schema import KeyPath, Problem, hint, nearest

# Factories that are libraries: they know their networks, and often weights, by name.
# Each with its own argument for weights, which is a key of the architecture here.
LIBRARIES = {"timm": "pretrained", "torchvision": "weights"}

# Weights that the factory draws from the seed: a network that has learnt nothing.
RANDOM = "random"

# Weights with such an ending are a file even where the factory knows names.
FILE_ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".tar")

# What a file of activations may be.
ACTIVATIONS = (".npy", ".npz", ".h5", ".hdf5", ".safetensors")

# Keys of an architecture that say how an existing network is used.
OF_EXISTING = ("input", "layers", "classifier", "tokens", "classes")

# Of those, the ones that a family of repcompare knows by itself.
OF_FOREIGN = ("layers", "classifier", "tokens")


def imported(entry: Mapping[str, Any]) -> bool:
    """Whether a network exists already, and is not trained here."""
    return "weights" in entry


def by_activations(entry: Mapping[str, Any]) -> bool:
    """Whether a network is not here, and known by what it computed alone."""
    return "activations" in entry


def answers(entry: Mapping[str, Any]) -> bool:
    """Whether a network tells the study's classes apart: so can be attacked and fooled."""
    return entry.get("classes", "") is not None and not by_activations(entry)


def activations_file(entry: Mapping[str, Any], seed: int) -> str:
    """The file of a network that is known by its activations."""
    return entry["activations"].replace("{seed}", str(seed))


def weights_file(entry: Mapping[str, Any], seed: int) -> str | None:
    """The file that weights are read from; None if they are trained, drawn, or a library's by name."""
    weights = entry.get("weights")
    if weights is None or weights == RANDOM:
        return None
    of_library = entry["factory"] in LIBRARIES and "/" not in weights
    if of_library and not weights.endswith(FILE_ENDINGS):
        return None
    return weights.replace("{seed}", str(seed))


def function_file(factory: str) -> Path | None:
    """The file of the user's own function, `path.py:function`; None of other factories."""
    path, colon, _ = factory.rpartition(":")
    return Path(path) if colon and path.endswith(".py") else None


def import_settings(entry: Mapping[str, Any], minimum_accuracy: float) -> dict[str, Any]:
    """All that decides how an existing network is built and used, but for its file, data and device."""
    keys = ("factory", "kwargs", "weights", *OF_EXISTING)
    return {key: entry[key] for key in keys if key in entry} | {
        "minimum_accuracy": minimum_accuracy
    }


def layers_of(entry: Mapping[str, Any]) -> set[str] | None:
    """The layers of an entry that the schema accepts; None where only its files or library know."""
    factory, named = entry.get("factory"), entry.get("layers")
    if named is not None:
        return {*named, REPRESENTATION}
    if factory in architectures.available():
        kwargs = entry.get("kwargs") or {}
        wrong = list(_keyword_problems(factory, kwargs, ()))
        return None if wrong else architectures.layers(factory, kwargs)
    return None if factory in (None, "timm") else {REPRESENTATION}


def network_problems(
    name: str, entry: Mapping[str, Any], seeds: Sequence[int]
) -> Iterator[Problem]:
    """What is wrong with one architecture, whose entry the schema accepts.

    `seeds` are those it has, its own or the study's.
    """
    path: KeyPath = ("architectures", name)
    if by_activations(entry):
        yield from _activations_problems(entry, seeds, path)
        return
    if "factory" not in entry:
        allowed = ", ".join([*architectures.available(), *LIBRARIES])
        text = f"missing, allowed: one of {allowed}, or path.py:function; or activations"
        yield Problem(1, (*path, "factory"), text)
        return
    factory = entry["factory"]
    families = architectures.available()
    if factory in families:
        yield from _keyword_problems(factory, entry.get("kwargs") or {}, (*path, "kwargs"))
    elif factory in LIBRARIES:
        kwargs, own = entry.get("kwargs") or {}, LIBRARIES[factory]
        if not isinstance(kwargs.get("name"), str):
            text = f"missing, allowed: the name of one of {factory}'s networks"
            yield Problem(1, (*path, "kwargs", "name"), text)
        if own in kwargs:
            text = f"leave it out, weights beside kwargs says which of {factory}'s are meant"
            yield Problem(1, (*path, "kwargs", own), text)
    elif function_file(factory):
        yield from _function_problems(factory, (*path, "factory"))
    else:
        known = [*families, *LIBRARIES]
        text = f"got {shown(factory)}, allowed: one of {', '.join(known)}, or path.py:function"
        yield Problem(2, (*path, "factory"), text + hint(factory, known))
    if imported(entry):
        yield from _existing_problems(entry, seeds, path)
    elif factory in families:
        for key in (key for key in OF_EXISTING if key in entry):
            yield Problem(
                1, (*path, key), "without weights, the network is trained here, leave it out"
            )
    elif factory in LIBRARIES or function_file(factory):
        allowed = "a file, random" + (f", or a name of {factory}'s" if factory in LIBRARIES else "")
        text = f"missing, only families of repcompare are trained here, allowed: {allowed}"
        yield Problem(1, (*path, "weights"), text)


def _activations_problems(
    entry: Mapping[str, Any], seeds: Sequence[int], path: KeyPath
) -> Iterator[Problem]:
    """A network that is known by its activations has nothing else, but for names and seeds."""
    for key in entry:
        if key not in ("activations", "layers", "seeds") and entry[key] != {}:
            text = "beside activations, there is no network, leave it out"
            yield Problem(1, (*path, key), text)
    file, key_path = entry["activations"], (*path, "activations")
    if not file.endswith(ACTIVATIONS):
        text = f"got {shown(file)}, allowed: a file ending in {', '.join(ACTIVATIONS)}"
        yield Problem(2, key_path, text)
        return
    yield from _several_problems(file, seeds, key_path)
    for seed in seeds if "{seed}" in file else seeds[:1]:
        if why := why_no_file(path_of := activations_file(entry, seed)):
            yield Problem(2, key_path, f"{cut(path_of, OF_PATH)}: {why}")


def _several_problems(file: str, seeds: Sequence[int], path: KeyPath) -> Iterator[Problem]:
    """One file for several seeds would be one network several times."""
    if "{seed}" not in file and len(seeds) > 1:
        numbers = ", ".join(map(str, seeds[:-1])) + f" and {seeds[-1]}"
        yield Problem(2, path, f"the same for seeds {numbers}, write {{seed}} in it, or one seed")


def _names_of(statement: ast.stmt) -> list[str]:
    """What a statement of a module defines; `*` is what cannot be known without running it."""
    match statement:
        case ast.FunctionDef() | ast.ClassDef():
            return [statement.name]
        case ast.ImportFrom():
            return [alias.asname or alias.name for alias in statement.names]
        case ast.Assign():
            return [target.id for target in statement.targets if isinstance(target, ast.Name)]
        case ast.If() | ast.Try():
            return ["*"]
    return []


def _existing_problems(
    entry: Mapping[str, Any], seeds: Sequence[int], path: KeyPath
) -> Iterator[Problem]:
    for key in sorted((entry.get("training") or {}).keys() - {"minimum_accuracy"}):
        text = "beside weights, the network is not trained here, leave it out"
        yield Problem(1, (*path, "training", key), text)
    if entry["factory"] in architectures.available():
        for key in (key for key in OF_FOREIGN if key in entry):
            text = f"a {entry['factory']} of repcompare knows its own, leave it out"
            yield Problem(1, (*path, key), text)
        if "size" in (entry.get("input") or {}):
            text = f"a {entry['factory']} of repcompare takes images of any size, leave it out"
            yield Problem(1, (*path, "input", "size"), text)
        if not answers(entry):
            text = f"a {entry['factory']} of repcompare has a classifier, allowed: names"
            yield Problem(1, (*path, "classes"), text)
    given = entry.get("input") or {}
    if {"mean", "std"} <= given.keys() and len(given["mean"]) != len(given["std"]):
        text = f"{len(given['std'])} values, but {len(given['mean'])} in mean"
        yield Problem(2, (*path, "input", "std"), text)
    yield from _file_problems(entry, seeds, path)
    classes = entry.get("classes")
    if isinstance(classes, str) and classes != "imagenet" and (why := why_no_file(classes)):
        text = f"{cut(classes, OF_PATH)}: {why}, allowed: imagenet, or a list"
        yield Problem(2, (*path, "classes"), text)


def _file_problems(
    entry: Mapping[str, Any], seeds: Sequence[int], path: KeyPath
) -> Iterator[Problem]:
    weights, key = entry["weights"], (*path, "weights")
    if weights == RANDOM:
        return
    several = list(_several_problems(weights, seeds, key))
    yield from several
    for seed in () if several else seeds:
        file = weights_file(entry, seed)
        if file is not None and (why := why_no_file(file)):
            yield Problem(2, key, f"{cut(file, OF_PATH)}: {why}")


def _keyword_problems(factory: str, kwargs: Mapping[str, Any], path: KeyPath) -> Iterator[Problem]:
    known = architectures.parameters(factory)
    for key, value in kwargs.items():
        if key not in known:
            meant = nearest(key, known)
            known_ones = f"did you mean {meant}?" if meant else f"allowed: {', '.join(known)}"
            yield Problem(0, (*path, str(key)), f"{factory} takes no such argument, {known_ones}")
        elif not known[key].accepts(value):
            text = f"got {shown(value)}, allowed: {known[key].allowed}"
            yield Problem(1, (*path, key), text)


def _function_problems(factory: str, path: KeyPath) -> Iterator[Problem]:
    """The file and what it imports of those beside it are read, not run."""
    name, file = factory.rpartition(":")[2], function_file(factory)
    assert file is not None, "the caller has asked"
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
        code_digest(file)
    except OSError:
        yield Problem(
            2, path, f"{cut(str(file), OF_PATH)}: {why_no_file(file) or 'cannot be read'}"
        )
        return
    except SyntaxError as error:
        text = (
            f"{cut(str(error.filename), OF_PATH)}: line {error.lineno} is not Python: {error.msg}"
        )
        yield Problem(2, path, text)
        return
    except (ValueError, RecursionError, MemoryError) as error:
        # Bytes that no source has, or expressions nested without end.
        yield Problem(2, path, f"{cut(str(file), OF_PATH)}: is not Python: {cut(str(error))}")
        return
    defined = [name for node in tree.body for name in _names_of(node)]
    if name not in defined and "*" not in defined:
        meant = nearest(name, defined)
        text = f"{cut(str(file), OF_PATH)} has no function {cut(name)}" + (
            f", did you mean {meant}?" if meant else ""
        )
        yield Problem(2, path, text)
