"""Permutations of a study's models, whole or within the limits that its design sets.

A permutation is a row of places: model m takes the part of model `row[m]`. A matrix of pairs is
permuted by rows and columns together, `matrix[row][:, row]`.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np

# Below this many distinct permutations none of them can reach p < 0.05.
FEWEST_DISTINCT = 21

# A test finds something if its p is no higher.
LEVEL = 0.05


def of_architectures(
    architecture: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Architectures exchanged whole: the k-th seed of one takes the part of the k-th of another.

    Only architectures with equally many seeds are exchanged. These permutations leave every sum
    over the pairs of one model, and the set of same-architecture pairs, in their places.

    Args:
        architecture: (M,), the architecture of each model, as an integer.
        count: how many permutations to draw at most.

    Returns:
        (B, M) permutations other than the identity, and the number of distinct ones with it. All
        of them, B = distinct − 1, if there are no more than `count` + 1; else `count` at random.
    """
    classes = of_equal_size(architecture)
    distinct = math.prod(math.factorial(len(models)) for models in classes)
    if distinct <= count + 1:
        drawn = [np.array(list(itertools.permutations(range(len(models))))) for models in classes]
        chosen = _combinations([len(each) for each in drawn])
        orders = [each[chosen[:, place]] for place, each in enumerate(drawn)]
    else:
        orders = [_shuffles(len(models), count, rng) for models in classes]
    permutations = np.empty((len(orders[0]), len(architecture)), dtype=np.intp)
    for models, order in zip(classes, orders, strict=True):
        permutations[:, models.ravel()] = models[order].reshape(len(order), -1)
    return _without_identity(permutations, distinct, count), distinct


def of_equal_size(architecture: np.ndarray) -> list[np.ndarray]:
    """The models of architectures of equally many seeds, (architectures, seeds) for each number."""
    by_size: dict[int, list[np.ndarray]] = {}
    for name in np.unique(architecture):
        members = np.flatnonzero(architecture == name)
        by_size.setdefault(len(members), []).append(members)
    return [np.array(members) for members in by_size.values()]


def of_seeds(
    architecture: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Seeds exchanged within each architecture; see `of_architectures` for arguments and result."""
    members = [np.flatnonzero(architecture == a) for a in np.unique(architecture)]
    distinct = math.prod(math.factorial(len(models)) for models in members)
    if distinct <= count + 1:
        drawn = [np.array(list(itertools.permutations(models))) for models in members]
        chosen = _combinations([len(each) for each in drawn])
        parts = [each[chosen[:, place]] for place, each in enumerate(drawn)]
    else:
        parts = [models[_shuffles(len(models), count, rng)] for models in members]
    permutations = np.empty((len(parts[0]), len(architecture)), dtype=np.intp)
    for models, part in zip(members, parts, strict=True):
        permutations[:, models] = part
    return _without_identity(permutations, distinct, count), distinct


def of_models(models: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, models) permutations of all models, whatever their architecture, at random."""
    return _shuffles(models, count, rng)


def groupings(architecture: np.ndarray) -> int:
    """In how many ways the models fall into unnamed groups as large as the architectures are."""
    _, sizes = np.unique(architecture, return_counts=True)
    _, alike = np.unique(sizes, return_counts=True)
    ways = math.factorial(len(architecture))
    for number in (*sizes.tolist(), *alike.tolist()):
        ways //= math.factorial(number)
    return ways


def chunks(count: int, pairs: int) -> Iterator[slice]:
    """Slices of `count` permutations that keep a batch of `pairs` float64 each below 32 MiB."""
    step = max(1, 2**22 // max(pairs, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def moved_by(matrix: np.ndarray, permutations: np.ndarray) -> np.ndarray:
    """A matrix (M, M) permuted by every row (B, M), rows and columns together: (B, M, M).

    One after the other: the places of all entries at once take four times as long to look up.
    """
    moved = np.empty((len(permutations), *matrix.shape), matrix.dtype)
    for out, places in zip(moved, permutations, strict=True):
        np.take(matrix[places], places, axis=1, out=out, mode="clip")
    return moved


def products_of_wholes(
    matrix: np.ndarray, targets: np.ndarray, permutations: np.ndarray, architecture: np.ndarray
) -> np.ndarray:
    """Inner products (k, B) of `moved_by(matrix, permutations)` with targets (k, M, M).

    Of permutations that carry architectures whole, as those of `of_architectures`. What a pair of
    architectures brings to the places of another pair is one number, and only these are looked up:
    fewer than the pairs of models by the square of the seeds.
    """
    classes = of_equal_size(architecture)
    place = np.empty(len(architecture), np.intp)
    for models in classes:
        place[models] = np.arange(len(models))[:, None]
    orders = [place[permutations[:, models[:, 0]]].T for models in classes]
    products = np.zeros((len(targets), len(permutations)))
    for (first, of_first), (second, of_second) in itertools.product(
        zip(classes, orders, strict=True), repeat=2
    ):
        count = len(second)
        pairs = matrix[first[:, None, :, None], second[:, None, :]].reshape(len(first) * count, -1)
        for models, from_first in zip(first, of_first, strict=True):
            there = targets[:, models[:, None], second[:, None, :]]
            brought = there.reshape(len(targets) * count, -1) @ pairs.T
            brought = brought.reshape(len(targets), count, -1)
            for number, from_second in enumerate(of_second):
                products += brought[:, number].take(from_first * count + from_second, axis=1)
    return products


def p_value(statistics: np.ndarray, observed: float) -> float:
    """p = (1 + b) / (1 + B), b of the B permuted statistics being at least the observed one.

    The observed arrangement counts as one of its permutations, so p is never 0 (Phipson & Smyth
    2010, doi:10.2202/1544-6115.1585). NaN if the observed statistic is. Equality is to rounding.
    """
    if not np.isfinite(observed):
        return np.nan
    reached = statistics >= observed - 1e-9 * abs(observed)
    return float((1 + np.count_nonzero(reached)) / (1 + len(statistics)))


def _shuffles(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permuted(np.tile(np.arange(size), (count, 1)), axis=1)


def _combinations(sizes: list[int]) -> np.ndarray:
    return np.indices(sizes).reshape(len(sizes), -1).T


def _without_identity(permutations: np.ndarray, distinct: int, count: int) -> np.ndarray:
    # Of a list of all, the first is the identity; at random, it may come up like any other.
    return permutations[1:] if distinct <= count + 1 else permutations
