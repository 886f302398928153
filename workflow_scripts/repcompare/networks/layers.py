"""The modules of one network of a study, as they are called: to choose its layers and classifier from.

Neither weights nor images are read.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from repcompare import architectures
from repcompare.data.class_names import output_names
from repcompare.data.raw_files import facts
from repcompare.names import REPRESENTATION
from repcompare.networks.factories import Built, build_foreign
from repcompare.networks.imported import NetworkError, Preparation, unpacked
from repcompare.networks.importing import classifier_of, prepared_by, run_on, submodule
from repcompare.study.config import ConfigError, validate
from repcompare.study.config_file import read_config
from repcompare.study.networks import RANDOM

# Of images that are not known yet; families of ours take any.
CHANNELS, SIZE, CLASSES = 3, 32, 10


class Row(NamedTuple):
    """A module that is called: its path, its kind, and the shape of what it gives for one image."""

    path: str
    kind: str
    shape: str


def called_modules(module: nn.Module, image: Tensor) -> list[Row]:
    """Every module that is called, in the order of the calls, a module before its parts.

    Args:
        module: in eval mode.
        image: one, as the module wants to see it, (1, C, H, W).
    """
    rows: list[Row] = []
    open_rows: list[int] = []

    def begun_of(path: str) -> Any:
        def begun(part: nn.Module, given: tuple) -> None:
            open_rows.append(len(rows))
            rows.append(Row(path, type(part).__name__, "?"))

        return begun

    def ended(part: nn.Module, given: tuple, output: Any) -> None:
        found, place = unpacked(output), open_rows.pop()
        if isinstance(found, Tensor):
            rows[place] = rows[place]._replace(shape="×".join(map(str, found.shape[1:])))

    handles = []
    for path, part in module.named_modules():
        if path:
            handles += [
                part.register_forward_pre_hook(begun_of(path)),
                part.register_forward_hook(ended),
            ]
    try:
        with torch.inference_mode():
            module(image)
    finally:
        for handle in handles:
            handle.remove()
    return rows


def listing(config: Mapping[str, Any], architecture: str) -> str:
    """A table of an architecture's modules, with the names that its layers have in the study.

    Args:
        config: a validated one.
        architecture: one of its own.

    Raises:
        NetworkError: it cannot be built, or fails on an image.
    """
    entry, known = config["architectures"][architecture], facts(config["data"])
    ours = entry["factory"] in architectures.available()
    if ours:
        named = entry.get("classes")
        outputs = len(output_names(named)) if named else known.classes or CLASSES
        channels = known.channels or CHANNELS
        made = architectures.build(entry["factory"], entry["kwargs"], channels, outputs, seed=0)
        built = Built(made, SIZE, layers={name: name for name in made.layers})
    else:
        built = build_foreign(entry["factory"], entry["kwargs"], seed=0)
    module, given = built.module.eval(), entry.get("input") or {}
    size = known.size or given.get("size") or built.size
    if size is None:
        raise NetworkError("input.size", "missing, and the size of the images is not known yet")
    image = torch.rand(1, known.channels or CHANNELS, size, size)
    says = [f"{architecture}: one image of {'×'.join(map(str, image.shape[1:]))}"]
    if known.size is None:
        says.append("The study's images are not known yet: this is a size that the network takes.")
    if not ours:
        prepared = prepared_by(built, given, image)
        image = Preparation(*prepared)(image)
        says[0] += f", which the network sees as {'×'.join(map(str, image.shape[1:]))}"
    names, problems = _names(built, entry, image, ours)
    rows = called_modules(module, image)
    widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([*map(str.ljust, row, widths), ", ".join(names.get(row.path, []))]).rstrip()
        for row in rows
    ]
    return "\n".join([*says, "", *lines, *([""] if problems else []), *problems])


def _names(
    built: Built, entry: Mapping[str, Any], image: Tensor, ours: bool
) -> tuple[dict[str, list[str]], list[str]]:
    """What modules are to the study by their paths, and what has to be said in the config."""
    names: dict[str, list[str]] = {}
    problems = []
    for name, path in entry.get("layers", built.layers).items():
        try:
            submodule(built.module, f"layers.{name}", path)
            names.setdefault(path, []).append(name)
        except NetworkError as error:
            problems.append(str(error))
    ran = run_on(built.module, image)
    try:
        classifier = "classifier" if ours else classifier_of(built.module, ran, entry)
    except NetworkError as error:
        problems.append(str(error))
    else:
        if classifier is not None:
            given = "" if ours else f", is given {REPRESENTATION}"
            names.setdefault(classifier, []).append(f"the classifier{given}")
    return names, problems


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the modules of an architecture of a study."""
    parser = argparse.ArgumentParser("python -m repcompare.networks.layers", description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    parser.add_argument("--architecture", required=True, help="its name in the study")
    options = parser.parse_args(arguments)
    try:
        config = validate(_without_weights(read_config(options.configfile)))
    except ConfigError as error:
        sys.exit(str(error))
    name, there = options.architecture, sorted(config["architectures"])
    if name not in there:
        parser.error(f"argument --architecture: got {name!r}, allowed: {', '.join(there)}")
    try:
        print(listing(config, name))
    except NetworkError as error:
        sys.exit(f"architectures.{name}.{error}")


def _without_weights(raw: Any) -> Any:
    """A config whose networks are as their factories draw them: their files need not be there."""
    entries = raw.get("architectures") if isinstance(raw, Mapping) else None
    if not isinstance(entries, Mapping):
        return raw
    drawn = {
        name: {**entry, "weights": RANDOM}
        if isinstance(entry, Mapping) and "weights" in entry
        else entry
        for name, entry in entries.items()
    }
    return {**raw, "architectures": drawn}


if __name__ == "__main__":
    main()
