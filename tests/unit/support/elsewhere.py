"""A study made on a device that is not the CPU, for machines without a GPU.

    python -m unit.support.elsewhere FOLDER cpu
    python -m unit.support.elsewhere FOLDER elsewhere

The device computes as the CPU does. But what lies on it is never mixed with what does not, as on a GPU:
that is an error. A process has it for good once it is registered, so this is a program of its own.
"""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)

from repcompare.networks.devices import DEVICES
from repcompare.stages.attack import attack
from repcompare.stages.dump_activations import dump_activations
from repcompare.stages.evaluate import evaluate
from repcompare.stages.extract_features import extract_features
from repcompare.stages.import_model import import_model
from repcompare.stages.make_nonrobust import make_nonrobust
from repcompare.stages.prepare_data import prepare_data
from repcompare.stages.train import train
from repcompare.study.config import nonrobust_settings, training_settings, validate

PLAIN = {"epsilons": {"linf": ["16/255"], "l2": [1.0]}}
# A network of someone else's, whose images are prepared as it was trained.
FOREIGN = {
    "factory": "torchvision",
    "kwargs": {"name": "mobilenet_v3_small", "num_classes": 10},
    "weights": "random",
    "input": {"size": 32, "mean": [0.5] * 3, "std": [0.25] * 3},
    "layers": {"stage1": "features.1"},
}
CONFIG = {
    "study": "elsewhere",
    "data": {"name": "digits", "train_samples": 200, "fit_samples": 100},
    "seeds": [0, 1],
    "architectures": {
        "resnet": {"factory": "resnet", "kwargs": {"blocks": [1], "width": 4}},
        "robust": {
            "factory": "vgg",
            "kwargs": {"depth": 11, "width": 4, "stages": 2},
            "training": {
                "adversarial": {"norm": "l2", "epsilon": 0.5, "steps": 2},
                "horizontal_flip": True,
            },
        },
    },
    "training": {"epochs": 2, "batch_size": 32, "crop_padding": 1, "precision": "float32"},
    "activations": {"layers": ["stage1", "penultimate"], "pool": "flatten"},
    "attack": {
        "samples": 20,
        "steps": 3,
        "precision": "float32",
        **PLAIN,
        "variants": {
            "adaptive": {"schedule": "adaptive", "objective": "dlr", **PLAIN},
            "diverse": {"input_diversity": 0.5, "momentum": 1.0, "restarts": 2, **PLAIN},
            "targeted": {"target": "random", "objective": "margin", **PLAIN},
        },
    },
    "features": {
        "samples": 20,
        "steps": 3,
        "precision": "float32",
        "nonrobust": {"epsilon": 1.0, "steps": 2},
    },
}
NAME = "elsewhere"
# From one device to another.
COPYING = {"_to_copy", "copy_", "to"}


class Elsewhere(torch.Tensor):
    """A tensor on the device; `held` is where its values are."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "Elsewhere":
        """Say that it lies on the device."""
        # In inference mode a view of a tensor from outside of it is none of its own.
        with torch.inference_mode(held.is_inference()):
            return torch.Tensor._make_wrapper_subclass(
                cls,
                held.size(),
                strides=held.stride(),
                storage_offset=held.storage_offset(),
                dtype=held.dtype,
                device=f"{NAME}:0",
            )

    def __init__(self, held: torch.Tensor) -> None:
        """Take the values."""
        self.held = held

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        """In the backward pass no mode is active."""
        return computed(function, args, kwargs or {})


class OnDevices(TorchDispatchMode):
    """Where tensors can be made on the device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        """Whatever torch computes."""
        return computed(function, args, kwargs or {})


def computed(function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What an operation gives, where its operands are or where it is asked for.

    Raises RuntimeError if some operands are elsewhere and some here, numbers (0 dimensions) excepted.
    """
    leaves = tree_leaves((args, kwargs))
    operands = [each for each in leaves if isinstance(each, torch.Tensor)]
    elsewhere = [each for each in operands if isinstance(each, Elsewhere)]
    here = [each for each in operands if not isinstance(each, Elsewhere) and each.dim()]
    copying = function.overloadpacket.__name__ in COPYING
    if elsewhere and here and not copying:
        raise RuntimeError(f"{function}: operands {NAME} and on the CPU")
    asked = [each for each in leaves if isinstance(each, torch.device)]
    there = bool(elsewhere)
    if copying:
        there = isinstance(args[0], Elsewhere)
    if asked:
        there = asked[0].type == NAME
    held = tree_map_only(Elsewhere, lambda tensor: tensor.held, (args, kwargs))
    held = tree_map_only(torch.device, lambda _: torch.device("cpu"), held)
    result = function(*held[0], **held[1])
    if not there:
        return result
    # What is changed in place is given back itself.
    known = {id(each.held): each for each in elsewhere}
    return tree_map_only(
        torch.Tensor, lambda made: known[id(made)] if id(made) in known else Elsewhere(made), result
    )


class Backend(_DummyBackendModule):
    """What torch asks of a device's module beside that."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        """Nothing that is tested computes in it."""
        return [torch.bfloat16]

    def get_rng_state(self, device: int) -> torch.Tensor:
        """Nothing is drawn there."""
        return torch.empty(0)

    def set_rng_state(self, state: torch.Tensor, device: int) -> None:
        """Nothing is drawn there."""


def register() -> None:
    """Let torch and the stages know of the device."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=Backend())
    DEVICES[NAME] = lambda: torch.device(NAME, 0)


def make(folder: Path, device: str, names: Sequence[str]) -> None:
    """Every stage of a study that runs networks, of some of them."""
    study = validate(CONFIG)
    where = {"device": device, "threads": 1}
    dataset = folder / "dataset.h5"
    prepare_data(dataset, settings=study["data"])
    found: dict[str, list[Path]] = {}
    for name in names:
        at = folder / name
        weights, record = at / "weights.safetensors", at / "record.json"
        of_study = {"dataset": dataset, **where}
        named = {"architecture": name, "seed": 0, **of_study}
        if name == "foreign":
            settings = FOREIGN | {"minimum_accuracy": 0.0, "code": "0" * 64}
            import_model(weights, record, source=None, settings=settings, **named)
        else:
            training = training_settings(study, name)
            settings = {key: training.pop(key) for key in ("factory", "kwargs")}
            train(weights, record, settings=settings | {"training": training}, **named)
        network = {"weights": weights, "record": record, **of_study}
        files = {kind: at / f"{kind}.h5" for kind in ("activations", "adversarial", "features")}
        dump_activations(files["activations"], settings=study["activations"], **network)
        attack(files["adversarial"], settings=study["attack"], **network)
        extract_features(files["features"], settings=study["features"], **network)
        make_nonrobust(at / "nonrobust.h5", settings=nonrobust_settings(study), **network)
        for kind, path in {"weights": weights, "records": record, **files}.items():
            found.setdefault(kind, []).append(path)
    del found["activations"]
    evaluate(folder / "evaluation.h5", settings={"batch_size": 50}, **found, **of_study)


def main() -> None:
    """Make the study."""
    folder, device = Path(sys.argv[1]), sys.argv[2]
    if device == NAME:
        register()
    with OnDevices() if device == NAME else contextlib.nullcontext():
        make(folder, device, [*CONFIG["architectures"], "foreign"])


if __name__ == "__main__":
    main()
