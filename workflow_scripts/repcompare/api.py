"""The library in a notebook: compare arrays, fit maps between them, attack a network.

All of these are in `repcompare` itself: `import repcompare`, then `repcompare.compare(X, Y)`. A
representation is an array with one row for each sample and one column for each unit, and rows of
different representations belong together: row i of each is of sample i. Any array-like will do: an
array, a list of lists, a data frame, a torch tensor. What a measure is and what misleads:
docs/measures.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from repcompare.arguments import (
    ArrayLike,
    chosen_measures,
    classes_of,
    codes_of,
    positive,
    rows_of,
    same_samples,
)
from repcompare.geometry.catalogue import MEASURES
from repcompare.geometry.similarity import GeometryRow, compare_geometry
from repcompare.maps.families import FAMILIES, AffineMap, fit_maps
from repcompare.maps.scores import PairMoments, r_squared
from repcompare.registry import known
from repcompare.representations.moments import cross_covariance, factorise, moments
from repcompare.representations.pair import Pair
from repcompare.representations.representation import Representation
from repcompare.vocabulary import label_of

if TYPE_CHECKING:
    import torch

__docformat__ = "numpy"

__all__ = ["attack", "compare", "compare_all", "fit_map", "r2_score"]

COLUMNS = (
    "measure",
    "label",
    "direction",
    "value",
    "low",
    "high",
    "bias",
    "error",
    "null",
    "class_null",
    "n",
    "flag",
    "note",
)
# The default of `attack`; an adaptive search takes no other, for it has steps of its own.
STEP_SIZE = 2.5


def compare(
    X: ArrayLike,
    Y: ArrayLike,
    labels: ArrayLike | None = None,
    predictions: Sequence[ArrayLike] | None = None,
    measures: str | Iterable[str] | None = None,
) -> pd.DataFrame:
    """Compare two representations of the same samples by every measure, or by some.

    Parameters
    ----------
    X, Y : array-like of shape (n_samples, n_units)
        Two representations of the same samples, in the same order. Their numbers of units may
        differ.
    labels : array-like of shape (n_samples,), optional
        The class of each sample, a whole number or a name. The measures `cka_within_class` and
        `cka_centroids` need it.
    predictions : two array-likes of shape (n_samples,), optional
        The class that each of the two networks predicts for each sample: those of X, those of Y.
        The measure `disagreement` needs it.
    measures : str or iterable of str, optional
        Names of measures. By default all that what is given allows.

    Returns
    -------
    pandas.DataFrame
        One row for each measure in the order asked for, two for a directed one, which is not the
        same from X to Y and from Y to X. Its columns:

        - `measure`, `label`: its name, and the name to show a reader;
        - `direction`: `X to Y` or `Y to X` of a directed measure, else empty;
        - `value`: NaN where the measure is undefined, and `note` says why;
        - `low`, `high`: the 95 % interval over samples, by the jackknife: the measure is computed
          again without each of 16 groups of samples, or of 8 where the measure decomposes and an
          array has more than 256 columns. NaN below 32 samples, and where the bias is
          more than the interval;
        - `bias`, `error`: the jackknife's estimates of how much too large the value is for so few
          samples, and of its standard error;
        - `null`: what the measure gives when the samples of Y are put in another order, so that
          nothing is shared. A value means something only against it;
        - `class_null`: the same when they trade places within their classes alone, so that nothing
          is shared but these. NaN without `labels`;
        - `n`: the number of samples used;
        - `flag`: not empty where samples are too few for so many units, and the value says more of
          their number than of the representations;
        - `note`: why a number is NaN, or what must be known to read it.

    Raises
    ------
    ValueError
        An argument cannot be used, a measure is unknown, or lacks what it needs.

    Examples
    --------
    >>> import numpy as np, repcompare
    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> repcompare.compare(X, 2 * X + 1, measures=["cka"])["value"].round(6).tolist()
    [1.0]
    """
    rows = {"X": rows_of("X", X), "Y": rows_of("Y", Y)}
    answers = None
    if predictions is not None:
        if len(predictions) != 2:
            raise ValueError(
                f"predictions: two are needed, of X and of Y, not {len(predictions)}: (of_x, of_y)"
            )
        answers = dict(zip(rows, predictions, strict=True))
    chosen = _chosen(measures, labels, answers)
    a, b = _representations(rows, labels, answers).values()
    return pd.DataFrame(_records(a, b, chosen, ("X", "Y")), columns=list(COLUMNS))


def compare_all(
    representations: Mapping[str, ArrayLike],
    labels: ArrayLike | None = None,
    predictions: Mapping[str, ArrayLike] | None = None,
    measures: str | Iterable[str] | None = None,
) -> pd.DataFrame:
    """Compare several representations of the same samples, each pair of them once.

    What is of one representation alone is computed once for all of its pairs, so this is faster
    than `compare` on each pair. The values are the same.

    Parameters
    ----------
    representations : mapping of str to array-like of shape (n_samples, n_units)
        At least two representations of the same samples, in the same order, by name.
    labels : array-like of shape (n_samples,), optional
        As in `compare`.
    predictions : mapping of str to array-like of shape (n_samples,), optional
        The class that each network predicts for each sample, by the names of `representations`.
    measures : str or iterable of str, optional
        As in `compare`.

    Returns
    -------
    pandas.DataFrame
        The columns of `compare` after `model_a` and `model_b`, the names of the pair. Pairs are in
        the order of the names: of a, b and c, the pairs (a, b), (a, c) and (b, c). The `direction`
        of a directed measure is `a to b` or `b to a`, where a is `model_a`.

    Raises
    ------
    ValueError
        As in `compare`.
    TypeError
        The representations have no names.
    """
    if not isinstance(representations, Mapping):
        raise TypeError(
            f"representations: a dict of arrays by name is needed, not {type(representations).__name__}"
        )
    rows = {name: rows_of(f"representations[{name!r}]", X) for name, X in representations.items()}
    if len(rows) < 2:
        raise ValueError(f"representations: at least two are needed, not {len(rows)}")
    if predictions is not None and set(predictions) != set(rows):
        raise ValueError(
            f"predictions: of {sorted(predictions)}, but the representations are {sorted(rows)}"
        )
    chosen = _chosen(measures, labels, predictions)
    models = _representations(rows, labels, predictions)
    records = [
        {"model_a": first, "model_b": second, **record}
        for first, second in itertools.combinations(models, 2)
        for record in _records(models[first], models[second], chosen, ("a", "b"))
    ]
    return pd.DataFrame(records, columns=["model_a", "model_b", *COLUMNS])


def fit_map(X: ArrayLike, Y: ArrayLike, family: str = "least_squares") -> AffineMap:
    """Fit an affine map Y ≈ X W + b.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_source_units)
        The representation to map from.
    Y : array-like of shape (n_samples, n_target_units)
        The representation to map to, of the same samples.
    family : {"least_squares", "ridge", "reduced_rank", "orthogonal", "permutation"}
        What W may be: any matrix; any, of small norm; any of a low rank; a rotation or reflection
        with one scale; a choice of one unit for each unit, with a scale for each. Ridge and reduced
        rank choose how small and how low by the samples they are fitted on.

    Returns
    -------
    AffineMap
        With `predict(X)`, `weight` (W, n_source_units by n_target_units), `bias` (b), `rank` of W,
        `penalty` (of ridge) and `note`.

    Raises
    ------
    ValueError
        An argument cannot be used, or the family is unknown.

    See Also
    --------
    r2_score : how much of Y a map explains; look at samples that it was not fitted on.
    """
    known(FAMILIES, family, "family")
    x, y = rows_of("X", X), rows_of("Y", Y)
    same_samples({"X": x, "Y": y})
    source, target = factorise(x), moments(y)
    cross = cross_covariance(x, source, y, target)
    return fit_maps(source, target, cross, [family], x, y)[family]


def r2_score(mapping: AffineMap, X: ArrayLike, Y: ArrayLike) -> float:
    """The share of the variance of Y that a map from X explains, R².

    Parameters
    ----------
    mapping : AffineMap
        As `fit_map` returns it.
    X : array-like of shape (n_samples, n_source_units)
        Samples, best others than those that the map was fitted on.
    Y : array-like of shape (n_samples, n_target_units)
        What the map should give.

    Returns
    -------
    float
        1 − Σ‖y − predicted‖² / Σ‖y − mean of Y‖², over all units at once: at most 1, negative where
        the mean of Y is a better guess, NaN if Y does not vary.

    Raises
    ------
    ValueError
        An argument cannot be used, or the map is between other numbers of units.
    """
    x, y = rows_of("X", X), rows_of("Y", Y)
    same_samples({"X": x, "Y": y})
    for name, rows, width in zip("XY", (x, y), mapping.weight.shape, strict=True):
        if rows.shape[1] != width:
            raise ValueError(f"{name}: has {rows.shape[1]} units, and the map is of {width}")
    source, target = moments(x), moments(y)
    cross = cross_covariance(x, source, y, target)
    return r_squared(mapping, PairMoments(source, target, cross), target.mean)


def attack(
    module: torch.nn.Module,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    norm: str = "linf",
    epsilon: float = 8 / 255,
    steps: int = 10,
    step_size: float = STEP_SIZE,
    schedule: str = "constant",
    random_start: bool = True,
    restarts: int = 1,
    objective: str = "cross_entropy",
    targets: ArrayLike | None = None,
    seed: int = 0,
    batch_size: int = 100,
    precision: str = "float32",
) -> torch.Tensor:
    """Adversarial images: small changes of images that raise a network's loss.

    Projected gradient descent (PGD, Madry et al. 2018), or APGD (Croce and Hein 2020). The network
    runs where it is, in eval mode, and is left as it was, in mode and gradients. The same call gives
    the same images, and neither the batch size nor torch's random numbers decide where an image
    starts.

    Parameters
    ----------
    module : torch.nn.Module
        Takes images in [0, 1], float32 (n, channels, height, width), to logits (n, classes). What a
        network does to its input first, such as subtracting a mean, must be a part of it.
    images : array-like of shape (n, channels, height, width)
        The images, in [0, 1].
    labels : array-like of shape (n,)
        The class of each image, from 0.
    norm : {"linf", "l2"}
        How a change is measured: by its largest pixel, or by the Euclidean length of the whole.
    epsilon : float
        The largest change allowed.
    steps : int
        How often the gradient is followed.
    step_size : float
        The length of all steps together, as a multiple of `epsilon`: one step has the length
        `step_size` · `epsilon` / `steps`. Of the constant schedule alone.
    schedule : {"constant", "adaptive"}
        How the length of a step changes: not at all, or as in APGD, of an image by itself: from twice
        `epsilon` it is halved where the steps no longer climb.
    random_start : bool
        Whether to start anywhere in the ball of allowed changes, or at the image itself.
    restarts : int
        Searches from different starts; of each image the one with the lowest margin of the label,
        or the highest of the target, is kept. A margin is the logit of a class minus the largest
        other.
    objective : {"cross_entropy", "margin", "dlr"}
        What is followed: the cross-entropy, the margin (Carlini and Wagner 2017), or, of 3 classes or
        more and without targets, the difference of logits ratio (Croce and Hein 2020).
    targets : array-like of shape (n,), optional
        The class that each image is driven to. By default, away from its label.
    seed : int
        Of the starts.
    batch_size : int
        How many images are attacked at once.
    precision : {"float32", "bfloat16", "auto"}
        Of the network's arithmetic while it is attacked. With `auto`, bfloat16 where the hardware
        has it, which is faster.

    Returns
    -------
    torch.Tensor
        The perturbed images, float32 in [0, 1], on the device of `images` if they are a tensor, else
        on the CPU. No image is farther than `epsilon` from its own, but for the rounding of
        float32. They are not rounded to 8 bits.

    Raises
    ------
    ValueError
        An argument cannot be used.
    """
    # Nothing else here needs torch, which takes a second to import.
    from repcompare.attacks.balls import BALLS
    from repcompare.attacks.modules import (
        attack_module,
        classes_among,
        count_classes,
        device_of,
        pixels_of,
    )
    from repcompare.attacks.pgd import OBJECTIVES, Search
    from repcompare.attacks.schedules import SCHEDULES
    from repcompare.networks.devices import PRECISIONS, resolve_precision

    ball = known(BALLS, norm, "norm")
    known(OBJECTIVES, objective, "objective")
    known(SCHEDULES, schedule, "schedule")
    known(PRECISIONS, precision, "precision")
    positive("epsilon", epsilon)
    positive("step_size", step_size)
    for name, count in (("steps", steps), ("restarts", restarts), ("batch_size", batch_size)):
        positive(name, count, whole=True)
    if seed < 0:
        raise ValueError(f"seed: a whole number from 0 is needed: {seed}")
    if schedule == "adaptive" and step_size != STEP_SIZE:
        raise ValueError(f"step_size: {step_size:g}, but the adaptive schedule sets it by itself")
    if restarts > 1 and not random_start:
        raise ValueError(f"restarts: {restarts}, but without a random start all are the same")
    pixels = pixels_of(images)
    outputs, n = count_classes(module, pixels), len(pixels)
    classes = classes_among(outputs, "labels", labels, n)
    if targets is not None:
        classes = classes_among(outputs, "targets", targets, n)
    search = Search(
        steps=int(steps),
        step_size=step_size,
        random_start=random_start,
        restarts=int(restarts),
        objective=objective,
        schedule=schedule,
        target="none" if targets is None else "given",
    )
    return attack_module(
        module,
        pixels,
        classes,
        search,
        ball(epsilon),
        seed=seed,
        batch_size=int(batch_size),
        precision=resolve_precision(precision, device_of(module)),
    )


def _chosen(measures: str | Iterable[str] | None, labels: Any, predictions: Any) -> list[str]:
    return chosen_measures(measures, labels=labels is not None, predictions=predictions is not None)


def _representations(
    rows: Mapping[str, np.ndarray],
    labels: ArrayLike | None,
    predictions: Mapping[str, ArrayLike] | None,
) -> dict[str, Representation]:
    """The representations by name."""
    n = same_samples(rows)
    classes = None if labels is None else classes_of("labels", labels, n)
    answers: Sequence[np.ndarray | None] = [None] * len(rows)
    if predictions is not None:
        given = [classes_of(f"predictions of {name}", predictions[name], n) for name in rows]
        answers = codes_of(given)
    return {
        name: Representation.of(array, classes, answer)
        for (name, array), answer in zip(rows.items(), answers, strict=True)
    }


def _records(
    a: Representation, b: Representation, chosen: list[str], names: tuple[str, str]
) -> list[dict[str, Any]]:
    """The rows of one pair as dicts with `COLUMNS`."""
    return [
        {**vars(row), "label": label_of(row.measure), "direction": _direction(row, names)}
        for row in compare_geometry(Pair.of(a, b), chosen)
    ]


def _direction(row: GeometryRow, names: tuple[str, str]) -> str:
    if not MEASURES[row.measure].directed:
        return ""
    return " to ".join(reversed(names) if row.backward else names)
