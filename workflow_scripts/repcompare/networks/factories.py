"""Modules of libraries and of the user's own files, built by name, and what is known of them."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from repcompare.networks.imported import NetworkError, first_line


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
    """Build a module by `torchvision`, `timm` or `path.py:function`, in float32 on the CPU.

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
        return Built(_of_a_file(factory, kwargs))


def _called(name: str, function: Any, kwargs: Mapping[str, Any], named: str | None) -> nn.Module:
    try:
        module = function(**kwargs)
    # Foreign code may raise anything.
    except Exception as error:
        if named is not None and isinstance(error, OSError | RuntimeError):
            text = f"{named} cannot be downloaded: {first_line(error)}"
            raise NetworkError("weights", text) from error
        key = "kwargs" if isinstance(error, TypeError | ValueError) else "factory"
        raise NetworkError(key, f"{name} cannot be built: {first_line(error)}") from error
    if not isinstance(module, nn.Module):
        raise NetworkError("factory", f"gives {type(module).__name__}, allowed: a torch.nn.Module")
    _require_tensors(name, module)
    return module.to("cpu", torch.float32)


def _require_tensors(name: str, module: nn.Module) -> None:
    """Refuse what no file of weights could hold."""
    for key, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            text = f"{name} keeps {key}, which is no tensor, and only tensors are stored"
            raise NetworkError("factory", text)
        if is_lazy(value):
            text = f"{name} has a lazy {key}, whose shape is not known before it has seen an image"
            raise NetworkError("factory", text)


def _of_a_file(factory: str, kwargs: Mapping[str, Any]) -> nn.Module:
    """What the function of `path.py:function` gives; it can import modules beside its file.

    They are forgotten afterwards: another network's file may lie beside others of the same names.
    """
    path, _, name = factory.rpartition(":")
    file = Path(path).resolve()
    if not file.is_file():
        raise NetworkError("factory", f"{path}: no such file")
    before, folder = set(sys.modules), str(file.parent)
    sys.path.insert(0, folder)
    try:
        function = getattr(_loaded(path, file), name, None)
        if function is None:
            raise NetworkError("factory", f"{path} has no function {name}")
        return _called(name, function, kwargs, None)
    finally:
        sys.path.remove(folder)
        for module in [name for name in sys.modules if name not in before]:
            if _lies_beside(file, module):
                del sys.modules[module]


def _loaded(path: str, file: Path) -> ModuleType:
    """The module of a file, run; under a name that no import could ask for."""
    name = f"{path}:"
    loader = SourceFileLoader(name, str(file))
    # Data classes look their module up.
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(file)
    try:
        loader.exec_module(module)
    # Foreign code may raise anything.
    except Exception as error:
        raise NetworkError("factory", f"{path}: {first_line(error)}") from error
    return module


def _lies_beside(file: Path, name: str) -> bool:
    """Whether an imported module is beside a file: not in an environment below the same folder."""
    module, beside = sys.modules[name], file.parent / name.partition(".")[0]
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    found = [Path(place) for place in places if place is not None]
    return any(
        place in (file, Path(f"{beside}.py")) or beside in (place, *place.parents)
        for place in found
    )


def _torchvision(kwargs: dict[str, Any], named: str | None) -> Built:
    from torchvision import models

    name = kwargs.pop("name")
    _require("kwargs.name", "torchvision", name, models.list_models(module=models))
    known = models.get_model_weights(name)
    if named is not None:
        _require("weights", f"torchvision's {name}", named, known.__members__)
    weights = known[named] if named else known.DEFAULT
    arguments = kwargs | {"name": name, "weights": weights if named else None}
    module = _called(name, models.get_model, arguments, named)
    preset = weights.transforms()
    return Built(module, preset.crop_size[0], tuple(preset.mean), tuple(preset.std))


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
    module = _called(name, timm.create_model, arguments, named)
    # torch's stubs take every attribute of a module for a tensor.
    cfg: Any = module.pretrained_cfg
    known = cfg["num_classes"]
    if named and module.num_classes not in (known, 0):
        # timm would give it a classifier that has learnt nothing.
        text = f"got {module.num_classes}, but {named} knows {known}, leave it out, or 0 for none"
        raise NetworkError("kwargs.num_classes", text)
    data = timm.data.resolve_model_data_config(module)
    paths = [info["module"] for info in getattr(module, "feature_info", ()) if "module" in info]
    modules = dict(module.named_modules())
    layers = {
        f"stage{place}": path
        for place, path in enumerate(dict.fromkeys(path for path in paths if path in modules), 1)
    }
    return Built(module, data["input_size"][-1], tuple(data["mean"]), tuple(data["std"]), layers)


LIBRARIES = {"timm": _timm, "torchvision": _torchvision}


def _require(key: str, library: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        meant = f", did you mean {' or '.join(close)}?" if close else ""
        raise NetworkError(key, f"{library} has no {name}{meant}")
