"""Modules of libraries and of the user's own files, built by name, and what is known of them."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from repcompare.networks.imported import NetworkError


class Built(NamedTuple):
    """A module in the state its factory leaves it in, and what its library says of its images.

    `size`, `mean` and `std` are None where nothing is said; `layers` are paths by the study's names.
    """

    module: nn.Module
    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    layers: Mapping[str, str] = {}


def build_foreign(
    factory: str, kwargs: Mapping[str, Any], named: str | None = None, seed: int | None = None
) -> Built:
    """Build a module by `torchvision`, `timm` or `path.py:function`.

    Args:
        factory: one of these.
        kwargs: of the function; of the libraries' also `name`, the network's.
        named: weights that the library knows by name, which it may have to download.
        seed: of the weights that the factory draws; None: the caller's generator is used.

    Raises:
        NetworkError: there is no such network or function, or it cannot be built.
    """
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        if factory in LIBRARIES:
            return LIBRARIES[factory](dict(kwargs), named)
        return Built(_called(_function(factory), kwargs))


def _called(function: Any, kwargs: Mapping[str, Any]) -> nn.Module:
    try:
        module = function(**kwargs)
    except (TypeError, ValueError) as error:
        raise NetworkError("kwargs", f"{function.__name__} refuses them: {error}") from error
    if not isinstance(module, nn.Module):
        raise NetworkError("factory", f"gives {type(module).__name__}, allowed: a torch.nn.Module")
    return module


def _function(factory: str) -> Any:
    """The function of `path.py:function`; modules beside the file can be imported by it."""
    path, _, name = factory.rpartition(":")
    file = Path(path).resolve()
    folder = str(file.parent)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise NetworkError("factory", f"{path}: no such file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
        return getattr(module, name)
    except (ImportError, AttributeError) as error:
        raise NetworkError("factory", f"{factory}: {error}") from error
    finally:
        sys.path.remove(folder)


def _torchvision(kwargs: dict[str, Any], named: str | None) -> Built:
    from torchvision import models

    name = kwargs.pop("name")
    _require("kwargs.name", "torchvision", name, models.list_models())
    known = models.get_model_weights(name)
    if named is not None:
        _require("weights", f"torchvision's {name}", named, known.__members__)
    weights = known[named] if named else known.DEFAULT
    arguments = kwargs | {"name": name, "weights": weights if named else None}
    module = _downloaded(named, lambda: _called(models.get_model, arguments))
    preset = weights.transforms()
    size = getattr(preset, "crop_size", [None])[0]
    return Built(module, size, tuple(preset.mean), tuple(preset.std))


def _timm(kwargs: dict[str, Any], named: str | None) -> Built:
    try:
        timm = importlib.import_module("timm")
    except ImportError as error:
        raise NetworkError("factory", "timm is not installed: pip install timm") from error

    name = kwargs.pop("name")
    _require("kwargs.name", "timm", name, timm.list_models())
    tag = f"{name}.{named}" if named else name
    if named:
        tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{name}.*")]
        _require("weights", f"timm's {name}", named, tags)
    arguments = kwargs | {"model_name": tag, "pretrained": bool(named)}
    module = _downloaded(named, lambda: _called(timm.create_model, arguments))
    data = timm.data.resolve_model_data_config(module)
    paths = [info["module"] for info in getattr(module, "feature_info", ()) if "module" in info]
    modules = dict(module.named_modules())
    layers = {
        f"stage{place}": path
        for place, path in enumerate(dict.fromkeys(path for path in paths if path in modules), 1)
    }
    return Built(module, data["input_size"][-1], tuple(data["mean"]), tuple(data["std"]), layers)


LIBRARIES = {"timm": _timm, "torchvision": _torchvision}


def _downloaded(named: str | None, build: Any) -> nn.Module:
    """What `build` makes, which downloads weights that have a name."""
    try:
        return build()
    except (OSError, RuntimeError) as error:
        if named is None:
            raise
        raise NetworkError("weights", f"{named} cannot be downloaded: {error}") from error


def _require(key: str, library: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        meant = f", did you mean {' or '.join(close)}?" if close else ""
        raise NetworkError(key, f"{library} has no {name}{meant}")
