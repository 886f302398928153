"""Weights made elsewhere are read without running anything, and loaded whole or not at all."""

import argparse
import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from repcompare.networks.imported import NetworkError
from repcompare.networks.states import load_state, read_state


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))


@pytest.fixture
def state():
    return network().state_dict()


def saved(tmp_path, content):
    torch.save(content, tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


def prefixed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


def converted(state, kind):
    """A state with the numbers of another precision; counts stay as they are."""
    return {k: v.to(kind) if v.is_floating_point() else v for k, v in state.items()}


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3, "best": 0.5},
        lambda state: {"model": state},
        lambda state: prefixed(state, "module."),
        lambda state: prefixed(state, "_orig_mod."),
        lambda state: {"state_dict": prefixed(state, "module._orig_mod.")},
        lambda state: {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")},
        lambda state: converted(state, torch.float16),
        lambda state: converted(state, torch.bfloat16),
        lambda state: converted(state, torch.float64),
    ],
    ids=[
        *("bare", "in a checkpoint", "model", "module.", "_orig_mod.", "both", "uncounted"),
        *("float16", "bfloat16", "float64"),
    ],
)
def test_a_state_dict_is_found_and_loaded(wrapped, state, tmp_path):
    path, module = saved(tmp_path, wrapped(state)), network()
    load_state(module, read_state(path), path)
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=1e-2, atol=1e-3)


def test_safetensors_are_read(state, tmp_path):
    path, module = tmp_path / "weights.safetensors", network()
    safetensors.torch.save_file(state, path)
    load_state(module, read_state(path), path)
    assert all(torch.equal(module.state_dict()[name], state[name]) for name in state)


def test_a_prefix_that_only_some_names_have_is_left_on(state, tmp_path):
    some = {("module." if "3." in name else "") + name: v for name, v in state.items()}
    path = saved(tmp_path, some)
    with pytest.raises(NetworkError, match=r"2 \(3.bias, 3.weight\) missing"):
        load_state(network(), read_state(path), path)


def test_what_a_state_may_lack_stays_as_it_is(state, tmp_path):
    module, lacking = network(), {k: v for k, v in state.items() if k != "3.bias"}
    before = module[3].bias.clone()
    load_state(module, lacking, "weights.pt", may_lack=("3.bias",))
    assert torch.equal(module[3].bias, before)
    assert torch.equal(module[3].weight, state["3.weight"])


def test_of_two_names_of_one_tensor_a_state_may_have_but_one(tmp_path):
    def tied() -> nn.Module:
        module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        module[1].weight = module[0].weight
        return module

    state, module = tied().state_dict(), tied()
    for name in ("0.weight", "1.weight"):
        load_state(module, {k: v for k, v in state.items() if k != name}, "weights.pt")
        assert all(torch.equal(module.state_dict()[key], state[key]) for key in state)
    with pytest.raises(NetworkError, match=r"2 \(0.weight, 1.weight\) missing"):
        load_state(tied(), {k: v for k, v in state.items() if "weight" not in k}, "weights.pt")


class Trap:
    """Something that says so when it is run."""

    def __reduce__(self):
        return pytest.fail, ("the file was run",)


REFUSED_FILES = {
    "arguments": (
        {"state_dict": {"a": torch.zeros(1)}, "args": argparse.Namespace(lr=1)},
        r"holds more than tensors \(argparse.Namespace\), which would have to be run to be read; "
        r"save state_dict\(\) alone, as safetensors or by torch.save",
    ),
    "a NumPy number": (
        {"state_dict": {"a": torch.zeros(1)}, "best": np.float64(0.5)},
        r"holds more than tensors \(numpy",
    ),
    "code": ({"a": Trap()}, "holds more than tensors"),
    "a module": (nn.Linear(1, 1), "holds more than tensors"),
    "two": (
        {"state_dict": {"a": torch.zeros(1)}, "state_dict_ema": {"a": torch.ones(1)}},
        "several state dicts, state_dict, state_dict_ema; save the one to use alone",
    ),
    "none": ({"epoch": 3}, "holds no state dict, tensors by the names of parameters"),
}


@pytest.mark.parametrize("kind", REFUSED_FILES)
def test_a_file_of_another_kind_is_refused_and_nothing_in_it_is_run(kind, tmp_path):
    content, message = REFUSED_FILES[kind]
    path = saved(tmp_path, content)
    with pytest.raises(NetworkError, match=message) as error:
        read_state(path)
    assert str(error.value).startswith(f"weights: {path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"<html>not found</html>", pickle.dumps([1]), b""])
@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_what_is_no_file_of_weights_is_refused(content, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(NetworkError, match=r"not a (file of torch\.save|safetensors file)"):
        read_state(path)


def test_half_a_file_is_refused(state, tmp_path):
    path = saved(tmp_path, state)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(NetworkError, match=r"not a file of torch\.save, or a damaged one"):
        read_state(path)


REFUSED_STATES = {
    "missing": (
        lambda state: {k: v for k, v in state.items() if not k.startswith("3.")},
        r"not the weights of this network: 2 \(3.bias, 3.weight\) missing",
    ),
    "unknown": (
        lambda state: state | {"head.weight": torch.zeros(1)},
        r"not the weights of this network: 1 \(head.weight\) unknown",
    ),
    "shape": (
        lambda state: state | {"3.weight": torch.zeros(10, 2)},
        r"3.weight is \(10, 2\) but \(3, 2\) in the network",
    ),
    "not finite": (
        lambda state: state | {"3.bias": torch.tensor([0.0, torch.nan, 0.0])},
        "3.bias is not finite",
    ),
    "too large for float32": (
        lambda state: state | {"3.bias": torch.full((3,), 1e300, dtype=torch.float64)},
        "3.bias is not finite",
    ),
    "quantised": (
        lambda state: state | {"3.bias": torch.ones(3, dtype=torch.int8)},
        "3.bias holds int8, allowed: numbers with a fraction",
    ),
}


@pytest.mark.parametrize("kind", REFUSED_STATES)
def test_other_weights_are_refused_and_the_network_is_left_as_it_was(kind, state):
    change, message = REFUSED_STATES[kind]
    module = network()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(NetworkError, match=message):
        load_state(module, change(state), "weights.pt")
    assert all(torch.equal(module.state_dict()[name], before[name]) for name in before)
