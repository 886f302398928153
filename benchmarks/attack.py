"""PGD against torchattacks and foolbox at the same settings, and against the bare pass to the input.

python benchmarks/attack.py                         # in bfloat16 where the processor has it
python benchmarks/attack.py --precision float32     # as on one that has not
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import foolbox
import h5py
import numpy as np
import torch
import torchattacks
from apart import in_turn_apart
from bare import bare_passes
from networks import images, networks
from timing import bar, print_table, ratio
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

from repcompare.attacks.balls import L2Ball, LinfBall
from repcompare.attacks.craft import Computation
from repcompare.attacks.pgd import Search, attack_objective, pgd
from repcompare.attacks.suite import Attack
from repcompare.data.dataset_file import Dataset
from repcompare.networks.devices import PRECISIONS, resolve_precision
from repcompare.networks.inference import logits_of, to_float
from repcompare.networks.models import folded
from repcompare.stages.attack import attack_model
from repcompare.storage.hdf5 import new_hdf5

BATCH, STEPS, BALL = 100, 5, LinfBall(8 / 255)
DEVICE = torch.device("cpu")
SEARCH = Search(STEPS, 2.5)
RATIOS = (
    ("torchattacks", "ours"),
    ("foolbox", "ours"),
    ("ours", "bare"),
    ("evaluation", "forward"),
)


def bare(
    network: torch.nn.Module, batch: torch.Tensor, labels: torch.Tensor, precision: str
) -> None:
    """As many passes as the attack has steps."""
    bare_passes(
        network, batch, lambda z: cross_entropy(z, labels, reduction="sum"), precision, STEPS
    )


def in_convolutions(work: Callable[[], object]) -> float:
    """The share of the time of `work` that is spent in convolutions, forward and backward."""
    with profile(activities=[ProfilerActivity.CPU]) as measured:
        work()
    seconds = {event.key: event.self_cpu_time_total for event in measured.key_averages()}
    kernels = ("aten::mkldnn_convolution", "aten::convolution_backward")
    return sum(seconds.get(kernel, 0) for kernel in kernels) / sum(seconds.values())


@torch.inference_mode()
def bare_forward(network: torch.nn.Module, batch: torch.Tensor) -> None:
    """One forward pass of a batch that is there already."""
    network(batch)


def speed(precision: str) -> None:
    """Print the table of speeds, one row an architecture."""
    pixels, labels = images(BATCH)
    batch = to_float(pixels)
    start = BALL.draw_start(np.arange(BATCH), pixels.shape[1:], 0)
    length = 2.5 * BALL.epsilon / STEPS
    rows, measured, ratios = [], {}, {}
    for name, network in networks().items():
        network.eval()
        ours = folded(network)
        # The peers get the network as training leaves it: its parameters still take gradients.
        plain = network.to(memory_format=torch.contiguous_format).requires_grad_(True)
        contiguous = batch.contiguous()
        torch_attack = torchattacks.PGD(plain, BALL.epsilon, length, STEPS)
        fool_attack = foolbox.attacks.LinfPGD(abs_stepsize=length, steps=STEPS)
        wrapped = foolbox.PyTorchModel(plain, bounds=(0, 1), device="cpu")
        objective = attack_objective(ours, batch, labels, SEARCH, precision)
        turns = in_turn_apart(
            {
                "ours": lambda o=objective: pgd(o, start, BALL, SEARCH),
                "torchattacks": lambda p=torch_attack, x=contiguous: p(x, labels),
                "foolbox": lambda a=fool_attack, m=wrapped, x=contiguous: a.run(
                    m, x, labels, epsilon=BALL.epsilon
                ),
                "bare": lambda n=ours: bare(n, batch, labels, precision),
                "evaluation": lambda n=ours: logits_of(n, pixels, BATCH),
                "forward": lambda n=ours: bare_forward(n, batch),
            },
            as_jobs=("ours", "bare", "evaluation", "forward"),
        )
        found = [ratio(turns[above], turns[below]) for above, below in RATIOS]
        speed_of_ours = BATCH / statistics.median(turns["ours"])
        rows.append([name, f"{speed_of_ours:.0f}", *map(str, found)])
        ratios[name] = [each.median for each in found]
        measured[name] = ours
    # A profiler leaves its traces in what is timed after it.
    for row, network in zip(rows, measured.values(), strict=True):
        share = in_convolutions(lambda n=network: bare(n, batch, labels, precision))
        row.append(f"{100 * share:.0f}")
    header = ["architecture", "images/s", *(f"{above} / {below}" for above, below in RATIOS)]
    header.append("bare: in convolutions, %")
    least = {"bfloat16": (2.5, 3.0)}.get(precision, (1.5, 2.0))
    for place, (peer, limit) in enumerate(zip(("torchattacks", "foolbox"), least, strict=True)):
        of_peer = {name: found[place] for name, found in ratios.items()}
        bar(f"PGD, {precision}: {peer} / ours", of_peer, at_least=limit)
    of_bare = {name: found[2] for name, found in ratios.items()}
    bar(f"PGD, {precision}: ours / bare pass", of_bare, at_most=1.05)
    title = f"PGD, Linf, {STEPS} steps, 28x28, batches of {BATCH}, one thread, {precision}"
    print_table(title, header, rows)


def storage(precision: str) -> None:
    """Print what it costs to keep 1,000 CIFAR-size examples of 8 attacks.

    Images are smooth, as photographs are: random pixels would neither compress nor be attacked.
    """
    network = networks(in_channels=3)["vgg"].eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1000, 3, 8, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=32, mode="bicubic").clamp(0, 1)
    record = {"model": "vgg/seed0", "model_digest": "0" * 64, "data_digest": "0" * 64}
    model = SimpleNamespace(network=network, record=record, device=DEVICE)
    balls = [LinfBall(e / 255, f"{e}/255") for e in (2, 4, 8, 16)]
    balls += [L2Ball(e, f"{e}") for e in (0.25, 0.5, 1.0, 2.0)]
    search = Search(10, 2.5)
    with TemporaryDirectory() as folder:
        data, path = Path(folder, "dataset.h5"), Path(folder, "adversarial.h5")
        with new_hdf5(data, {}) as file:
            file["test/images"] = (smooth * 255).round().to(torch.uint8).numpy()
            file["test/ids"] = np.arange(1000)
            file["test/labels"] = torch.randint(10, (1000,), generator=generator).numpy()
        with Dataset(data) as dataset:
            before = time.perf_counter()
            attacks, computation = (
                [Attack("pgd", search, tuple(balls))],
                Computation(100, precision, 0),
            )
            attack_model(path, model, dataset, 1000, attacks, computation)
            whole = time.perf_counter() - before
        with h5py.File(path) as file, h5py.File(Path(folder, "copy.h5"), "w") as copy:
            groups = {name: group["images"][:] for name, group in file["attacks"].items()}
            chunks = {name: file["attacks"][name]["images"].chunks for name in groups}
            before = time.perf_counter()
            for name, array in groups.items():
                copy.create_dataset(
                    name, data=array, chunks=chunks[name], compression="gzip", compression_opts=1
                )
            writing = time.perf_counter() - before
        raw = sum(array.nbytes for array in groups.values()) / 1e6
        row = [f"{raw:.1f}", f"{path.stat().st_size / 1e6:.1f}", f"{100 * writing / whole:.1f}"]
    print_table(
        "1,000 CIFAR-size examples of 8 attacks (vgg, 10 steps)",
        ["images, MB", "file, MB", "compressing, % of the attack's time"],
        [row],
    )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    torch.set_num_threads(1)
    precision = resolve_precision(parser.parse_args().precision, DEVICE)
    speed(precision)
    storage(precision)


if __name__ == "__main__":
    main()
