"""Inversion against the reference package for STIR, and against the bare pass to the input.

python benchmarks/features.py                       # in bfloat16 where the processor has it
python benchmarks/features.py --precision float32   # as on one that has not
"""

import argparse
import contextlib
import statistics
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import torch
from apart import in_turn_apart
from bare import bare_passes
from networks import images, networks
from stir.attack.attacker import AttackerModel
from stir.attack.losses import LPNormLossSingleModel
from stir.helper import DummyArgs
from timing import print_table, ratio

from repcompare.features.inversion import invert, noise_starts, relative_distance, representing
from repcompare.networks.devices import PRECISIONS, resolve_precision
from repcompare.networks.inference import to_float

SAMPLES, STEPS, STEP_SIZE = 100, 20, 10.0
DEVICE = torch.device("cpu")
# The package's own default: the length of every step.
THEIR_STEP = 0.5


class WithLatent(torch.nn.Module):
    """A network that answers as the package asks: logits, and the representation."""

    def __init__(self, network: torch.nn.Module) -> None:
        """Keep the network."""
        super().__init__()
        self.network = network

    def forward(self, seen: torch.Tensor, **_: object) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and representations of images."""
        representation = self.network.represent(seen)
        return self.network.classifier(representation), representation


@contextlib.contextmanager
def without_a_gpu() -> Iterator[None]:
    """The package moves its losses to the first GPU, be there one or not; here they stay."""
    move = torch.Tensor.to
    with patch.object(
        torch.Tensor,
        "to",
        lambda x, where, *rest: x if where == "cuda:0" else move(x, where, *rest),
    ):
        yield


def theirs(
    model: AttackerModel, aimed: torch.Tensor, starts: torch.Tensor, steps: int
) -> torch.Tensor:
    """The images that the package inverts."""
    with without_a_gpu():
        found, _ = model.attacker(
            starts,
            aimed,
            constraint="unconstrained",
            eps=1000,
            step_size=THEIR_STEP,
            iterations=steps,
            targeted=True,
            custom_loss=LPNormLossSingleModel(DummyArgs(("lpnorm_type", 2.0, float))),
            should_normalize=True,
            use_best=True,
        )
    return found


def bare(
    network: torch.nn.Module, batch: torch.Tensor, aimed: torch.Tensor, precision: str
) -> None:
    """As many passes as an inversion has steps."""
    bare_passes(
        network, batch, lambda found: relative_distance(found, aimed).sum(), precision, STEPS
    )


def main() -> None:
    """Print one row an architecture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    precision = resolve_precision(parser.parse_args().precision, DEVICE)
    torch.set_num_threads(1)
    pixels, _ = images(SAMPLES)
    starts = noise_starts(np.arange(SAMPLES), pixels.shape[1:], 0)
    rows = []
    for name, network in networks().items():
        network.eval()
        ours = representing(network)
        plain = network.to(memory_format=torch.contiguous_format)
        peer = AttackerModel(WithLatent(plain), torch.nn.Identity()).eval()
        with torch.no_grad():
            aimed = ours(to_float(pixels))
        contiguous = starts.contiguous()
        turns = in_turn_apart(
            {
                "ours": lambda n=ours, a=aimed: invert(n, a, starts, STEPS, STEP_SIZE, precision),
                "peer": lambda p=peer, a=aimed, x=contiguous: theirs(p, a, x, STEPS),
                "bare": lambda n=ours, a=aimed: bare(n, starts, a, precision),
            },
            as_jobs=("ours", "bare"),
        )
        inverted = (
            invert(ours, aimed, starts, 100, STEP_SIZE, precision),
            theirs(peer, aimed, contiguous, 100),
        )
        with torch.no_grad():
            left, left_by_peer = (
                relative_distance(ours(found), aimed).median().item() for found in inverted
            )
        rows.append(
            [
                name,
                f"{SAMPLES * STEPS / statistics.median(turns['ours']):.0f}",
                str(ratio(turns["peer"], turns["ours"])),
                str(ratio(turns["ours"], turns["bare"])),
                f"{left:.3f}",
                f"{left_by_peer:.3f}",
            ]
        )
    header = [
        "architecture",
        "image steps/s",
        "STIR package / ours",
        "ours / bare pass",
        "distance left, 100 steps",
        "by the package",
    ]
    print_table(f"Inversion, 28x28, {SAMPLES} images, one thread, {precision}", header, rows)


if __name__ == "__main__":
    main()
