"""Networks on disk: weights as safetensors, and the JSON record that says how to build them."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from repcompare.architectures import build
from repcompare.architectures.classifier import Classifier
from repcompare.data.batches import images_at_once
from repcompare.data.dataset_file import Dataset
from repcompare.names import REPRESENTATION
from repcompare.networks.folding import folded_graph
from repcompare.networks.imported import ImportedNetwork, in_channels_last
from repcompare.networks.inference import StoredImages, to_float
from repcompare.storage.files import MismatchError, read_json, replacing, write_json
from repcompare.storage.seals import DamagedError, file_digest, require_same_settings

# What the stages run: a network of ours, or one that was made elsewhere.
Network = Classifier | ImportedNetwork

One = TypeVar("One", bound=torch.nn.Module)


@dataclass(frozen=True)
class TrainedModel:
    """A network in eval mode with frozen parameters, its record and the digest of its weights."""

    network: Network
    record: dict

    @property
    def name(self) -> str:
        """`{architecture}/seed{seed}`."""
        return self.record["model"]

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device


def save_model(
    weights: str | Path,
    record_path: str | Path,
    network: torch.nn.Module,
    record: Mapping[str, Any],
) -> None:
    """Write the weights, then the record with their digest: a record implies whole weights."""
    with replacing(weights) as temporary:
        state = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
        # Not save_file, which leaves a file that only its owner may read, whatever the umask.
        temporary.write_bytes(safetensors.torch.save(unshared(state)))
    write_json(record_path, {**record, "model_digest": file_digest(weights)})


def unshared(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`state` with a tensor of its own for each name: some modules tie two, and a file holds both."""
    seen: set[int] = set()
    found = {}
    for name, value in state.items():
        memory = value.untyped_storage().data_ptr()
        found[name] = value.clone() if memory in seen else value
        seen.add(memory)
    return found


def load_model(
    weights: str | Path,
    record_path: str | Path,
    dataset: Dataset,
    device: torch.device,
    settings: Mapping[str, Any] | None = None,
) -> TrainedModel:
    """Build the network of a record, load its weights and freeze it.

    Args:
        weights: the safetensors file.
        record_path: the record beside it.
        dataset: the study's data file.
        device: where the network goes.
        settings: what the record must say of how the network was made.

    Raises:
        DamagedError: the record is not what was written, or the weights are not those it tells of.
        MismatchError: it was trained on another data file.
    """
    record = read_json(record_path)
    require_same_settings(record_path, record, settings or {})
    if record["model_digest"] != file_digest(weights):
        raise DamagedError(weights, f"not the weights that {record_path} tells of (SHA-256)")
    if record["data_digest"] != dataset.digest:
        text = f"{record_path} tells of a network trained on other images than {dataset.path} holds"
        raise MismatchError(f"{text}; delete it and call again")
    network = network_of(record)
    network.load_state_dict(safetensors.torch.load_file(weights))
    return TrainedModel(frozen(network, device), record)


def network_of(record: Mapping[str, Any]) -> Network:
    """The network that a record speaks of, as its seed draws it: some keep more than their weights."""
    factory, kwargs, seed = record["factory"], record["kwargs"], record["seed"]
    if record["adaptation"] is None:
        return build(factory, kwargs, record["in_channels"], record["num_classes"], seed=seed)
    # Most studies have no foreign network, and its libraries take long to import.
    from repcompare.networks.factories import build_foreign
    from repcompare.networks.importing import adapted

    return adapted(build_foreign(factory, kwargs, seed=seed).module, record["adaptation"])


def frozen(network: One, device: torch.device) -> One:
    """The network in eval mode, its parameters frozen, on the device."""
    network.eval().requires_grad_(False).to(device)
    in_channels_last(network)
    return network


def untrained(model: TrainedModel) -> Network | None:
    """The network as its seed initialises it, in eval mode and frozen, where `model` is.

    None if that is what `model` is: it was never trained, or its factory draws nothing.
    """
    network = network_of(model.record)
    if isinstance(network, Classifier) and isinstance(model.network, Classifier):
        network.set_normalisation(model.network.mean, model.network.std)
    frozen(network, model.device)
    both = zip(network.parameters(), model.network.parameters(), strict=False)
    return None if all(torch.equal(before, after) for before, after in both) else network


def with_batch_statistics(
    network: Network, images: StoredImages, n: int, batch_size: int
) -> Network | None:
    """A copy of a frozen network whose batch norm has the statistics of the first n images.

    Means and variances of batches, averaged, each layer after those before it (as PyTorch's
    `update_bn`); dropout stays off. None of a network without such statistics.

    Args:
        network: as `untrained` gives it.
        images: uint8 (N, C, H, W); they go to its device a batch at a time.
        batch_size: about so many at a time, see `images_at_once`.
    """
    network = copy.deepcopy(network)
    layers = [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    if not layers:
        return None
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
        layer.train()
    device = next(network.buffers()).device
    # Batches of one size, as each counts as much; never of one image, which may have no variance.
    parts = max(1, min(-(-n // images_at_once(batch_size, images.shape[1:])), n // 2))
    with torch.inference_mode():
        for part in range(parts):
            rows = slice(n * part // parts, n * (part + 1) // parts)
            batch = to_float(torch.as_tensor(images[rows]).to(device))
            network.layer_outputs(batch, [REPRESENTATION])
    network.eval()
    return network


def folded(network: torch.nn.Module) -> torch.nn.Module:
    """A copy for passes that change no weights, see `folded_graph`: the same function, faster."""
    if isinstance(network, ImportedNetwork):
        return network.folded()
    return folded_graph(network).requires_grad_(False).to(memory_format=torch.channels_last)
