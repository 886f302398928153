"""The rule `import_model`: a network that exists already, checked, as its weights and its record."""

import contextlib
import dataclasses
import importlib.metadata
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from repcompare import architectures
from repcompare.architectures.classifier import Classifier
from repcompare.data.class_names import output_names
from repcompare.data.dataset_file import Dataset
from repcompare.networks import training
from repcompare.networks.devices import prepared_device, processor
from repcompare.networks.factories import LIBRARIES, build_foreign
from repcompare.networks.imported import ImportedNetwork, NetworkError
from repcompare.networks.importing import (
    Adaptation,
    adaptation_of,
    adapted,
    check_network,
    chosen_outputs,
)
from repcompare.networks.inference import to_float
from repcompare.networks.models import frozen, save_model
from repcompare.networks.record import Record
from repcompare.networks.states import load_state, read_state
from repcompare.storage.files import versions
from repcompare.storage.seals import file_digest, made_by

# Images that a network is checked on.
EXAMPLES = 2

# What the config calls weights that the factory draws from the seed.
RANDOM = "random"

LOG = logging.getLogger(__name__)


def import_model(
    weights: str | Path,
    record: str | Path,
    *,
    dataset: str | Path,
    source: str | Path | None,
    architecture: str,
    seed: int,
    settings: Mapping[str, Any],
    device: str,
    threads: int,
) -> None:
    """Build a network, load its weights and check that the stages can use it.

    Args:
        weights: the safetensors file to write.
        record: the `Record` to write.
        dataset: the study's data file.
        source: the file of weights; None: the factory knows the weights by name, or draws them.
        architecture: the architecture's name in the study.
        seed: its number among the architecture's networks; random weights are drawn from it.
        settings: of the architecture's config `factory`, `kwargs`, `weights`, `input`, `layers`,
            `classifier`, `tokens` and `classes`, as far as they are given, `minimum_accuracy`, and
            the digest of the `code` that builds it, and `inputs`, as in `stages.train.train`.
        device: where the network runs, see `networks.devices.resolve_device`.
        threads: of the CPU.

    Raises:
        NetworkError: with the key of the config that is wrong.
    """
    where = prepared_device(device, threads)
    try:
        with Dataset(dataset) as data:
            data.require_settings(made_by(settings, "dataset"))
            network, adaptation = _imported(data, source, seed, settings)
            frozen(network, where)
            images = to_float(torch.from_numpy(data.split("test").images[:EXAMPLES])).to(where)
            check_network(network, images)
            accuracy = _accuracy(network, data, settings)
            with torch.inference_mode():
                width = network.represent(images).shape[1]
            # An imported network has its classifier twice: whole, and for the study's classes.
            made = network.body if isinstance(network, ImportedNetwork) else network
            found = Record(
                model=f"{architecture}/seed{seed}",
                architecture=architecture,
                seed=seed,
                factory=settings["factory"],
                kwargs=settings["kwargs"],
                in_channels=data.image_shape[0],
                num_classes=len(data.class_names),
                origin="imported",
                parameters=sum(p.numel() for p in made.parameters()),
                representation_width=width,
                test_accuracy=accuracy,
                device=str(where),
                processor=processor(where),
                threads=threads,
                data_digest=data.digest,
                versions=versions() | _version_of(settings["factory"]),
                weights=settings["weights"] if source is None else str(source),
                weights_digest=None if source is None else file_digest(source),
                adaptation=adaptation and adaptation._asdict(),
                code=settings["code"],
            )
    except NetworkError as error:
        raise NetworkError(f"architectures.{architecture}.{error.key}", error.text) from error
    LOG.info("%s: %s", found.model, found)
    save_model(weights, record, network, dataclasses.asdict(found))


def _imported(
    data: Dataset, source: str | Path | None, seed: int, settings: Mapping[str, Any]
) -> tuple[Classifier | ImportedNetwork, Adaptation | None]:
    """The network in eval mode on the CPU; one of our own families needs no adaptation."""
    if settings["factory"] in architectures.available():
        return _of_our_own(data, source, seed, settings), None
    named = settings["weights"] if source is None and settings["weights"] != RANDOM else None
    built = build_foreign(settings["factory"], settings["kwargs"], named, seed)
    module = built.module.eval()
    if source is not None:
        load_state(module, read_state(source), source)
    images = to_float(torch.from_numpy(data.split("test").images[:EXAMPLES]))
    adaptation = adaptation_of(built, settings, images, data.class_names)
    return adapted(module, adaptation._asdict()).eval(), adaptation


def _of_our_own(
    data: Dataset, source: str | Path | None, seed: int, settings: Mapping[str, Any]
) -> Classifier:
    """A network of one of our families; normalisation is the file's, the config's or the data's."""
    family, kwargs, channels = settings["factory"], settings["kwargs"], data.image_shape[0]
    given, classes = settings.get("input") or {}, settings.get("classes")
    outputs = len(output_names(classes) if classes is not None else data.class_names)
    with _naming("kwargs"):
        network = architectures.build(family, kwargs, channels, outputs, seed=seed)
    network.set_normalisation(data.mean, data.std)
    if source is not None:
        load_state(network, read_state(source), source, may_lack=("mean", "std"))
    with _naming("input"):
        network.set_normalisation(given.get("mean", network.mean), given.get("std", network.std))
    chosen = chosen_outputs(outputs, classes, data.class_names)
    if chosen == list(range(outputs)):
        return network.eval()
    restricted = architectures.build(family, kwargs, channels, len(chosen))
    state = network.state_dict()
    of_classes = {name: state[name][chosen] for name in ("classifier.weight", "classifier.bias")}
    restricted.load_state_dict(state | of_classes)
    return restricted.eval()


def _accuracy(
    network: Classifier | ImportedNetwork, data: Dataset, settings: Mapping[str, Any]
) -> float | None:
    """On the test images; None of a network without answers. Refused below what was asked for."""
    if settings.get("classes", ()) is None:
        return None
    test = data.split("test")
    accuracy = training.accuracy(network, test.images, torch.from_numpy(test.labels))
    least = settings["minimum_accuracy"]
    if accuracy < least:
        text = (
            f"test accuracy {accuracy:.4f} is below {least}: normalisation (input), order of the "
            "classes (classes) or weights are wrong"
        )
        raise NetworkError("training.minimum_accuracy", text)
    return accuracy


@contextlib.contextmanager
def _naming(key: str) -> Iterator[None]:
    """Say which key of the config it is that a family of ours refuses."""
    try:
        yield
    except ValueError as error:
        raise NetworkError(key, str(error)) from error


def _version_of(factory: str) -> dict[str, str]:
    return {factory: importlib.metadata.version(factory)} if factory in LIBRARIES else {}
