"""Where a network runs, and in which precision."""

import contextlib
import ctypes
import gc
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from repcompare.networks.gpu_leases import lease, visible_gpus
from repcompare.registry import known

# Of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def resolve_device(name: str) -> torch.device:
    """The device `name` stands for: `auto` is a GPU if there is one, else the CPU.

    A GPU is the least used one of those that this process sees, and becomes torch's current device:
    its number is not part of the answer, as results do not say which of several GPUs made them.

    Raises:
        ValueError: a name without a row in `DEVICES`, or `cuda` where there is none.
    """
    return known(DEVICES, name, "device")()


def _cpu() -> torch.device:
    return torch.device("cpu")


def _gpu() -> torch.device:
    if not torch.cuda.is_available():
        raise ValueError("device: 'cuda' was asked for, but torch finds no CUDA device here")
    torch.cuda.set_device(lease(visible_gpus(torch.cuda.device_count())))
    return torch.device("cuda")


DEVICES: dict[str, Callable[[], torch.device]] = {
    "auto": lambda: _gpu() if torch.cuda.is_available() else _cpu(),
    "cpu": _cpu,
    "cuda": _gpu,
}


def prepared_device(name: str, threads: int) -> torch.device:
    """`resolve_device`, and the process made ready to run networks on it with so many threads."""
    device = resolve_device(name)
    prepare_process(threads, device)
    return device


def processor(device: torch.device) -> str:
    """The name of what runs a network: of a GPU, or of the CPU with the instructions torch uses of it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        lines = described.read_text(encoding="utf-8", errors="replace").splitlines()
        named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        name = next(named, name)
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def resolve_precision(name: str, device: torch.device) -> str:
    """`auto` is `bfloat16` where the hardware multiplies it natively, else `float32`.

    Raises ValueError for a name without a row in `PRECISIONS`.
    """
    return known(PRECISIONS, name, "precision")(device)


def _native(device: torch.device) -> str:
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        native = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return "bfloat16" if native else "float32"


PRECISIONS: dict[str, Callable[[torch.device], str]] = {
    "auto": _native,
    "float32": lambda device: "float32",
    "bfloat16": lambda device: "bfloat16",
}
# Resolved precisions, and whether they need what torch calls autocasting.
AUTOCAST = {"float32": False, "bfloat16": True}


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """The context, to be entered as often as need be, of layers that compute in `precision`.

    Convolutions and linear layers do, in a precision that is resolved; ValueError for another.
    """
    enabled = known(AUTOCAST, precision, "precision")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled, cache_enabled=False)


def with_recorded_step(
    network: torch.nn.Module, batch: torch.Tensor, precision: str
) -> torch.nn.Module:
    """On a GPU, `network` with its training pass for batches like `batch` recorded as CUDA graphs.

    A network of this size spends most of a step on launching kernels, and a graph launches all of
    them at once. On a CPU the network as it is. Its weights and statistics are left as they were.
    """
    if batch.device.type != "cuda":
        return network
    # Recording runs the pass a few times, which moves the statistics of batch normalisation.
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with autocast(batch.device, precision):
        recorded = torch.cuda.make_graphed_callables(network, (batch,))
    network.load_state_dict(before)
    assert isinstance(recorded, torch.nn.Module), "a module is given, and given back"
    return recorded


def prepare_process(threads: int, device: torch.device) -> None:
    """Compute with `threads` threads; on a CPU, only with deterministic algorithms, and keep memory.

    On a GPU there is no such algorithm for the backward pass of some pooling layers.
    """
    torch.set_num_threads(threads)
    # As `use_deterministic_algorithms`, which imports all of the compiler: a job would start in twice the time.
    torch.set_deterministic_debug_mode("error" if device.type == "cpu" else "default")
    # It would fill every tensor that is about to be written, for the sake of code that reads it before.
    # mypy does not know what torch puts on the module when it is imported.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if device.type == "cpu":
        keep_memory()
    # All that was imported stays until the end, where to look through it once more takes half a second.
    gc.freeze()


def keep_memory() -> None:
    """Where the C library is glibc, let it keep freed memory for the next tensor.

    By itself it hands large blocks back to the system, which then zeroes every page of the next
    one: a quarter of a step's time in networks of many large tensors.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)
