"""What a foreign network must be like to be compared: found out once, on a few images."""

import difflib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from repcompare.architectures.classifier import Classifier
from repcompare.data.class_names import output_names, outputs_of
from repcompare.names import REPRESENTATION, layer_order
from repcompare.networks.factories import Built
from repcompare.networks.imported import (
    ImportedNetwork,
    NetworkError,
    Preparation,
    first_given,
    first_line,
    unpacked,
)

LOG = logging.getLogger(__name__)


class Adaptation(NamedTuple):
    """How a foreign module is used, as record.json has it: the arguments of `adapted`."""

    size: int
    mean: Sequence[float]
    std: Sequence[float]
    layers: Mapping[str, str]
    classifier: str | None
    tokens: str
    outputs: Sequence[int] | None


def adapted(module: nn.Module, adaptation: Mapping[str, Any]) -> ImportedNetwork:
    """The network of a module and of the fields of its `Adaptation`."""
    fields = dict(adaptation)
    preparation = Preparation(*(fields.pop(key) for key in ("size", "mean", "std")))
    return ImportedNetwork(module, preparation=preparation, **fields)


def adaptation_of(
    built: Built, settings: Mapping[str, Any], images: Tensor, class_names: Sequence[str]
) -> Adaptation:
    """How a module in eval mode, with its weights, is to be used.

    Args:
        built: the module, and what its library says of it.
        settings: of the architecture's config `input`, `layers`, `classifier`, `tokens`, `classes`;
            those that are absent are found.
        images: a few of the study's, float32 (N, C, H, W) in [0, 1].
        class_names: of the study.

    Raises:
        NetworkError: a setting does not fit the module, or has to be made.
    """
    module, given = built.module, settings.get("input") or {}
    if not given and built.mean is None:
        LOG.warning("input: nothing is said of it, so the module is given images in [0, 1]")
    size, mean, std = prepared_by(built, given, images)
    layers = settings.get("layers", built.layers)
    for name, path in layers.items():
        submodule(module, f"layers.{name}", path)
    ran = run_on(module, Preparation(size, mean, std)(images))
    outputs = None
    if settings.get("classes", ()) is not None:
        if ran.output.ndim != 2:
            text = f"the module gives {tuple(ran.output.shape)}, allowed: (N, classes)"
            raise NetworkError("factory", text)
        outputs = chosen_outputs(ran.output.shape[1], settings.get("classes"), class_names)
    classifier = classifier_of(module, ran, settings)
    layers = {name: layers[name] for name in layer_order(layers)}
    if classifier is None:
        layers.setdefault(REPRESENTATION, "")
    elif REPRESENTATION in layers:
        text = (
            f"the representation is what {classifier} is given, leave it out, or classifier: null"
        )
        raise NetworkError(f"layers.{REPRESENTATION}", text)
    tokens = settings.get("tokens") or "mean"
    return Adaptation(size, mean, std, layers, classifier, tokens, outputs)


def prepared_by(
    built: Built, given: Mapping[str, Any], images: Tensor
) -> tuple[int, list[float], list[float]]:
    """Size, mean and deviation that a module wants to see: what is given of its `input`, else its own.

    One value may stand for all channels, and a grey image for one of colours.
    """
    size, channels = given.get("size") or built.size or images.shape[-1], images.shape[1]
    mean = list(given.get("mean") or built.mean or [0.0])
    std = list(given.get("std") or built.std or [1.0])
    width = channels if channels > 1 else max(len(mean), len(std))
    for key, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, width):
            raise NetworkError(f"input.{key}", f"{len(values)} values for {width} channels")
    return size, (mean * width)[:width], (std * width)[:width]


def chosen_outputs(
    outputs: int, classes: str | Sequence[str] | None, class_names: Sequence[str]
) -> list[int]:
    """Which of a network's outputs are the study's classes, in their order.

    Args:
        outputs: how many it has.
        classes: their names, see `output_names`; None: they are the study's classes.
        class_names: of the study.

    Raises:
        NetworkError: other numbers of outputs, or classes that it does not know.
    """
    if classes is None:
        if outputs != len(class_names):
            text = (
                f"{outputs} outputs but {len(class_names)} classes; name the outputs, or null to "
            )
            raise NetworkError("classes", text + "compare representations only")
        return list(range(outputs))
    names = output_names(classes)
    if len(names) != outputs:
        raise NetworkError("classes", f"{len(names)} names but {outputs} outputs")
    try:
        return outputs_of(class_names, names)
    except ValueError as error:
        raise NetworkError("classes", str(error)) from error


class Call(NamedTuple):
    """One call of a linear layer: its path, what it was given and what it gave."""

    path: str
    given: Tensor
    gave: Tensor


class Run(NamedTuple):
    """What a module did with a few images: its output and the calls of its linear layers, in order."""

    output: Tensor
    calls: list[Call]


def run_on(module: nn.Module, images: Tensor) -> Run:
    """Run a module in eval mode on images as it wants to see them.

    Raises:
        NetworkError: it fails, or its output is not a finite tensor.
    """
    calls: list[Call] = []

    def hook_of(path: str) -> Any:
        def hook(module: nn.Module, given: tuple, named: dict, output: Tensor) -> None:
            calls.append(Call(path, first_given(given, named), output))

        return hook

    linear = [(path, part) for path, part in module.named_modules() if isinstance(part, nn.Linear)]
    handles = [part.register_forward_hook(hook_of(path), with_kwargs=True) for path, part in linear]
    try:
        with torch.inference_mode():
            output = unpacked(module(images))
    # Foreign code may raise anything.
    except Exception as error:
        # It takes other arguments than images.
        key = "factory" if isinstance(error, TypeError) else "input"
        text = f"the module fails on images of {tuple(images.shape[1:])}: {first_line(error)}"
        raise NetworkError(key, text) from error
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(output, Tensor):
        raise NetworkError("factory", f"the module gives {type(output).__name__}, not a tensor")
    if not output.isfinite().all():
        raise NetworkError("factory", "the module's answers are not finite")
    return Run(output, calls)


def classifier_of(module: nn.Module, ran: Run, settings: Mapping[str, Any]) -> str | None:
    """The path of the linear layer that classifies; None if there is none to be had.

    Raises:
        NetworkError: the one that `settings` name is not one, or they have to say which it is.
    """
    answers = settings.get("classes", ()) is not None
    if "classifier" in settings:
        path = settings["classifier"]
        if path is not None:
            _check_classifier(module, path, ran, answers)
        elif answers and REPRESENTATION not in (settings.get("layers") or {}):
            text = "null, so that layers.penultimate must name the module of the representation"
            raise NetworkError("classifier", text)
        return path
    called = [call for call in ran.calls if call.gave.shape == ran.output.shape]
    same = [call for call in called if torch.equal(call.gave, ran.output)]
    if same and same[-1].given.ndim == 2:
        return same[-1].path
    if not answers:
        return None
    last = ran.calls[-1].path if ran.calls else None
    text = "not found, the output is that of no linear layer; "
    text += f"write classifier: {last} if it classifies, or " if last else "write "
    text += "classifier: null and layers: {penultimate: PATH}"
    raise NetworkError("classifier", text)


def _check_classifier(module: nn.Module, path: str, ran: Run, answers: bool) -> None:
    found = submodule(module, "classifier", path)
    if not isinstance(found, nn.Linear):
        text = f"{path} is {type(found).__name__}, allowed: a torch.nn.Linear"
        raise NetworkError("classifier", text)
    calls = [call for call in ran.calls if call.path == path]
    if len(calls) != 1:
        raise NetworkError("classifier", f"{path} is called {len(calls)} times, allowed: once")
    (call,) = calls
    if call.given.ndim != 2:
        raise NetworkError("classifier", f"{path} is given {tuple(call.given.shape)}, not (N, d)")
    if not answers:
        return
    # Only what is the same for all classes may be added: log_softmax after the layer.
    alike = call.gave.shape == ran.output.shape
    if alike:
        rest = ran.output - call.gave
        alike = torch.allclose(rest, rest[:, :1].expand_as(rest), atol=1e-3, rtol=1e-4)
    if not alike:
        text = f"the module's output is neither what {path} gives nor that less a number a row"
        raise NetworkError("classifier", text)


def submodule(module: nn.Module, key: str, path: str) -> nn.Module:
    """The module at a path, which the config has at `key`; NetworkError if there is none."""
    known = dict(module.named_modules())
    if path not in known:
        close = difflib.get_close_matches(path, known, n=1)
        meant = f", did you mean {close[0]}?" if close else ""
        raise NetworkError(key, f"no module {path}{meant}")
    return known[path]


def check_network(network: ImportedNetwork | Classifier, images: Tensor) -> None:
    """Refuse a network that the stages could not use.

    Args:
        network: in eval mode, frozen.
        images: two or more of the study's, float32 (N, C, H, W) in [0, 1].

    Raises:
        NetworkError: a layer is not called once or has no vector an image; an answer differs from
            call to call or from batch to batch, is not finite, or has no gradient by the image.
    """
    if isinstance(network, ImportedNetwork):
        _check_calls(network, images)
    whole = _answers(network, images)
    again = _answers(network, images)
    if not all(map(torch.equal, whole, again)):
        text = "the same images have other answers in a second call; something is still random"
        raise NetworkError("factory", text)
    alone = [
        torch.cat(parts)
        for parts in zip(*(_answers(network, i[None]) for i in images), strict=True)
    ]
    for one, other in zip(whole, alone, strict=True):
        if not torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max())):
            text = "an image has other answers alone than among others, as if trained on the batch"
            raise NetworkError("factory", text)
    _check_gradient(network, images)


def _answers(network: ImportedNetwork | Classifier, images: Tensor) -> list[Tensor]:
    with torch.inference_mode():
        found = [network.represent(images)]
        if network.answers:
            found.append(network(images))
    return found


def _check_calls(network: ImportedNetwork, images: Tensor) -> None:
    calls: Counter[str] = Counter()
    watched = dict(network.paths)
    if network.classifier_path is not None:
        watched[REPRESENTATION] = network.classifier_path
    handles = [
        network.body.get_submodule(path).register_forward_pre_hook(
            lambda *_, name=name: calls.update([name])
        )
        for name, path in watched.items()
    ]
    try:
        with torch.inference_mode():
            network.body(network.preparation(images))
    finally:
        for handle in handles:
            handle.remove()
    for name, path in watched.items():
        if calls[name] != 1:
            times = "never" if not calls[name] else f"{calls[name]} times"
            raise NetworkError(f"layers.{name}", f"module {path} is called {times}, allowed: once")
        try:
            network.layer_outputs(images, (name,))
        except ValueError as error:
            raise NetworkError(f"layers.{name}", f"module {path} {error}") from error
    shape = tuple(network.represent(images).shape)
    if len(shape) != 2:
        raise NetworkError("classifier", f"is given {shape}, allowed: (N, d)")


def _check_gradient(network: ImportedNetwork | Classifier, images: Tensor) -> None:
    leaf = images.clone().requires_grad_()
    try:
        represented = network.represent(leaf)
        if not represented.requires_grad:
            text = "no gradient by the image; something in the module detaches it"
            raise NetworkError("factory", text)
        # A plain sum would not change where the representation is normalised.
        direction = torch.randn(represented.shape[1], generator=torch.Generator().manual_seed(0))
        (gradient,) = torch.autograd.grad((represented @ direction.to(leaf.device)).sum(), leaf)
    # A module may keep what it computed when no gradient was asked for.
    except RuntimeError as error:
        text = f"no gradient by the image: {first_line(error)}"
        raise NetworkError("factory", text) from error
    if not gradient.isfinite().all():
        raise NetworkError("factory", "the gradient by the image is not finite")
    if not gradient.flatten(1).any(1).all():
        raise NetworkError("factory", "the gradient by the image is zero")
