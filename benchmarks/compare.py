"""The compare stage against the usual tools, one pair at a time, and against its bare bound.

Times of a pair are the median of a few; those of 20 models are of 20 models and 190 pairs at the
same size. One BLAS thread for everyone.
"""

import argparse
import math
import time
from collections.abc import Sequence
from importlib.metadata import version

import dcor
import numpy as np
import rsatoolbox
import torch
from cka import cka_from_features
from scipy.linalg import orthogonal_procrustes, subspace_angles
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits
from timing import medians, print_table
from wide import CLASSES, WIDTHS, representations
from wide import main as print_wide

from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import compare_geometry
from repcompare.maps.families import RIDGE_GRID, fit_maps_both_ways
from repcompare.networks.devices import processor
from repcompare.representations.moments import cross_covariance, factorise
from repcompare.representations.pair import Pair
from repcompare.representations.representation import NEIGHBOURS, SUBSAMPLE, Representation

MODELS = 20
MOMENTS = [name for name, measure in MEASURES.items() if measure.needs in ("moments", "classes")]
# Here the peer gives the debiased value.
OTHERWISE_DEFINED = ("cka", "cka_within_class")
PAIRS = MODELS * (MODELS - 1) // 2


def centred(x: np.ndarray) -> np.ndarray:
    """Centred rows, float64."""
    return x - x.mean(axis=0, dtype=np.float64)


def class_means(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean of each class."""
    return np.stack([x[labels == label].mean(axis=0) for label in range(CLASSES)])


def torch_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Debiased CKA of pytorch-cka in float32, the faster; at n = 10,000 it has two digits of it.

    The biased one costs the same, for it is the same Gram matrices.
    """
    x, y = (torch.from_numpy(centred(each).astype("float32")) for each in (x, y))
    return float(cka_from_features(x, y))


def procrustes(x: np.ndarray, y: np.ndarray) -> float:
    """SciPy's orthogonal Procrustes."""
    x, y = (each / np.linalg.norm(each) for each in map(centred, (x, y)))
    return orthogonal_procrustes(x, y)[1]


def mean_cca(x: np.ndarray, y: np.ndarray) -> float:
    """SciPy's principal angles between the column spaces: what scikit-learn iterates for."""
    return float(np.cos(subspace_angles(centred(x), centred(y))).mean())


def svcca(x: np.ndarray, y: np.ndarray) -> float:
    """scikit-learn's PCA to 99 % of the variance, then SciPy's principal angles."""
    return mean_cca(*(PCA(0.99, svd_solver="full").fit_transform(each) for each in (x, y)))


def rsa(x: np.ndarray, y: np.ndarray) -> float:
    """rsatoolbox on the same subsample."""
    step = -(-len(x) // SUBSAMPLE)
    dissimilarities = [
        rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(each[::step].astype(float)))
        for each in (x, y)
    ]
    return float(rsatoolbox.rdm.compare(*dissimilarities, method="spearman")[0, 0])


def knn_jaccard(x: np.ndarray, y: np.ndarray) -> float:
    """scikit-learn's nearest neighbours on the same subsample."""
    step = -(-len(x) // SUBSAMPLE)
    sets = []
    for each in (x, y):
        rows = centred(each[::step])
        finder = NearestNeighbors(n_neighbors=NEIGHBOURS, metric="cosine").fit(rows)
        sets.append([set(row) for row in finder.kneighbors(return_distance=False)])
    return float(np.mean([len(a & b) / len(a | b) for a, b in zip(*sets, strict=True)]))


def peers(x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> dict:
    """For each measure, the fastest public way to it that was found."""
    means_x, means_y = class_means(x, labels), class_means(y, labels)
    residuals = (x - means_x[labels], y - means_y[labels])
    return {
        "cka": lambda: torch_cka(x, y),
        "cka_debiased": lambda: torch_cka(x, y),
        "cka_within_class": lambda: torch_cka(*residuals),
        "cka_centroids": lambda: dcor.distance_correlation_sqr(
            means_x.astype(float), means_y.astype(float), exponent=2
        ),
        "procrustes": lambda: procrustes(x, y),
        "cca": lambda: mean_cca(x, y),
        "svcca": lambda: svcca(x, y),
        "rsa": lambda: rsa(x, y),
        "knn_jaccard": lambda: knn_jaccard(x, y),
    }


def ours(x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> tuple[Representation, Representation]:
    """The statistics of both."""
    return tuple(Representation.of(each, labels, labels) for each in (x, y))


def prepared(representation: Representation, *, groups: bool, subsample: bool) -> None:
    """What is computed once a model: with what intervals need, with what rsa and kNN need."""
    pair = Pair.of(representation, representation)
    left_out = [left.a for left in pair.without_each_group()] if groups else []
    for view in (pair.a, *left_out):
        _ = view.norms
    for view in [pair.a] if pair.wide else [pair.a, *left_out]:
        _ = view.components
    if groups and pair.wide:
        _ = representation.whitened
    if subsample:
        _ = pair.a.distance_ranks, pair.a.nearest
    if subsample and groups:
        _ = pair.a.rank_sums, pair.a.class_ranks, pair.a.nearest_without_each_group


def value(measure: str, pair: Pair) -> float:
    """A measure's value alone."""
    return MEASURES[measure].function(pair)[0]


def bare(x: np.ndarray, y: np.ndarray, scatter: np.ndarray) -> dict:
    """A GEMM and the two decompositions a pair, an eigendecomposition a model."""
    x, y = centred(x), centred(y)
    return {
        "gemm": lambda: x.T @ y,
        "svd": lambda: np.linalg.svd(scatter),
        "eigh": lambda: np.linalg.eigh(scatter),
    }


def against_peers(n: int, d: int) -> list[list[str]]:
    """One row a measure, then one for all measures of all pairs of 20 models, then the bound."""
    x, y, labels = representations(n, d)
    a, b = ours(x, y, labels)
    for representation in (a, b):
        prepared(representation, groups=True, subsample=True)
    public = peers(x, y, labels)
    names = list(public)
    theirs = medians(public, repeats=1)

    def model(**needs: bool) -> None:
        prepared(Representation.of(x, labels, labels), **needs)

    def values(chosen: list[str]) -> list[float]:
        pair = Pair.of(a, b)
        return [value(name, pair) for name in chosen]

    mine = medians(
        {name: lambda name=name: values([name]) for name in names}
        | {
            "model, moments": lambda: model(groups=False, subsample=False),
            "model, values": lambda: model(groups=False, subsample=True),
            "model, all": lambda: model(groups=True, subsample=True),
            "pair, moments": lambda: values(MOMENTS),
            "pair, values": lambda: values(names),
            "pair, all": lambda: compare_geometry(Pair.of(a, b), names),
        },
        repeats=3,
    )
    bound = medians(bare(x, y, a.moments.scatter), repeats=3)
    size = f"{n}x{d}"
    rows = [
        [size, f"{name} of a pair", f"{mine[name]:.3f}", f"{theirs[name]:.3f}",
         f"{theirs[name] / mine[name]:.1f}",
         "" if name in OTHERWISE_DEFINED else f"{abs(public[name]() - values([name])[0]):.0e}"]
        for name in names
    ]  # fmt: skip
    peer = PAIRS * sum(theirs.values())
    least = PAIRS * (bound["gemm"] + 2 * bound["svd"]) + MODELS * bound["eigh"]
    for title, key in (("values", "values"), ("values, intervals, nulls", "all")):
        total = MODELS * mine[f"model, {key}"] + PAIRS * mine[f"pair, {key}"]
        rows.append(
            [size, f"20 models, {title}", f"{total:.0f}", f"{peer:.0f}", f"{peer / total:.1f}", ""]
        )
    total = MODELS * mine["model, moments"] + PAIRS * mine["pair, moments"]
    rows.append(
        [
            size,
            "20 models, values from moments",
            f"{total:.1f}",
            "",
            "",
            f"{total / least:.1f} x bare",
        ]
    )
    return rows


def maps_against_peers(n: int, d: int) -> list[str]:
    """Least squares, ridge and rotation, both ways, against scikit-learn and SciPy."""
    x, y, _ = representations(n, d)
    a, b = factorise(x), factorise(y)
    families = ["least_squares", "ridge", "orthogonal"]
    seconds = medians(
        {
            "ours": lambda: fit_maps_both_ways(a, b, cross_covariance(x, a, y, b), families, x, y),
            "peers": lambda: [
                (
                    LinearRegression().fit(s, t),
                    RidgeCV(np.array(RIDGE_GRID) * n).fit(s, t),
                    orthogonal_procrustes(centred(s), centred(t)),
                )
                for s, t in ((x, y), (y, x))
            ],
        },
        repeats=1,
    )
    return [
        f"{n}x{d}", "three maps, both ways", f"{seconds['ours']:.3f}", f"{seconds['peers']:.2f}",
        f"{seconds['peers'] / seconds['ours']:.1f}", "",
    ]  # fmt: skip


def seconds_of(n: int, d: int, models: int) -> float:
    """All measures of all pairs of `models`, from rows to rows of the table."""
    x, y, labels = representations(n, d)
    start = time.perf_counter()
    made = [Representation.of((x, y)[m % 2], labels, labels) for m in range(models)]
    for second in range(models):
        for first in range(second):
            compare_geometry(Pair.of(made[first], made[second]), list(MEASURES))
    return time.perf_counter() - start


def growth() -> list[list[str]]:
    """Time against n, d and the number of models, and the exponent of the last step."""
    rows = []
    for title, sizes in (
        ("n", [(5000, 128, 2), (10000, 128, 2), (20000, 128, 2), (50000, 128, 2)]),
        (
            "d",
            [(10000, 128, 2), (10000, 256, 2), (10000, 512, 2), (10000, 1024, 2), (10000, 2048, 2)],
        ),
        ("models", [(2000, 64, 5), (2000, 64, 10), (2000, 64, 20), (2000, 64, 40)]),
    ):
        which = {"n": 0, "d": 1, "models": 2}[title]
        before = None
        for size in sizes:
            taken = seconds_of(*size)
            step = ""
            if before:
                step = f"{math.log(taken / before[1]) / math.log(size[which] / before[0]):.1f}"
            rows.append([title, "{}x{}, {} models".format(*size), f"{taken:.2f}", step])
            before = size[which], taken
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--wide",
        type=int,
        nargs="*",
        default=WIDTHS,
        help="widths of the last table, 4096 among them",
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    names = ("pytorch-cka", "dcor", "rsatoolbox", "scikit-learn", "scipy")
    print("processor:", processor(torch.device("cpu")))
    print("peers:", ", ".join(f"{name} {version(name)}" for name in names))
    header = ["n x d", "task", "ours, s", "peers, s", "ratio", "difference, or bound"]
    for n, d in ((10000, 128), (10000, 512), (100, 1280)):
        print_table("Compare", header, [*against_peers(n, d), maps_against_peers(n, d)])
    print_table("Growth", ["with", "n x d, models", "seconds", "exponent"], growth())
    print_wide([str(width) for width in options.wide])


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
