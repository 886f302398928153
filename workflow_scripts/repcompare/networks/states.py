"""Weights that were made elsewhere: read without running anything, loaded whole or not at all."""

import pickle
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from repcompare.networks.imported import NetworkError

# What wrappers put before the name of every parameter.
PREFIXES = ("module.", "_orig_mod.", "model.")


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file by name: safetensors, or a state dict that was saved by torch.

    Nothing in the file is run. A state dict may be one entry of a checkpoint.

    Raises:
        NetworkError: a file of another kind, or of several state dicts.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except safetensors.SafetensorError as error:
            raise NetworkError("weights", f"{path}: not a safetensors file ({error})") from error
    return _state_in(_read_tensors(path), path)


def _read_tensors(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        text = "not a file of torch.save, or a damaged one"
        if zipfile.is_zipfile(path):
            unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(path)
            if unsafe:
                text = (
                    f"holds more than tensors ({', '.join(sorted(unsafe))}), which would have to be "
                    "run to be read; save state_dict() alone, as safetensors or by torch.save"
                )
        raise NetworkError("weights", f"{path}: {text}") from error


def _state_in(content: Any, path: Path) -> dict[str, Tensor]:
    if _is_state(content):
        return dict(content)
    entries = content if isinstance(content, Mapping) else {}
    found = {str(name): entry for name, entry in entries.items() if _is_state(entry)}
    if len(found) == 1:
        return dict(*found.values())
    if found:
        text = f"several state dicts, {', '.join(found)}; save the one to use alone"
        raise NetworkError("weights", f"{path}: {text}")
    raise NetworkError(
        "weights", f"{path}: holds no state dict, tensors by the names of parameters"
    )


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(isinstance(name, str) for name in content)
        and all(isinstance(value, Tensor) for value in content.values())
    )


def load_state(
    module: nn.Module,
    state: Mapping[str, Tensor],
    path: str | Path,
    may_lack: Collection[str] = (),
) -> None:
    """Fill the parameters and buffers of `module`, all but those that a state `may_lack`.

    The number of batches that a network was trained on it always may. Prefixes of wrappers are
    taken off where every name has them.

    Raises:
        NetworkError: names or shapes that are not the module's, or values that are not finite.
    """
    wanted = module.state_dict()
    state = _unwrapped(state, wanted)
    optional = {n for n in wanted if n.endswith("num_batches_tracked")} | set(may_lack)
    # Of two names of one tensor, safetensors files have but one.
    there = {_place(wanted[name]) for name in state if name in wanted}
    optional |= {name for name, value in wanted.items() if _place(value) in there}
    missing = [name for name in wanted if name not in state and name not in optional]
    unknown = [name for name in state if name not in wanted]
    wrong = [(len(missing), "missing", missing), (len(unknown), "unknown", unknown)]
    if missing or unknown:
        counts = ", ".join(f"{n} ({_some(names)}) {kind}" for n, kind, names in wrong if n)
        raise NetworkError("weights", f"{path}: not the weights of this network: {counts}")
    for name, value in state.items():
        if value.shape != wanted[name].shape:
            shapes = f"{tuple(value.shape)} but {tuple(wanted[name].shape)} in the network"
            raise NetworkError("weights", f"{path}: {name} is {shapes}")
        kind = wanted[name].dtype
        if kind.is_floating_point and not value.is_floating_point():
            text = f"{name} holds {value.dtype}, allowed: numbers with a fraction".replace(
                "torch.", ""
            )
            raise NetworkError("weights", f"{path}: {text}")
        if not value.to(kind).isfinite().all():
            raise NetworkError("weights", f"{path}: {name} is not finite")
    module.load_state_dict(wanted | dict(state))


def _place(tensor: Tensor) -> tuple[int, torch.Size]:
    """The same of two tensors that are one."""
    return tensor.data_ptr(), tensor.shape


def _unwrapped(state: Mapping[str, Tensor], wanted: Collection[str]) -> Mapping[str, Tensor]:
    while not any(name in wanted for name in state):
        prefix = next((p for p in PREFIXES if all(n.startswith(p) for n in state)), None)
        if prefix is None:
            break
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _some(names: Collection[str]) -> str:
    first = sorted(names)[:3]
    return ", ".join(first) + (", …" if len(names) > len(first) else "")
