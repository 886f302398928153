"""Networks that were made elsewhere, with the contract of `Classifier`."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from repcompare.architectures.classifier import avoid_slow_bfloat16
from repcompare.names import REPRESENTATION
from repcompare.networks.folding import first_given, folded_graph
from repcompare.registry import known

LOG = logging.getLogger(__name__)


class NetworkError(ValueError):
    """A network that cannot be used as it is; `key` is that of the architecture's config."""

    def __init__(self, key: str, text: str) -> None:
        """Take the key, such as layers.stage1, and what is wrong."""
        super().__init__(f"{key}: {text}")
        self.key, self.text = key, text


def first_line(error: Exception) -> str:
    """What foreign code says is wrong, in one line: not all exceptions say more than their kind."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kind = type(error).__name__
    return f"{kind}: {lines[0]}" if lines else kind


def mean_of_patches(values: Tensor) -> Tensor:
    """The mean over the tokens of an image's patches, (N, T, d) → (N, d).

    Patches form a square and come last; class and register tokens are those before them.
    """
    patches = math.isqrt(values.shape[1]) ** 2
    return values[:, values.shape[1] - patches :].mean(1)


# How a layer of tokens, (N, T, d), becomes a vector an image.
TOKENS = {"mean": mean_of_patches, "first": lambda values: values[:, 0]}


def unpacked(output: Any) -> Any:
    """A module's output without what is packed around it: its `logits`, or the first of a tuple."""
    if isinstance(output, Mapping):
        return output["logits"] if "logits" in output else next(iter(output.values()), None)
    if hasattr(output, "logits"):
        return output.logits
    return output[0] if isinstance(output, tuple | list) else output


def pooled(output: Any, tokens: str, pool: str = "mean") -> Tensor:
    """One vector an image, (N, d): feature maps are averaged over positions, tokens by a rule.

    Maps are (N, C, h, w), or (N, h, w, C), which is told by its square of positions.

    Args:
        output: of a module.
        tokens: a name in `TOKENS`.
        pool: `mean`, or `flatten`: nothing is averaged.

    Raises:
        ValueError: an output of another kind.
    """
    values = unpacked(output)
    match values:
        case Tensor(ndim=3 | 4) if pool == "flatten":
            # Of what is flat already it would be a view, which a later operation may change.
            return values.flatten(1).clone()
        case Tensor(ndim=4) if values.shape[1] == values.shape[2] != values.shape[3]:
            return values.mean((1, 2))
        case Tensor(ndim=4):
            return values.mean((2, 3))
        case Tensor(ndim=3):
            return known(TOKENS, tokens, "tokens")(values)
        case Tensor(ndim=2):
            # A later operation may change it in place.
            return values.clone()
    kind = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
    raise ValueError(f"gives {kind}, allowed: (N, C, h, w), (N, h, w, C), (N, T, d) or (N, d)")


def in_channels_last(module: nn.Module) -> None:
    """Lay every weight of a convolution out as its images are: what torch's `to` does, but for 3-D."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


class Preparation(nn.Module):
    """Images in [0, 1] as a foreign module wants to see them: its size, mean and deviation.

    Resizing is bilinear, which leaves images in [0, 1] and gives every pixel a gradient.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: int, mean: Sequence[float], std: Sequence[float]) -> None:
        """Take the side of its square images, and a value a channel."""
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) → (N, channels, size, size); a grey image becomes as many as there are means."""
        if images.shape[-1] != self.size:
            side = (self.size, self.size)
            images = interpolate(images, side, mode="bilinear", antialias=True)
        return (images - self.mean.view(-1, 1, 1)) / self.std.view(-1, 1, 1)


class ImportedNetwork(nn.Module):
    """A foreign module on the study's images.

    The representation is what its linear classifier is given, and the logits are the classifier's
    for the study's classes alone, which is linear, too. A network without a linear classifier has a
    layer for its representation, and its logits are of its output.
    """

    outputs: Tensor

    def __init__(
        self,
        body: nn.Module,
        *,
        preparation: Preparation,
        layers: Mapping[str, str],
        classifier: str | None,
        tokens: str,
        outputs: Sequence[int] | None,
    ) -> None:
        """Take a module with its weights.

        Args:
            body: the foreign module; its convolutions change by `avoid_slow_bfloat16`.
            preparation: of the study's images for it.
            layers: the module's path of each layer by the study's name for it.
            classifier: the path of the linear classifier; None: `layers` has the representation.
            tokens: a name in `TOKENS`.
            outputs: which of its outputs are the study's classes, in their order; None: it has no
                answers.
        """
        super().__init__()
        avoid_slow_bfloat16(body)
        self.preparation, self.body, self.tokens = preparation, body, tokens
        self.paths, self.classifier_path = dict(layers), classifier
        self.answers = outputs is not None
        self.register_buffer("outputs", torch.tensor(outputs or [], dtype=torch.int64))
        self.classifier = self._restricted() if classifier and self.answers else None

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, the representation last."""
        return (*(name for name in self.paths if name != REPRESENTATION), REPRESENTATION)

    def _restricted(self) -> nn.Linear:
        """The rows of the module's classifier that are of the study's classes."""
        whole = self.body.get_submodule(self.classifier_path or "")
        assert isinstance(whole, nn.Linear), "checked when the network is imported"
        chosen = nn.Linear(whole.in_features, len(self.outputs))
        with torch.no_grad():
            chosen.weight.copy_(whole.weight[self.outputs])
            chosen.bias.copy_(torch.zeros(()) if whole.bias is None else whole.bias[self.outputs])
        return chosen

    def layer_outputs(
        self, images: Tensor, layers: Collection[str], pool: str = "mean"
    ) -> dict[str, Tensor]:
        """The outputs of `layers` (of those it has), each (N, d).

        `images` are in [0, 1], float (N, C, H, W). `pool` is what becomes of feature maps and of
        tokens, see `pooled`; the representation is never flattened.
        """
        with self._watched(layers, pool) as seen:
            self.body(self.preparation(images))
        return {name: seen[name] for name in self.layers if name in layers}

    def represent(self, images: Tensor) -> Tensor:
        """Map images to representations (N, d)."""
        return self.layer_outputs(images, (REPRESENTATION,))[REPRESENTATION]

    def forward(self, images: Tensor) -> Tensor:
        """Map images to logits (N, num_classes)."""
        if self.classifier is not None:
            return self.classifier(self.represent(images))
        if not self.answers:
            raise ValueError("this network knows none of the study's classes")
        return unpacked(self.body(self.preparation(images)))[:, self.outputs]

    @contextlib.contextmanager
    def _watched(self, layers: Collection[str], pool: str) -> Iterator[dict[str, Tensor]]:
        """What the modules of `layers` compute while the body runs, by name."""
        seen: dict[str, Tensor] = {}

        # A hook that gave something back would replace what it saw.
        def keep_output(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, given: tuple, output: Any) -> None:
                of_layer = "mean" if name == REPRESENTATION else pool
                seen[name] = pooled(output, self.tokens, of_layer)

            return hook

        def keep_input(module: nn.Module, given: tuple, named: dict) -> None:
            seen[REPRESENTATION] = first_given(given, named)

        modules = {name: self.body.get_submodule(path) for name, path in self.paths.items()}
        handles = [
            module.register_forward_hook(keep_output(name))
            for name, module in modules.items()
            if name in layers
        ]
        if self.classifier_path is not None and REPRESENTATION in layers:
            classifier = self.body.get_submodule(self.classifier_path)
            handles.append(classifier.register_forward_pre_hook(keep_input, with_kwargs=True))
        try:
            yield seen
        finally:
            for handle in handles:
                handle.remove()

    def folded(self) -> nn.Module:
        """The same answers and representations, faster where the body can be traced.

        The body then ends at the representation, and is what `folded_graph` makes of it. Where that
        changes what is computed, or the body has no linear classifier, this is the network itself.
        """
        if self.classifier_path is None:
            return self
        shape = 2, len(self.preparation.mean), self.preparation.size, self.preparation.size
        images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        images = images.to(self.preparation.mean.device)
        try:
            body = folded_graph(self.body, until=self.classifier_path)
            short = _FoldedNetwork(self.preparation, body, self.classifier)
            in_channels_last(short.requires_grad_(False))
            with torch.inference_mode():
                whole, found = self.represent(images), short.represent(images)
        # Foreign code may raise anything when it is run on symbols.
        except Exception as error:
            LOG.info("the network runs as it is, for it cannot be traced: %s", error)
            return self
        if not torch.allclose(whole, found, rtol=1e-3, atol=1e-4 * float(whole.abs().max())):
            LOG.info("the network runs as it is, for it is another one when it is traced")
            return self
        return short


class _FoldedNetwork(nn.Module):
    """An imported network whose body gives the representation."""

    def __init__(
        self, preparation: Preparation, body: nn.Module, classifier: nn.Linear | None
    ) -> None:
        super().__init__()
        self.preparation, self.body, self.classifier = preparation, body, classifier

    def represent(self, images: Tensor) -> Tensor:
        """Map images to representations (N, d)."""
        return self.body(self.preparation(images))

    def forward(self, images: Tensor) -> Tensor:
        """Map images to logits (N, num_classes)."""
        assert self.classifier is not None, "only a network with answers is asked"
        return self.classifier(self.represent(images))
