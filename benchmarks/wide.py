"""One pair of wide representations from rows to the table, against its bare bound.

    python benchmarks/wide.py               # 512, 1,024 and 2,048 units
    python benchmarks/wide.py 4096          # takes a quarter of an hour or more
    python benchmarks/wide.py --before REF  # the same of another version of the library

The bound is one product of n x d with n x d and two singular value decompositions of d x d. Each
width runs in a process of its own, whose largest resident set is its memory, with one BLAS thread.
Seconds are of the processor, so that other work on the machine counts little.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from timing import print_table

SAMPLES, CLASSES, MODELS = 10_000, 10, 8
WIDTHS = (512, 1024, 2048)
# Above this width one turn is enough.
REPEATED = 512
SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"


def representations(n: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two float32 representations (n, d) that share signals of a decaying spectrum, and labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=n)
    shared = rng.standard_normal((n, d)) / np.sqrt(np.arange(1, d + 1))
    shared += rng.standard_normal((CLASSES, d))[labels] / np.sqrt(d)
    x, y = (
        (shared @ rng.standard_normal((d, d)) + 0.3 * rng.standard_normal((n, d))).astype("float32")
        for _ in range(2)
    )
    return x, y, labels


def seconds(run: Callable[[], object], repeats: int) -> float:
    """The median processor seconds of a piece of work."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def peak() -> float:
    """The largest resident set of this process so far, MiB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def measured(d: int) -> dict[str, float]:
    """What a pair of width d takes: `all`, `values` alone, the `gemm` and the `svd`, and `memory`."""
    from repcompare.geometry.catalogue import MEASURES
    from repcompare.geometry.similarity import compare_geometry
    from repcompare.representations.pair import Pair
    from repcompare.representations.representation import Representation

    x, y, labels = representations(SAMPLES, d)
    repeats = 3 if d <= REPEATED else 1

    def pair() -> Pair:
        return Pair.of(*(Representation.of(each, labels, labels) for each in (x, y)))

    def values() -> None:
        made = pair()
        for measure in MEASURES.values():
            for one in (made, made.reversed) if measure.directed else (made,):
                measure.function(one)

    found = {"all": seconds(lambda: compare_geometry(pair(), list(MEASURES)), repeats)}
    found["memory"] = peak()
    found["values"] = seconds(values, repeats)
    one, other = (each - each.mean(axis=0, dtype=np.float64) for each in (x, y))
    found["gemm"] = seconds(lambda: one.T @ other, repeats)
    square = one.T @ one
    found["svd"] = seconds(lambda: np.linalg.svd(square), repeats)
    return found


def many_pairs(d: int) -> dict[str, float]:
    """Debiased CKA alone, with interval and nulls, of a pair of `MODELS`, and its `gemm`."""
    from repcompare.geometry.similarity import compare_geometry
    from repcompare.representations.pair import Pair
    from repcompare.representations.representation import Representation

    x, y, labels = representations(SAMPLES, d)
    models = [Representation.of((x, y)[m % 2], labels, labels) for m in range(MODELS)]
    pairs = [(a, b) for second, b in enumerate(models) for a in models[:second]]
    compare_geometry(Pair.of(*pairs[0]), ["cka_debiased"])
    one, other = (each - each.mean(axis=0, dtype=np.float64) for each in (x, y))
    product, compared = [], []
    for a, b in pairs:
        product.append(seconds(lambda: one.T @ other, 1))
        compared.append(
            seconds(lambda a=a, b=b: compare_geometry(Pair.of(a, b), ["cka_debiased"]), 1)
        )
    return {"gemm": float(np.median(product)), "all": float(np.median(compared))}


def in_a_process(work: str, d: int, library: Path) -> dict[str, float]:
    """What `work` finds for the width d, in a process that imports the `library`."""
    code = (
        f"import sys, json; sys.path[:0] = [{str(library)!r}, {str(Path(__file__).parent)!r}]\n"
        f"import wide; print(json.dumps(wide.{work}({d})))"
    )
    # NumPy and SciPy have a BLAS each, and both read it when they are imported.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    return json.loads(done.stdout)


def rows(widths: Sequence[int], library: Path = SCRIPTS) -> list[list[str]]:
    """One row a width."""
    table = []
    for d in widths:
        found = in_a_process("measured", d, library)
        bound = found["gemm"] + 2 * found["svd"]
        table.append(
            [
                f"{SAMPLES}x{d}", f"{found['gemm']:.2f}", f"{found['svd']:.2f}",
                f"{found['values']:.1f}", f"{found['all']:.1f}", f"{found['values'] / bound:.1f}",
                f"{found['all'] / bound:.1f}", f"{found['all'] / found['values']:.2f}",
                f"{found['memory']:.0f}",
            ]
        )  # fmt: skip
    return table


HEADER = ["n x d", "GEMM, s", "SVD, s", "values, s", "all, s", "values / bound", "all / bound",
          "all / values", "peak, MiB"]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("widths", type=int, nargs="*", default=WIDTHS)
    parser.add_argument("--before", metavar="REF", help="a commit to measure in place of this")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        library = SCRIPTS
        if options.before:
            checkout = ["git", "-C", str(SCRIPTS), "archive", options.before, "."]
            archive = subprocess.run(checkout, check=True, stdout=subprocess.PIPE).stdout
            subprocess.run(["tar", "-x", "-C", folder], check=True, input=archive)
            library = Path(folder)
        print_table("One wide pair, every measure", HEADER, rows(options.widths, library))
        found = in_a_process("many_pairs", REPEATED, library)
    print(
        f"\nDebiased CKA alone, {SAMPLES}x{REPEATED}: {found['all']:.3f} s a pair, "
        f"{found['all'] / found['gemm']:.2f} times its GEMM"
    )


if __name__ == "__main__":
    main()
