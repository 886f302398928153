"""10,000 permutations of a study's regression of transfer on geometry, against a loop of them."""

import time

import numpy as np
from timing import medians, print_table

from repcompare.statistics.mrqap import mrqap
from repcompare.statistics.permutations import of_architectures, of_models, of_seeds
from repcompare.statistics.self_similarity import architecture_differences

PERMUTATIONS, LOOPED, SEEDS = 10_000, 20, 3


def study(models: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Architectures (M,) of three seeds, a symmetric similarity and a transfer matrix (M, M)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(models, models))
    return np.arange(models) // SEEDS, x + x.T, x + rng.normal(size=x.shape)


def blocks(architecture: np.ndarray) -> np.ndarray:
    """The ordered pair of architectures that each pair of models is of, (M, M)."""
    return architecture[:, None] * (architecture.max() + 1) + architecture


def loop(x: np.ndarray, y: np.ndarray, same: np.ndarray, permutations: np.ndarray) -> list[float]:
    """The same regression by least squares on dummy variables, one permutation at a time."""
    rows, columns = np.nonzero(~np.eye(len(x), dtype=bool))
    models = np.arange(len(x))
    parts = [rows[:, None] == models, columns[:, None] == models, same[rows, columns][:, None]]
    design = np.hstack(parts).astype(float)
    values = y[rows, columns]
    return [
        np.linalg.lstsq(np.hstack([x[row[rows], row[columns]][:, None], design]), values)[0][0]
        for row in permutations
    ]


def measured(models: int) -> list[str]:
    """One row of the table: seconds for all permutations, draws included."""
    architecture, x, y = study(models)
    same = architecture[:, None] == architecture
    pairs = blocks(architecture)
    rng = np.random.default_rng(0)

    def by_architecture() -> None:
        permutations, _ = of_architectures(architecture, PERMUTATIONS, rng)
        # A design of few architectures has fewer permutations: all take the time of 10,000.
        permutations = np.resize(permutations, (PERMUTATIONS, models))
        mrqap(x, y, permutations, groups=same.astype(int))

    seconds = medians(
        {
            "architectures": by_architecture,
            "seeds": lambda: mrqap(
                x, y, of_seeds(architecture, PERMUTATIONS, rng)[0], groups=pairs
            ),
            "max-T": lambda: architecture_differences(
                x, architecture, of_models(models, PERMUTATIONS, rng)
            ),
        },
        repeats=3,
    )
    start = time.perf_counter()
    loop(x, y, same, of_models(models, LOOPED, rng))
    looped = (time.perf_counter() - start) * PERMUTATIONS / LOOPED
    cells = [f"{seconds[name]:.2f}" for name in ("architectures", "seeds", "max-T")]
    return [str(models), *cells, f"{looped:.0f}", f"{looped / seconds['architectures']:.0f}"]


def main() -> None:
    """Print one row a size of the study."""
    print_table(
        f"{PERMUTATIONS} permutations, {SEEDS} seeds an architecture, one thread, seconds",
        ["models", "MRQAP, architectures", "MRQAP, seeds", "max-T", "loop of lstsq", "loop / ours"],
        [measured(models) for models in (15, 30, 60)],
    )


if __name__ == "__main__":
    main()
