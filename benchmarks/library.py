"""The library's face against other libraries that compare arrays: values, and seconds.

All get the same arrays in one process, in turn, on one thread, and the seconds are the median of
three. Ours is a call of `repcompare.compare` for one measure, checks, interval and null with it;
theirs is the value alone. Peers that are not installed are named and left out. netrep is in no
package index: `pip install` its repository, ahwillia/netrep.
"""

import importlib
import importlib.metadata
import itertools
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from timing import medians, print_table

import repcompare
from repcompare.geometry.catalogue import MEASURES
from repcompare.representations.representation import SUBSAMPLE

# By the package's name, the module that it gives.
PEERS = {
    "netrep": "netrep.metrics",
    "rsatoolbox": "rsatoolbox",
    "pytorch-cka": "cka",
    "ckatorch": "ckatorch.core",
}
MODELS = 10
REPEATS = 3


def representations(n: int, d: int, count: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Representations (n, d), float64, that share signals of a decaying spectrum, and labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=n)
    shared = rng.standard_normal((n, d)) / np.sqrt(np.arange(1, d + 1))
    shared += rng.standard_normal((10, d))[labels] / np.sqrt(d)
    made = {
        f"network {place}": shared @ rng.standard_normal((d, d)) + rng.standard_normal((n, d))
        for place in range(count)
    }
    return made, labels


def centred(x: np.ndarray) -> torch.Tensor:
    """Centred rows as a tensor."""
    return torch.from_numpy(x - x.mean(axis=0))


def installed() -> dict[str, object]:
    """The modules of the peers that are there; of each a line, with its version or its absence."""
    found = {}
    for name, module in PEERS.items():
        try:
            found[name] = importlib.import_module(module)
        except ImportError as error:
            print(f"peer {name}: left out ({error})")
        else:
            print(f"peer {name} {importlib.metadata.version(name)}")
    return found


def rsa(rsatoolbox, x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation of squared Euclidean distances, on the subsample that ours takes."""
    step = -(-len(x) // SUBSAMPLE)
    both = [
        rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(each[::step]), method="euclidean")
        for each in (x, y)
    ]
    return float(rsatoolbox.rdm.compare(*both, method="spearman")[0, 0])


def peer_values(
    peers: dict[str, object], x: np.ndarray, y: np.ndarray
) -> dict[tuple[str, str], Callable[[], float]]:
    """By peer and measure, a function that gives the peer's value on our scale.

    netrep's distances are angles: their cosines are similarities.
    """
    made = {}
    if netrep := peers.get("netrep"):
        for measure, alpha in (("procrustes", 1.0), ("cca", 0.0)):
            made["netrep", measure] = lambda alpha=alpha: np.cos(
                netrep.LinearMetric(alpha=alpha).fit_score(x, y)
            )
        made["netrep", "cka"] = lambda: np.cos(netrep.LinearCKA().score(x, y))
    if cka := peers.get("pytorch-cka"):
        made["pytorch-cka", "cka_debiased"] = lambda: float(
            cka.cka_from_features(centred(x), centred(y))
        )
    if ckatorch := peers.get("ckatorch"):
        made["ckatorch", "cka"] = lambda: float(
            ckatorch.cka_base(torch.from_numpy(x), torch.from_numpy(y))
        )
    if rsatoolbox := peers.get("rsatoolbox"):
        made["rsatoolbox", "rsa"] = lambda: rsa(rsatoolbox, x, y)
    return made


def one_pair(peers: dict[str, object], n: int, d: int) -> list[list[str]]:
    """A row for each peer and measure, then one for all measures in one call of ours."""
    made, labels = representations(n, d, 2)
    x, y = made.values()
    theirs = peer_values(peers, x, y)
    chosen = list(dict.fromkeys(measure for _, measure in theirs))

    def ours(measure: str) -> float:
        return repcompare.compare(x, y, measures=measure)["value"].iloc[0]

    def everything() -> None:
        repcompare.compare(x, y, labels, (labels, labels))

    work = theirs | {("ours", measure): lambda m=measure: ours(m) for measure in chosen}
    seconds = medians(work | {("ours", "all"): everything}, REPEATS)
    rows = []
    for (peer, measure), value in theirs.items():
        mine, other = seconds["ours", measure], seconds[peer, measure]
        rows.append(
            [f"{n}x{d}", measure, peer, f"{ours(measure):.6f}", f"{value():.6f}", f"{mine:.3f}",
             f"{other:.3f}", f"{other / mine:.1f}"]
        )  # fmt: skip
    title = f"all {len(MEASURES)} measures"
    rows.append([f"{n}x{d}", title, "", "", "", f"{seconds['ours', 'all']:.3f}", "", ""])
    return rows


def all_pairs(peers: dict[str, object], n: int, d: int) -> list[list[str]]:
    """A row for each peer and measure: every pair of ten networks."""
    made, _ = representations(n, d, MODELS)
    pairs = list(itertools.combinations(made.values(), 2))
    rows = []
    for key in peer_values(peers, *pairs[0]):
        peer, measure = key

        def of_all(key: tuple[str, str] = key) -> list[float]:
            return [peer_values(peers, x, y)[key]() for x, y in pairs]

        def ours(measure: str = measure) -> None:
            repcompare.compare_all(made, measures=measure)

        seconds = medians({"ours": ours, "theirs": of_all}, 1)
        ratio = f"{seconds['theirs'] / seconds['ours']:.1f}"
        rows.append(
            [f"{n}x{d}", measure, peer, f"{seconds['ours']:.2f}", f"{seconds['theirs']:.2f}", ratio]
        )
    return rows


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    peers = installed()
    header = ["n x d", "measure", "peer", "ours", "peer's", "ours, s", "peer, s", "ratio"]
    for n, d in ((2000, 128), (5000, 512)):
        print_table("One pair", header, one_pair(peers, n, d))
    header = ["n x d", "measure", "peer", "ours, s", "peer, s", "ratio"]
    print_table(f"All pairs of {MODELS}", header, all_pairs(peers, 2000, 128))


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
