"""What the study's tables call things, and what a reader is shown for it.

Read by all parts of the library, those that are imported while the workflow is parsed too: it
imports nothing of the project, and neither torch nor numpy nor pandas.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

NORMS = {"linf": "L∞", "l2": "L2"}


class MeasureName(NamedTuple):
    """What a reader of a table must know of a measure of geometry or of input features.

    A directed measure has a row for each direction of a pair; of a `similarity`, more is more alike.
    """

    label: str
    directed: bool = False
    similarity: bool = True


GEOMETRY_MEASURES = {
    "cka": MeasureName("CKA"),
    "cka_debiased": MeasureName("CKA (debiased)"),
    "cka_within_class": MeasureName("CKA within classes"),
    "cka_centroids": MeasureName("CKA of class means"),
    "procrustes": MeasureName("Procrustes"),
    "cca": MeasureName("mean CCA"),
    "svcca": MeasureName("SVCCA"),
    "pwcca": MeasureName("PWCCA", directed=True),
    "rsa": MeasureName("RSA"),
    "knn_jaccard": MeasureName("k-NN Jaccard"),
    "disagreement": MeasureName("disagreement", similarity=False),
}

# What decides, where a study has it: one measure and one family of maps, named beforehand.
MEASURE = "cka_debiased"
WITHIN_CLASSES = "cka_within_class"
FAMILY = "least_squares"

# The measure that compares layers of different depth.
LAYER_MEASURE = "cka_debiased"

MAP_FAMILIES = {
    "least_squares": "least squares",
    "ridge": "ridge",
    "reduced_rank": "reduced rank",
    "orthogonal": "orthogonal",
    "permutation": "permutation",
}

# Where a network comes from: it was trained in the study, existed already, or is not here at all.
ORIGINS = ("trained", "imported", "activations")

# What maps between trained networks are set against: maps to the same target.
CONTROLS = {
    "untrained": "the untrained network",
    "untrained_batch_norm": "the untrained network, batch norm set",
    "pixels": "the pixels",
}

FEATURE_MEASURES = {
    "gradient_alignment": MeasureName("gradient alignment"),
    "perturbation_agreement": MeasureName("perturbation agreement"),
    "mistake_agreement": MeasureName("mistake agreement"),
    "stir": MeasureName("STIR", directed=True),
    "inverted_cka": MeasureName("CKA of inverted images", directed=True),
    "unit_matching": MeasureName("unit matching"),
}

# What is measured each way; everything else is the same both ways.
DIRECTED = frozenset(
    name
    for measures in (GEOMETRY_MEASURES, FEATURE_MEASURES)
    for name, measure in measures.items()
    if measure.directed
)

# What a rate of transfer is of; findings are tested on the first.
PRIMARY = "both_correct"
DENOMINATORS = {
    "both_correct": "images that source and target both classify correctly",
    "target_correct": "images that the target classifies correctly",
    "source_fooled": "images that both classify correctly and on which the source is fooled",
    "all_correct": "images that every model of the study classifies correctly",
}

FINDINGS = ("linear", "retraining", "exception", "transfer")
VERDICTS = ("supported", "contradicted", "inconclusive", "not asked")


class Need(StrEnum):
    """What a row of findings.csv needs to answer: enough of the first three, a number, or a section."""

    ARCHITECTURES = "architectures"
    SEEDS = "seeds"
    PERMUTATIONS = "permutations"
    VALUE = "value"
    INTERVAL = "interval"
    SECTION = "section"


LABELS = {
    **NORMS,
    **{name: measure.label for name, measure in GEOMETRY_MEASURES.items()},
    **{name: measure.label for name, measure in FEATURE_MEASURES.items()},
    **MAP_FAMILIES,
}


def label_of(name: str) -> str:
    """What a reader is shown for a norm, a measure or a family of maps; an unknown name as it is."""
    return LABELS.get(name, name)


def architecture_of(model: str) -> str:
    """The architecture in a model's name: `resnext29/seed2` → `resnext29`."""
    return model.rsplit("/", 1)[0]


def ordered_models(models: Iterable[str]) -> list[str]:
    """The distinct models by architecture (alphabetical), then by seed (numerical)."""

    def key(model: str) -> tuple[str, int, str]:
        architecture, _, seed = model.rpartition("/")
        digits = seed.removeprefix("seed")
        return architecture, int(digits) if digits.isdigit() else 0, seed

    return sorted(set(models), key=key)


def ordered_norms(norms: Iterable[str]) -> list[str]:
    """The distinct norms, those this package names first and in its order."""
    known = list(NORMS)
    return sorted(set(norms), key=lambda norm: (known.index(norm) if norm in known else 99, norm))


def preferred(names: Iterable[str], wanted: str) -> str:
    """`wanted` if it is among `names`, else the first of them, else `wanted`."""
    present = list(dict.fromkeys(names))
    return wanted if wanted in present or not present else present[0]
