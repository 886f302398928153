"""How much work the jobs of a study are: images, passes of networks, pairs. Counted from its config."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from repcompare.data.loaders import counted
from repcompare.study.config import nonrobust_settings, seeds, training_settings
from repcompare.study.epsilon import parse_epsilon

# An inversion begins at noise and at another image.
STARTS = 2


class Passes(NamedTuple):
    """Passes of one image through a network: training steps, gradients of the image, answers.

    Also the unit of what they cost: seconds an image of each.
    """

    steps: float
    gradients: float
    answers: float

    # Numbers side by side, not a tuple to repeat or to lengthen.
    def __mul__(self, times: float) -> "Passes":  # type: ignore[override]
        """So many times as many."""
        return Passes(*(times * count for count in self))

    def __add__(self, other: "Passes") -> "Passes":  # type: ignore[override]
        """Both."""
        return Passes(*(one + two for one, two in zip(self, other, strict=True)))

    def seconds(self, each: "Passes") -> float:
        """What they take, `each` being seconds an image."""
        return sum(count * cost for count, cost in zip(self, each, strict=True))


class Numbers(NamedTuple):
    """Seconds of what needs no network: of a pair in the stages that compare, of a model described."""

    compare: float
    describe: float
    compare_features: float


class Split(NamedTuple):
    """Images of the training, fit and test split, and the bytes of one, a byte a value."""

    train: int
    fit: int
    test: int
    pixels: int


def split(config: Mapping[str, Any]) -> Split:
    """The images of a validated config's study; `fit` are those that activations are stored of."""
    data, stored = counted(config["data"]), config["activations"]["fit_samples"]
    train = data.train - config["data"]["fit_samples"]
    train = min(train, config["data"]["train_samples"] or train)
    fit = config["data"]["fit_samples"] or train
    pixels = data.size**2 * data.channels
    return Split(train, min(fit, stored or fit), data.test, pixels)


def pairs(config: Mapping[str, Any], a: str, b: str) -> int:
    """The unordered pairs of models of a block."""
    own, other = (len(seeds(config, name)) for name in (a, b))
    return own * (own - 1) // 2 if a == b else own * other


def searches(config: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Balls and gradient steps of every attack of the config."""
    attack = config["attack"]
    settings = [{**attack, **changes} for changes in ({}, *attack["variants"].values())]
    return [
        (sum(map(len, each["epsilons"].values())), each["steps"] * each["restarts"])
        for each in settings
    ]


def conditions(config: Mapping[str, Any]) -> int:
    """Attacks and balls, the noise in every ball that is attacked among them."""
    attack = config["attack"]
    balls = {
        (norm, parse_epsilon(value)[1])
        for each in (attack, *({**attack, **one} for one in attack["variants"].values()))
        for norm, values in each["epsilons"].items()
        for value in values
    }
    return len(balls) + sum(number for number, _ in searches(config))


def training(config: Mapping[str, Any], architecture: str) -> Passes:
    """What one model is trained by, and its accuracy measured by."""
    settings, images = training_settings(config, architecture), split(config)
    batch = min(settings["batch_size"], images.train)
    seen = settings["epochs"] * (images.train // batch) * batch
    gradients = seen * settings["adversarial"]["steps"] if settings["adversarial"] else 0
    return Passes(seen, gradients, images.train + images.test)


def activations(config: Mapping[str, Any]) -> Passes:
    """What one model's activations are, before and after its training."""
    images = split(config)
    return Passes(0, 0, 2 * (images.fit + images.test))


def attacks(config: Mapping[str, Any]) -> Passes:
    """What one model is attacked by, but for the larger balls that few images resist."""
    n = config["attack"]["samples"]
    gradients = sum(balls * steps for balls, steps in searches(config))
    return Passes(0, n * gradients, n * (1 + conditions(config)))


def features(config: Mapping[str, Any]) -> Passes:
    """What one model's gradients and inversions are."""
    n, steps = config["features"]["samples"], config["features"]["steps"]
    return Passes(0, n * (1 + STARTS * steps), n * (1 + STARTS))


def transfer(config: Mapping[str, Any]) -> Passes:
    """What one target is shown of one source."""
    return Passes(0, 0, config["attack"]["samples"] * (1 + conditions(config)))


def inversions(config: Mapping[str, Any]) -> Passes:
    """What one model is shown of another one's inversions."""
    return Passes(0, 0, STARTS * config["features"]["samples"])


def nonrobust(config: Mapping[str, Any]) -> Passes:
    """What the training images of one source's non-robust features are made by."""
    images = split(config).train
    return Passes(0, images * nonrobust_settings(config)["nonrobust"]["steps"], 2 * images)
