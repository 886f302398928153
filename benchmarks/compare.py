"""The compare stage against the usual tools, one pair at a time, and against its bare GEMM."""

import numpy as np
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import LinearRegression, RidgeCV
from timing import medians, print_table

from repcompare.factorisation import cross_covariance, factorise
from repcompare.geometry import MEASURES, compare_geometry
from repcompare.maps import FAMILIES, RIDGE_GRID, fit_maps_both_ways

CASES = ((2000, 64), (10000, 128), (10000, 512))


def representations(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Two float32 representations (n, d) that share a decaying spectrum of signals."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, d)) / np.sqrt(np.arange(1, d + 1))
    return tuple(
        (shared @ rng.standard_normal((d, d)) + 0.3 * rng.standard_normal((n, d))).astype("float32")
        for _ in range(2)
    )


def gram_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Linear CKA from the n×n Gram matrices, as in most notebooks."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    return np.vdot(k, l) / (np.linalg.norm(k) * np.linalg.norm(l))


def main() -> None:
    """Print one row a size and task."""
    rows = []
    for n, d in CASES:
        x, y = representations(n, d)
        a, b = factorise(x), factorise(y)
        cross = cross_covariance(x, a.mean, y, b.mean)
        x64, y64 = x.astype(float), y.astype(float)
        seconds = medians(
            {
                "gemm": lambda x=x64, y=y64: x.T @ y,
                "factorise": lambda x=x: factorise(x),
                "cross": lambda x=x, y=y, a=a, b=b: cross_covariance(x, a.mean, y, b.mean),
                "geometry": lambda a=a, b=b, c=cross: compare_geometry(a, b, c, list(MEASURES)),
                "maps": lambda x=x, y=y, a=a, b=b, c=cross: fit_maps_both_ways(
                    a, b, c, list(FAMILIES), x, y
                ),
                "gram_cka": lambda x=x, y=y: gram_cka(x, y),
                "sklearn_maps": lambda x=x, y=y, n=n: [
                    model.fit(s, t)
                    for s, t in ((x, y), (y, x))
                    for model in (LinearRegression(), RidgeCV(np.array(RIDGE_GRID) * n))
                ],
                "scipy_orthogonal": lambda x=x64, y=y64: orthogonal_procrustes(x, y),
            },
            repeats=3,
        )
        ours = seconds["cross"] + seconds["maps"]
        peers = seconds["sklearn_maps"] + 2 * seconds["scipy_orthogonal"]
        rows += [
            [f"{n}x{d}", "one GEMM, float64", f"{seconds['gemm']:.3f}", ""],
            [f"{n}x{d}", "factorise one model", f"{seconds['factorise']:.3f}", ""],
            [f"{n}x{d}", "cross-covariance of a pair", f"{seconds['cross']:.3f}", ""],
            [
                f"{n}x{d}",
                "all five measures of a pair",
                f"{seconds['geometry']:.3f}",
                f"{seconds['gram_cka'] / (seconds['cross'] + seconds['geometry']):.1f} "
                "(one Gram-matrix CKA)",
            ],
            [
                f"{n}x{d}",
                "three maps, both ways",
                f"{ours:.3f}",
                f"{peers / ours:.1f} (scikit-learn, SciPy)",
            ],
        ]
    print_table("Compare", ["n x d", "task", "seconds", "peer / ours"], rows)


if __name__ == "__main__":
    main()
