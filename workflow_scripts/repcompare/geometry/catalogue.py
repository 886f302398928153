"""The table of the measures of geometry: what each computes, needs, and does not change with.

To add one, write a function of a `Pair` in `geometry.measures`, give it a row here and a name in
`vocabulary.GEOMETRY_MEASURES`, and describe it in docs/measures.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from repcompare.geometry import left_out, measures
from repcompare.geometry.left_out import LeftOut
from repcompare.geometry.measures import Result
from repcompare.geometry.replicates import knn_jaccard_replicates, rsa_replicates
from repcompare.representations.pair import Pair
from repcompare.vocabulary import GEOMETRY_MEASURES

# What a measure may read of a pair.
NEEDS = ("moments", "classes", "subsample", "predictions")

# What a measure may be invariant to.
UNITS = frozenset({"translation", "permutation", "isotropic_scaling"})
ROTATION = UNITS | {"orthogonal"}
LINEAR = ROTATION | {"invertible_linear"}


@dataclass(frozen=True)
class Measure:
    """A row of the table of measures.

    `invariances` lists what may be done to either representation without changing the value:
    `translation`, `permutation` (of units), `orthogonal` (rotations and reflections),
    `isotropic_scaling`, `invertible_linear`; `target_invariances`, where given, what may be done to
    the second. `needs` is what the measure reads: `moments`, `classes` (and labels), `subsample`
    (every sample with every other) or `predictions`. `null` is its expectation over orders of the
    samples, `class_null` that over orders within classes, where these have a closed form: only a
    measure of moments can do without, for it is then computed on shuffled samples. `replicates` is a
    short way to its jackknife replicates, `left_out` its value without a group of a wide pair.
    Below `samples_per_unit` samples for each unit its value says more of n than of the networks.
    One that does not grow with the number of units may be read of `flattened` maps, which have more
    units than there are samples.
    """

    id: str
    function: Callable[[Pair], Result]
    reference: str
    invariances: frozenset[str]
    range: tuple[float, float]
    needs: str
    null: Callable[[Pair], float] | None = None
    class_null: Callable[[Pair], float] | None = None
    replicates: Callable[[Pair], np.ndarray] | None = None
    left_out: Callable[[LeftOut], float] | None = None
    samples_per_unit: float = 0
    target_invariances: frozenset[str] | None = None
    flattened: bool = False

    @property
    def directed(self) -> bool:
        """Whether its value from b to a is another than from a to b."""
        return GEOMETRY_MEASURES[self.id].directed

    def __post_init__(self) -> None:
        if self.id not in GEOMETRY_MEASURES:
            raise ValueError(f"{self.id}: vocabulary.GEOMETRY_MEASURES has no name for it")
        if self.needs not in NEEDS:
            raise ValueError(f"{self.id}: needs {self.needs!r}, allowed: {', '.join(NEEDS)}")
        if None in (self.null, self.class_null) and self.needs != "moments":
            raise ValueError(
                f"{self.id}: a measure that needs {self.needs} must have both nulls in closed form: "
                "`Pair.shuffled` puts only what moments are made of in another order"
            )


def zero(pair: Pair) -> float:
    """The expectation of an estimator that has no bias."""
    del pair
    return 0.0


MEASURES: dict[str, Measure] = {
    measure.id: measure
    for measure in (
        Measure(
            "cka",
            measures.cka,
            "Kornblith et al. 2019, arXiv:1905.00414",
            ROTATION,
            (0, 1),
            "moments",
            null=measures.cka_null,
            class_null=measures.cka_class_null,
            samples_per_unit=10,
        ),
        Measure(
            "cka_debiased",
            measures.cka_debiased,
            "Song et al. 2012, JMLR 13:1393-1434",
            ROTATION,
            (-1, 1),
            "moments",
            null=zero,
            class_null=measures.cka_debiased_class_null,
            flattened=True,
        ),
        Measure(
            "cka_within_class",
            measures.cka_within_class,
            "Kornblith et al. 2019, arXiv:1905.00414, of class residuals",
            ROTATION,
            (0, 1),
            "classes",
            null=measures.cka_within_class_null,
            class_null=measures.cka_within_class_null,
            samples_per_unit=10,
        ),
        Measure(
            "cka_centroids",
            measures.cka_centroids,
            "Kornblith et al. 2019, arXiv:1905.00414, of class means",
            ROTATION,
            (0, 1),
            "classes",
            null=measures.cka_centroids_null,
            class_null=measures.cka_centroids_class_null,
        ),
        Measure(
            "procrustes",
            measures.procrustes,
            "Williams et al. 2021, arXiv:2110.14739",
            ROTATION,
            (0, 1),
            "moments",
            left_out=left_out.procrustes,
            samples_per_unit=10,
        ),
        Measure(
            "cca",
            measures.cca,
            "Hotelling 1936, Biometrika 28",
            LINEAR,
            (0, 1),
            "moments",
            left_out=left_out.cca,
            samples_per_unit=10,
        ),
        Measure(
            "svcca",
            measures.svcca,
            "Raghu et al. 2017, arXiv:1706.05806",
            ROTATION,
            (0, 1),
            "moments",
            left_out=left_out.svcca,
            samples_per_unit=10,
        ),
        Measure(
            "pwcca",
            measures.pwcca,
            "Morcos et al. 2018, arXiv:1806.05759",
            UNITS,
            (0, 1),
            "moments",
            left_out=left_out.pwcca,
            samples_per_unit=10,
            target_invariances=LINEAR,
        ),
        Measure(
            "rsa",
            measures.rsa,
            "Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008",
            ROTATION,
            (-1, 1),
            "subsample",
            null=zero,
            class_null=measures.rsa_class_null,
            replicates=rsa_replicates,
            flattened=True,
        ),
        Measure(
            "knn_jaccard",
            measures.knn_jaccard,
            "Klabunde et al. 2023, arXiv:2305.06329",
            ROTATION,
            (0, 1),
            "subsample",
            null=measures.knn_jaccard_null,
            class_null=measures.knn_jaccard_class_null,
            replicates=knn_jaccard_replicates,
            flattened=True,
        ),
        Measure(
            "disagreement",
            measures.disagreement,
            "Klabunde et al. 2023, arXiv:2305.06329",
            LINEAR,
            (0, 1),
            "predictions",
            null=measures.disagreement_null,
            class_null=measures.disagreement_class_null,
        ),
    )
}
