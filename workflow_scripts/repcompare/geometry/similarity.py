"""Similarity of the geometry of two representations: the table of measures, and a pair's rows.

To add a measure, write a function of a `Pair` in `measures` and give it a row in `MEASURES`. The
config's schema, the tables, the figures, the report, docs/measures.md and the tests read this
table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from repcompare.geometry import measures
from repcompare.geometry import replicates as jackknife
from repcompare.geometry.measures import Result
from repcompare.geometry.replicates import FEWEST_SAMPLES
from repcompare.registry import known
from repcompare.representations.pair import Pair
from repcompare.representations.representation import GROUPS

# Shares of the samples at which `convergence` computes a measure.
FRACTIONS = (1 / 8, 1 / 4, 1 / 2, 1)


NEEDS = ("moments", "classes", "subsample", "predictions")

ROTATION = frozenset({"translation", "permutation", "orthogonal", "isotropic_scaling"})
UNITS = frozenset({"translation", "permutation", "isotropic_scaling"})
LINEAR = ROTATION | {"invertible_linear"}


@dataclass(frozen=True)
class Measure:
    """A row of the table of measures.

    `invariances` lists what may be done to either representation without changing the value:
    `translation`, `permutation` (of units), `orthogonal` (rotations and reflections),
    `isotropic_scaling`, `invertible_linear`; `target_invariances`, where given, what may be done to
    the second. `needs` is what the measure reads: `moments`, `classes` (and labels), `subsample`
    (every sample with every other) or `predictions`. `null` is its expectation over orders of the
    samples, where that has a closed form: only a measure of moments can do without, for it is then
    computed on shuffled samples. `replicates` is a short way to its jackknife replicates.
    Below `samples_per_unit` samples for each unit its value says more of n than of the networks.
    """

    id: str
    label: str
    function: Callable[[Pair], Result]
    reference: str
    invariances: frozenset[str]
    range: tuple[float, float]
    needs: str
    null: Callable[[Pair], float] | None = None
    replicates: Callable[[Pair], np.ndarray] | None = None
    samples_per_unit: float = 0
    directed: bool = False
    target_invariances: frozenset[str] | None = None
    similarity: bool = True

    def __post_init__(self) -> None:
        if self.needs not in NEEDS:
            raise ValueError(f"{self.id}: needs {self.needs!r}, allowed: {', '.join(NEEDS)}")
        if self.null is None and self.needs != "moments":
            raise ValueError(
                f"{self.id}: a measure that needs {self.needs} must have a null in closed form: "
                "`Pair.shuffled` puts only what moments are made of in another order"
            )


@dataclass(frozen=True)
class GeometryRow:
    """One measure of one pair.

    `low` and `high` bound the jackknife interval, `null` is the value of unrelated samples,
    `flag` says why n is too small, `note` why a number is NaN or what must be known to read it.
    `backward` marks a directed measure from b to a.
    """

    measure: str
    value: float
    low: float
    high: float
    null: float
    n: int
    flag: str
    note: str
    backward: bool = False


def zero(pair: Pair) -> float:
    """The expectation of an estimator that has no bias."""
    del pair
    return 0.0


MEASURES: dict[str, Measure] = {
    measure.id: measure
    for measure in (
        Measure(
            "cka",
            "CKA",
            measures.cka,
            "Kornblith et al. 2019, arXiv:1905.00414",
            ROTATION,
            (0, 1),
            "moments",
            null=measures.cka_null,
            samples_per_unit=10,
        ),
        Measure(
            "cka_debiased",
            "CKA (debiased)",
            measures.cka_debiased,
            "Song et al. 2012, JMLR 13:1393-1434",
            ROTATION,
            (-1, 1),
            "moments",
            null=zero,
        ),
        Measure(
            "cka_within_class",
            "CKA within classes",
            measures.cka_within_class,
            "Kornblith et al. 2019, arXiv:1905.00414, of class residuals",
            ROTATION,
            (0, 1),
            "classes",
            null=measures.cka_within_class_null,
            samples_per_unit=10,
        ),
        Measure(
            "cka_centroids",
            "CKA of class means",
            measures.cka_centroids,
            "Kornblith et al. 2019, arXiv:1905.00414, of class means",
            ROTATION,
            (0, 1),
            "classes",
            null=measures.cka_centroids_null,
        ),
        Measure(
            "procrustes",
            "Procrustes",
            measures.procrustes,
            "Williams et al. 2021, arXiv:2110.14739",
            ROTATION,
            (0, 1),
            "moments",
            replicates=jackknife.procrustes_replicates,
            samples_per_unit=10,
        ),
        Measure(
            "cca",
            "mean CCA",
            measures.cca,
            "Hotelling 1936, Biometrika 28",
            LINEAR,
            (0, 1),
            "moments",
            replicates=jackknife.cca_replicates,
            samples_per_unit=10,
        ),
        Measure(
            "svcca",
            "SVCCA",
            measures.svcca,
            "Raghu et al. 2017, arXiv:1706.05806",
            ROTATION,
            (0, 1),
            "moments",
            samples_per_unit=10,
        ),
        Measure(
            "pwcca",
            "PWCCA",
            measures.pwcca,
            "Morcos et al. 2018, arXiv:1806.05759",
            UNITS,
            (0, 1),
            "moments",
            samples_per_unit=10,
            directed=True,
            target_invariances=LINEAR,
        ),
        Measure(
            "rsa",
            "RSA",
            measures.rsa,
            "Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008",
            ROTATION,
            (-1, 1),
            "subsample",
            null=zero,
            replicates=jackknife.rsa_replicates,
        ),
        Measure(
            "knn_jaccard",
            "k-NN Jaccard",
            measures.knn_jaccard,
            "Klabunde et al. 2023, arXiv:2305.06329",
            ROTATION,
            (0, 1),
            "subsample",
            null=measures.knn_jaccard_null,
            replicates=jackknife.knn_jaccard_replicates,
        ),
        Measure(
            "disagreement",
            "disagreement",
            measures.disagreement,
            "Klabunde et al. 2023, arXiv:2305.06329",
            LINEAR,
            (0, 1),
            "predictions",
            null=measures.disagreement_null,
            similarity=False,
        ),
    )
}


class Task(NamedTuple):
    """A measure and its direction."""

    measure: Measure
    backward: bool

    def value(self, pair: Pair) -> Result:
        """The measure's value and note."""
        if self.measure.needs != "predictions" and (why := unreadable(pair)):
            return np.nan, why
        return self.measure.function(pair.reversed if self.backward else pair)


def compare_geometry(pair: Pair, chosen: Iterable[str]) -> list[GeometryRow]:
    """The rows of a pair: one for each measure of `chosen`, in their order, two if it is directed.

    Raises ValueError for an unknown measure.
    """
    tasks = [
        Task(measure, backward)
        for measure in measures_named(chosen)
        for backward in ((False, True) if measure.directed else (False,))
    ]
    undefined = unreadable(pair)
    defined = [t for t in tasks if not undefined or t.measure.needs == "predictions"]
    replicates = jackknife_replicates(pair, defined) if pair.n >= FEWEST_SAMPLES else {}
    shuffled = pair.shuffled() if any(t.measure.null is None for t in defined) else pair
    return [
        measured_row(pair, shuffled, task, replicates.get(task))
        if task in defined
        else undefined_row(pair, task, undefined)
        for task in tasks
    ]


def jackknife_replicates(pair: Pair, tasks: list[Task]) -> dict[Task, np.ndarray]:
    """The replicates (G,) of every task, those without a short way from one pass over the groups.

    NaN where a representation is constant without the group.
    """
    exact = [task for task in tasks if task.measure.replicates is None]
    short = [task for task in tasks if task.measure.replicates is not None]
    constant = jackknife.left_out_constant(pair)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {task: np.where(constant, np.nan, task.measure.replicates(pair)) for task in short}
    if exact:
        values = [[task.value(left)[0] for task in exact] for left in pair.without_each_group()]
        found |= dict(zip(exact, np.transpose(values), strict=True))
    return found


def measured_row(
    pair: Pair, shuffled: Pair, task: Task, replicates: np.ndarray | None
) -> GeometryRow:
    """The row of one measure, its interval from its replicates (G,)."""
    measure = task.measure
    value, note = task.value(pair)
    null = measure.null(pair) if measure.null else task.value(shuffled)[0]
    notes = [note] if note else []
    low = high = np.nan
    if replicates is None:
        notes.append(f"no interval below {FEWEST_SAMPLES} samples")
    elif np.isfinite(value):
        low, high = jackknife.interval(value, replicates)
        if np.isnan(low):
            notes.append("no interval: undefined without some group of samples")
    return GeometryRow(
        measure.id,
        value,
        low,
        high,
        null,
        samples(pair, measure),
        small_sample(pair, measure),
        "; ".join(notes),
        task.backward,
    )


def samples(pair: Pair, measure: Measure) -> int:
    """The number of samples that a measure sees."""
    return len(pair.a.subsample) if measure.needs == "subsample" else pair.n


def small_sample(pair: Pair, measure: Measure) -> str:
    """Why n is too small for a measure; nothing if it is not."""
    per_unit = pair.n / max(pair.a.width, pair.b.width)
    if per_unit >= measure.samples_per_unit:
        return ""
    return f"n/d is {per_unit:.1f}, below {measure.samples_per_unit:g}"


def convergence(pair: Pair, chosen: Iterable[str]) -> list[GeometryRow]:
    """The measures of `chosen` on growing parts of the samples: `FRACTIONS` of them.

    Values alone, without intervals and nulls; of a directed measure, from a to b. None below
    `FEWEST_SAMPLES`.
    """
    rows_of = measures_named(chosen)
    if pair.n < FEWEST_SAMPLES or unreadable(pair):
        return []
    rows = []
    for fraction in FRACTIONS:
        part = pair.on(np.arange(GROUPS) < round(fraction * GROUPS))
        for measure in rows_of:
            value, note = Task(measure, backward=False).value(part)
            n, flag = samples(part, measure), small_sample(part, measure)
            rows.append(GeometryRow(measure.id, value, np.nan, np.nan, np.nan, n, flag, note))
    return rows


def unreadable(pair: Pair) -> str:
    """Why a pair has no geometry; nothing if it has one."""
    return "constant representation" if pair.a.constant or pair.b.constant else ""


def undefined_row(pair: Pair, task: Task, note: str) -> GeometryRow:
    """The row of a measure that has no value."""
    missing = dict.fromkeys(("value", "low", "high", "null"), np.nan)
    n, flag = samples(pair, task.measure), small_sample(pair, task.measure)
    return GeometryRow(
        task.measure.id, **missing, n=n, flag=flag, note=note, backward=task.backward
    )


def measures_named(chosen: Iterable[str]) -> list[Measure]:
    """The measures of these names. Raises ValueError if `MEASURES` lacks one."""
    return [known(MEASURES, name, "geometry.measures") for name in chosen]
