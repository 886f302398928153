"""Training, step by step and whole epochs, against the usual loop and the bare pass.

python benchmarks/train.py                          # in bfloat16 where the processor has it
python benchmarks/train.py --precision float32      # as on one that has not
"""

import argparse
import copy
import dataclasses
import statistics
from collections.abc import Iterable

import numpy as np
import torch
from apart import in_turn_apart
from networks import images, networks
from timing import bar, print_table, ratio
from torch.nn.functional import cross_entropy
from torchvision import transforms

from repcompare.networks.devices import PRECISIONS, autocast, resolve_precision
from repcompare.networks.inference import to_float
from repcompare.networks.training import Run, TrainingSettings, train

BATCH, BATCHES = 128, 8
# Of the table of memory: images in a batch, and passes of a turn.
SIZES, PASSES = (64, 500), 2
DEVICE = torch.device("cpu")
SETTINGS = TrainingSettings(1, BATCH, 0.1, 0.9, 5e-4, 0.0, "one_cycle", 2, True, "auto", 0.0)


class PerImage(torch.utils.data.Dataset):
    """Images transformed one at a time, as in most training scripts."""

    def __init__(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        """Keep the images as arrays."""
        self.pixels, self.labels = pixels.permute(0, 2, 3, 1).numpy(), labels
        self.transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomCrop(28, padding=2),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
            ]
        )

    def __len__(self) -> int:
        """The number of images."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One transformed image."""
        return self.transform(np.ascontiguousarray(self.pixels[index])), self.labels[index]


def usual_epoch(network: torch.nn.Module, pixels: torch.Tensor, labels: torch.Tensor) -> None:
    """One epoch: DataLoader with a worker, float32, contiguous."""
    data = PerImage(pixels, labels)
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True, num_workers=1, drop_last=True)
    usual_steps(network, loader)


def usual_steps(
    network: torch.nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> None:
    """The steps of one epoch, float32, contiguous."""
    optimizer = torch.optim.SGD(network.parameters(), 0.1, 0.9, weight_decay=5e-4, nesterov=True)
    network.train()
    for batch, target in batches:
        optimizer.zero_grad()
        cross_entropy(network(batch), target).backward()
        optimizer.step()


def steps(run: Run) -> None:
    """The steps of one epoch."""
    run.network.train()
    run.begin_epoch()
    while run.batch < run.batches:
        run.step()


def bare(
    network: torch.nn.Module,
    batch: torch.Tensor,
    labels: torch.Tensor,
    precision: str,
    passes: int = BATCHES,
) -> None:
    """Forward and backward on one fixed batch, by itself as often as an epoch has batches."""
    network.train()
    for _ in range(passes):
        with autocast(DEVICE, precision):
            logits = network(batch)
        cross_entropy(logits.float(), labels).backward()
        network.zero_grad(set_to_none=True)


def memory(precision: str) -> None:
    """Print what it gains that jobs keep the memory of tensors, `devices.keep_memory`."""
    rows = []
    for size in SIZES:
        pixels, labels = images(size)
        batch = to_float(pixels)
        for name, network in networks().items():
            turns = in_turn_apart(
                dict.fromkeys(
                    ("returned", "kept"),
                    lambda n=network, x=batch, y=labels: bare(n, x, y, precision, PASSES),
                ),
                as_jobs=("kept",),
            )
            speeds = [
                f"{PASSES * size / statistics.median(turns[part]):.0f}"
                for part in ("returned", "kept")
            ]
            rows.append([name, f"{size}", *speeds, str(ratio(turns["returned"], turns["kept"]))])
    header = ["architecture", "batch", "returned: images/s", "kept: images/s", "returned / kept"]
    print_table(f"Memory that is kept for the next tensor, bare passes, {precision}", header, rows)


def speed(precision: str) -> None:
    """Print one row an architecture."""
    pixels, labels = images(BATCH * BATCHES)
    rows: list[list[str]] = []
    above_bare: dict[str, dict[str, float]] = {"step": {}, "epoch": {}}
    for name, network in networks().items():
        plain = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
        batch, target = to_float(pixels[:BATCH]), labels[:BATCH]
        ready = [(batch.contiguous(), target)] * BATCHES
        # The learning rate of a run that goes on for so long that it never ends.
        endless = dataclasses.replace(SETTINGS, epochs=1000, learning_rate=1e-3)
        run = Run(copy.deepcopy(network), pixels, labels, endless, precision, 0)
        turns = in_turn_apart(
            {
                "step": lambda r=run: steps(r),
                "usual step": lambda n=plain, x=ready: usual_steps(n, x),
                "epoch": lambda n=network: train(n, pixels, labels, SETTINGS, precision, 0),
                "usual epoch": lambda n=plain: usual_epoch(n, pixels, labels),
                "bare": lambda n=network, x=batch, y=target: bare(n, x, y, precision),
            },
            as_jobs=("step", "epoch", "bare"),
        )
        row = [name]
        for part in ("step", "epoch"):
            of_bare = ratio(turns[part], turns["bare"])
            above_bare[part][name] = of_bare.median
            row += [
                f"{len(labels) / statistics.median(turns[part]):.0f}",
                str(ratio(turns[f"usual {part}"], turns[part])),
                str(of_bare),
            ]
        rows.append(row)
    bar(f"training, {precision}: step / bare pass", above_bare["step"], at_most=1.05)
    header = ["architecture"]
    for part in ("step", "epoch"):
        header += [f"{part}: images/s", f"usual {part} / ours", f"{part} / bare pass"]
    print_table(f"Training, 28x28, batches of {BATCH}, one thread, {precision}", header, rows)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    precision = resolve_precision(parser.parse_args().precision, DEVICE)
    torch.set_num_threads(1)
    speed(precision)
    memory(precision)


if __name__ == "__main__":
    main()
