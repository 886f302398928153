"""Studies simulated with a known truth: what their pairs share is built in piece by piece."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from repcompare.findings.model_matrices import Models
from repcompare.transfer.rates import empirical_logit


class Study(NamedTuple):
    """Similarity x and transfer y (M, M), who belongs to which architecture, which pairs share it."""

    architecture: np.ndarray
    same: np.ndarray
    x: np.ndarray
    y: np.ndarray


def symmetric(size, rng):
    noise = rng.normal(size=(size, size))
    return (noise + noise.T) / np.sqrt(2)


def transfer_study(rng, architectures=5, seeds=3, *, beta=0.0, slopes=0.0, blocks=1.0) -> Study:
    """y_ij = source_i + target_j + (β + b_a + b_b) x_ij + 2 [same architecture] + noise.

    Whatever makes a model similar to all others also makes it easy to fool; models of one
    architecture share most of their effects; pairs of the same two architectures share noise of
    variance `blocks`, in x and in y; `slopes` is the standard deviation of b.
    """
    size = architectures * seeds
    architecture = np.repeat(np.arange(architectures), seeds)
    same = architecture[:, None] == architecture

    def effects():
        return rng.normal(size=architectures)[architecture] + 0.5 * rng.normal(size=size)

    def shared():
        block = symmetric(architectures, rng)[np.ix_(architecture, architecture)]
        return np.sqrt(blocks) * block + 2 * same

    quality, bend = effects(), slopes * rng.normal(size=architectures)[architecture]
    x = quality[:, None] + quality + shared() + symmetric(size, rng)
    slope = beta + bend[:, None] + bend
    y = effects()[:, None] + effects() + quality + slope * x + shared() + rng.normal(size=x.shape)
    return Study(architecture, same, x, y)


def geometry_study(rng, extra, seeds=3, *, quality=0.0) -> Study:
    """x_ij = q_i + q_j + extra_a [i, j both of a] + noise; `quality` of an architecture is in q."""
    extra = np.asarray(extra, float)
    architecture = np.repeat(np.arange(len(extra)), seeds)
    same = architecture[:, None] == architecture
    own = quality * rng.normal(size=len(extra))[architecture]
    own = own + 0.7 * rng.normal(size=len(architecture))
    x = own[:, None] + own + same * extra[architecture] + symmetric(len(architecture), rng)
    return Study(architecture, same, x, np.full_like(x, np.nan))


def similarity_study(rng, seeds, *, excess=0.0, blocks=0.0, family=0.0) -> Study:
    """Debiased CKA as a finished study of the digits varies, with `seeds` models of each architecture.

    x_ij = 0.83 + q_i + q_j + u_ab + excess_a [i, j both of a] + noise: q of an architecture and of
    its models have standard deviations 0.029 and 0.012, the noise of a pair 0.013, and u, shared by
    the pairs of two architectures, `blocks`. The first half of the architectures are of one family,
    whose pairs are more similar by `family`, their own no more than those of two.
    """
    count = len(seeds)
    architecture = np.repeat(np.arange(count), seeds)
    same = architecture[:, None] == architecture
    quality = 0.029 * rng.normal(size=count)[architecture]
    quality = quality + 0.012 * rng.normal(size=len(architecture))
    block = blocks * symmetric(count, rng)
    block[np.diag_indices(count)] = blocks * rng.normal(size=count)
    related = np.arange(count) < count // 2
    block = block + family * np.outer(related, related)
    own = np.broadcast_to(np.asarray(excess, float), count)[architecture]
    x = 0.83 + quality[:, None] + quality + block[np.ix_(architecture, architecture)]
    x = x + same * own + 0.013 * symmetric(len(architecture), rng)
    return Study(architecture, same, x, np.full_like(x, np.nan))


class TransferStudy(NamedTuple):
    """Similarity x with its standard `error` and logits of transfer y, all (M, M)."""

    architecture: np.ndarray
    family: np.ndarray
    x: np.ndarray
    y: np.ndarray
    error: np.ndarray


# Images that differ in difficulty, and to whom, flatten a logit of their mean by so much.
FLATTENED = 0.716


def attacked_study(
    rng, seeds, *, beta=0.0, slopes=0.0, family=0.0, ceiling=0.0, floor=0.0, images=293
) -> TransferStudy:
    """Debiased CKA and transfer as they vary in a finished study of the digits.

    Logit T_ij = source_i + target_j + (β + (b_a + b_b) / 2) x_ij + noise of the pair, of the two
    architectures and of the images, which all pairs share; `slopes` is the standard deviation of b.
    What makes a model like all others makes it easy to fool (correlation 0.6). The first half of the
    architectures are of one family, whose pairs are more similar by 0.03 and transfer more by 0.25, times
    `family`. With a `ceiling` similarity is near 1 on a concave scale, and quality drives transfer;
    `floor` lowers all transfer.
    """
    count, size = len(seeds), sum(seeds)
    architecture = np.repeat(np.arange(count), seeds)
    same = architecture[:, None] == architecture

    def effects(between, within):
        return between * rng.normal(size=count)[architecture] + within * rng.normal(size=size)

    def blocks(noise):
        return noise[np.ix_(architecture, architecture)]

    quality = effects(0.029, 0.012)
    standard = quality / np.hypot(0.029, 0.012)
    related = architecture < count // 2
    of_family = family * np.outer(related, related)
    x = quality[:, None] + quality + 0.01 * blocks(symmetric(count, rng))
    x = 0.83 + x + 0.013 * symmetric(size, rng) + 0.03 * of_family
    error = np.full_like(x, 0.006)
    if ceiling:
        x = 1 - 0.05 * np.exp(6 * ceiling * (0.83 - x))
        error = error * np.clip((1 - x) / 0.17, 0, 1.5)
    bend = slopes * rng.normal(size=count)[architecture]
    source, target = (
        0.6 * np.hypot(*spread) * standard + 0.8 * effects(*spread)
        for spread in ((0.33, 0.125), (0.23, 0.115))
    )
    y = source[:, None] + target + (beta + (bend[:, None] + bend) / 2) * (x - x.mean())
    y = y + 0.075 * blocks(rng.normal(size=(count, count))) + 0.06 * rng.normal(size=x.shape)
    y = y + 0.2 * same + 0.25 * of_family + 0.9 * ceiling * (standard[:, None] + standard)
    logits = ((y - 0.5 - floor) / FLATTENED)[:, :, None] + 1.5 * rng.normal(size=images)
    chance = expit(logits + 0.7 * rng.normal(size=(size, images)))
    correct = rng.random((size, images)) < 0.95
    counted = correct[:, None] & correct
    fooled = (rng.random(chance.shape) < chance) & counted
    y = empirical_logit(fooled.sum(axis=2), counted.sum(axis=2))
    x = x + error * symmetric(size, rng)
    groups = np.where(related & bool(family), 0, 1 + architecture)
    return TransferStudy(architecture, groups, x, y, error)


def simulated_models(study, rng) -> Models:
    """The models of a simulated study, `a0/seed0` and so on, of accuracies that mean nothing."""
    place = study.architecture
    seed = [int((place[:number] == place[number]).sum()) for number in range(len(place))]
    table = pd.DataFrame({"architecture": [f"a{a}" for a in place], "seed": seed})
    table["model"] = table["architecture"] + "/seed" + table["seed"].astype(str)
    table["test_accuracy"] = 0.9 + 0.01 * rng.random(len(table))
    return Models.of(table.assign(representation_width=64), {})


def within_monte_carlo_error(hits, rate) -> bool:
    """Whether a share of hits is `rate` to within three standard errors."""
    hits = np.asarray(hits, float)
    return abs(hits.mean() - rate) <= 3 * np.sqrt(rate * (1 - rate) / len(hits))
