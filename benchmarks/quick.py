"""Has a change made something slower? A few ratios against their bare bounds, in under five minutes.

    python benchmarks/quick.py              # against the committed figures, exit status 1 if slower
    python benchmarks/quick.py --update     # after a change that was meant: commit quick.csv

Ratios are of work that ran in the same turn, so that the speed of the machine cancels out; they
differ between kinds of processor, each of which has rows of its own in quick.csv. A figure is slower
if the best of its turns is worse, by more than the noise, than the worst that was committed.
"""

import argparse
import contextlib
import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from apart import in_turn_apart
from bare import bare_passes
from networks import images, networks
from startup import IMPORTS
from threadpoolctl import threadpool_limits
from timing import Ratio, in_turn, instructions, print_table, ratio
from torch.nn.functional import cross_entropy

from repcompare.attacks.balls import LinfBall
from repcompare.attacks.pgd import Search, attack_objective, pgd
from repcompare.features.inversion import invert, noise_starts, relative_distance, representing
from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import compare_geometry
from repcompare.networks.devices import autocast
from repcompare.networks.inference import to_float
from repcompare.networks.models import folded
from repcompare.networks.training import Run, TrainingSettings
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation
from repcompare.statistics.mrqap import mrqap
from repcompare.statistics.permutations import of_models

SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"
COMMITTED = Path(__file__).with_suffix(".csv")
COLUMNS = ["instructions", "figure", "median", "low", "high"]
# Beyond the spread of the turns, what may still be noise.
NOISE = 1.1
DEVICE, PRECISION = torch.device("cpu"), "float32"
BATCH, STEPS, BALL = 64, 3, LinfBall(8 / 255)


def of_networks() -> Iterator[tuple[str, Ratio]]:
    """Training, attack and inversion of a residual network against its passes."""
    network = networks()["resnet"]
    pixels, labels = images(BATCH)
    batch, search = to_float(pixels), Search(STEPS, 2.5)
    endless = TrainingSettings(
        1000, BATCH, 1e-3, 0.9, 5e-4, 0.0, "one_cycle", 0, False, PRECISION, 0.0
    )
    run = Run(networks()["resnet"], pixels, labels, endless, PRECISION, 0)

    def steps() -> None:
        run.network.train()
        for _ in range(STEPS):
            run.begin_epoch()
            run.step()

    def passes() -> None:
        run.network.train()
        for _ in range(STEPS):
            with autocast(DEVICE, PRECISION):
                logits = run.network(batch)
            cross_entropy(logits.float(), labels).backward()
            run.network.zero_grad(set_to_none=True)

    frozen = folded(network.eval())
    objective = attack_objective(frozen, batch, labels, search, PRECISION)
    represented = representing(network)
    with torch.no_grad():
        aimed = represented(batch)
    # Without a random start the first step would be computed once for all turns.
    inside = BALL.draw_start(np.arange(BATCH), pixels.shape[1:], 0)
    starts = noise_starts(np.arange(BATCH), pixels.shape[1:], 0)
    work: dict[str, Callable[[], object]] = {
        "steps": steps,
        "passes": passes,
        "attack": lambda: pgd(objective, inside, BALL, search),
        "to the input": lambda: bare_passes(
            frozen, batch, lambda z: cross_entropy(z, labels, reduction="sum"), PRECISION, STEPS
        ),
        "inversion": lambda: invert(represented, aimed, starts, STEPS, 10.0, PRECISION),
        "to the noise": lambda: bare_passes(
            represented, starts, lambda z: relative_distance(z, aimed).sum(), PRECISION, STEPS
        ),
    }
    turns = in_turn_apart(work, tuple(work))
    yield "training step / bare pass", ratio(turns["steps"], turns["passes"])
    yield "PGD / bare pass", ratio(turns["attack"], turns["to the input"])
    yield "inversion / bare pass", ratio(turns["inversion"], turns["to the noise"])


def of_pairs(n: int = 2000, d: int = 128) -> Iterator[tuple[str, Ratio]]:
    """All measures of a pair, and their values alone, against a product and two decompositions."""
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=n)
    x = rng.standard_normal((n, d), dtype="float32") + rng.standard_normal((10, d))[labels]
    rows = [x.astype("float32"), (x @ rng.standard_normal((d, d))).astype("float32")]
    one, other = (each.astype(float) for each in rows)
    square = one.T @ other

    def pair() -> Pair:
        return Pair.of(*(Representation.of(each, labels, labels) for each in rows))

    def bound() -> None:
        _ = one.T @ other
        for _ in range(2):
            np.linalg.svd(square)

    turns = in_turn(
        {
            "all": lambda: compare_geometry(pair(), list(MEASURES)),
            "cka": lambda: compare_geometry(pair(), ["cka_debiased"]),
            "bound": bound,
            "product": lambda: one.T @ other,
        }
    )
    yield f"all measures of a pair of {n}x{d} / bound", ratio(turns["all"], turns["bound"])
    yield f"debiased CKA of a pair of {n}x{d} / GEMM", ratio(turns["cka"], turns["product"])


def of_permutations(models: int = 60, permutations: int = 2000) -> Iterator[tuple[str, Ratio]]:
    """A regression under permutations against the products of what was permuted."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, models, models))
    drawn = of_models(models, permutations, rng)
    moved, targets = rng.normal(size=(permutations, models**2)), rng.normal(size=(models**2, 2))
    turns = in_turn({"ours": lambda: mrqap(x, y, drawn), "bare": lambda: moved @ targets})
    yield (
        f"{permutations} permutations of {models} models / GEMM",
        ratio(turns["ours"], turns["bare"]),
    )


def of_starts() -> Iterator[tuple[str, Ratio]]:
    """What a stage does before its work, against the import of the library that it cannot do without."""
    for stage, least in (("train", "torch"), ("compare", "scipy.linalg"), ("summarise", "pandas")):
        script = IMPORTS.format(script=str(SCRIPTS / f"{stage}.py"))
        turns = in_turn(
            {
                "stage": lambda code=script: started(code),
                "least": lambda code=f"import {least}": started(code),
            }
        )
        yield f"start of {stage} / import {least}", ratio(turns["stage"], turns["least"])


def started(code: str) -> None:
    """Run code in an interpreter of its own."""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(SCRIPTS)})


def read_committed() -> dict[tuple[str, str], Ratio]:
    """The committed figures by instructions and name."""
    with (
        contextlib.suppress(FileNotFoundError),
        open(COMMITTED, newline="", encoding="utf-8") as file,
    ):
        return {
            (row["instructions"], row["figure"]): Ratio(
                *(float(row[name]) for name in Ratio._fields)
            )
            for row in csv.DictReader(file)
        }
    return {}


def write_committed(figures: dict[tuple[str, str], Ratio]) -> None:
    """Write them all, sorted, so that a change of one is a change of one line."""
    with open(COMMITTED, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for key, each in sorted(figures.items()):
            writer.writerow([*key, *(f"{value:.3f}" for value in each)])


def judged(now: Ratio, before: Ratio | None) -> str:
    """What a figure says against the committed one."""
    if before is None:
        return "none committed"
    if now.low > NOISE * before.high:
        return "slower"
    return "faster" if now.high * NOISE < before.low else "the same"


def main() -> int:
    """Print the table; 1 if anything is slower."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update", action="store_true", help="commit to what is measured now")
    update = parser.parse_args().update
    torch.set_num_threads(1)
    with threadpool_limits(1):
        found = dict([*of_networks(), *of_pairs(), *of_permutations(), *of_starts()])
    kind, committed = instructions(), read_committed()
    before = {name: committed.get((kind, name)) for name in found}
    said = {name: judged(now, before[name]) for name, now in found.items()}
    print_table(
        "Ratios to the bare bound: median (lowest to highest of five turns)",
        ["figure", "committed", "now", ""],
        [[name, str(before[name] or ""), str(now), said[name]] for name, now in found.items()],
    )
    if update:
        kept = {key: each for key, each in committed.items() if key[0] != kind}
        write_committed(kept | {(kind, name): now for name, now in found.items()})
    return int("slower" in said.values() and not update)


if __name__ == "__main__":
    sys.exit(main())
