"""Trained networks on disk: weights as safetensors, and the JSON record that says how to build them."""

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch.fx.experimental.optimization import fuse

from repcompare.architectures import build
from repcompare.architectures.classifier import Classifier
from repcompare.data.dataset_file import Dataset
from repcompare.storage.files import file_digest, read_json, replacing, require_equal, write_json


@dataclass(frozen=True)
class TrainedModel:
    """A network in eval mode with frozen parameters, its record and the digest of its weights."""

    network: Classifier
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
    weights: str | Path, record_path: str | Path, network: torch.nn.Module, record: dict
) -> None:
    """Write the weights, then the record with their digest: a record implies whole weights."""
    with replacing(weights) as temporary:
        state = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
        # Not save_file, which leaves a file that only its owner may read, whatever the umask.
        temporary.write_bytes(safetensors.torch.save(state))
    write_json(record_path, {**record, "model_digest": file_digest(weights)})


def load_model(
    weights: str | Path, record_path: str | Path, dataset: Dataset, device: torch.device
) -> TrainedModel:
    """Build the network of a record, load its weights and freeze it.

    Raises:
        MismatchError: the weights are not the record's, or it was trained on another data file.
    """
    record = read_json(record_path)
    require_equal(
        "digest of the weights",
        [(record_path, record["model_digest"]), (weights, file_digest(weights))],
    )
    require_equal(
        "digest of the data",
        [(record_path, record["data_digest"]), (dataset.path, dataset.digest)],
    )
    network = build(
        record["factory"], record["kwargs"], record["in_channels"], record["num_classes"]
    )
    network.load_state_dict(safetensors.torch.load_file(weights))
    network.eval().requires_grad_(False)
    # torch can, its overloads have no device with a memory format.
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TrainedModel(network, record)


def untrained(model: TrainedModel) -> Classifier:
    """The network as it was before its training, in eval mode and frozen, where `model` is."""
    record = model.record
    network = build(
        record["factory"],
        record["kwargs"],
        record["in_channels"],
        record["num_classes"],
        seed=record["seed"],
    )
    network.set_normalisation(model.network.mean, model.network.std)
    network.eval().requires_grad_(False)
    network.to(model.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # As above.
    return network


def folded(network: torch.nn.Module) -> torch.nn.Module:
    """A copy with each batch-norm that follows a convolution folded into it: the same function."""
    return fuse(network).requires_grad_(False).to(memory_format=torch.channels_last)
