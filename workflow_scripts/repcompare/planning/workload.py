"""How much work the jobs of a study are: images, passes of networks, pairs. Counted from its config.

Read while the workflow is parsed: neither torch nor numpy is imported.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from repcompare.data.catalogue import DataSet
from repcompare.study.config import nonrobust_settings, samples, seeds, training_settings
from repcompare.study.epsilon import parse_epsilon

# An inversion begins at noise and at another image.
STARTS = 2
# Images that an existing network is checked on.
CHECKED = 2


class Passes(NamedTuple):
    """Passes of one image through a network: training steps, gradients of the image, answers.

    Also the unit of what they cost: seconds, or bytes, an image of each.
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
    """Images of the training, fit and test split, side and channels of one, and their classes."""

    train: int
    fit: int
    test: int
    size: int
    channels: int
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        return self.channels, self.size, self.size

    @property
    def pixels(self) -> int:
        """The values of an image, a byte each as it is stored."""
        return self.channels * self.size**2


class Sizes(NamedTuple):
    """Of one architecture: bytes of its weights' file, width of each layer it stores, by name, and classes.

    The last layer is the representation. `memory` are the bytes that a pass of one image holds.
    """

    weights: int
    widths: Mapping[str, int]
    classes: int
    memory: Passes

    @property
    def width(self) -> int:
        """Components of the representation."""
        return list(self.widths.values())[-1]


class Study(NamedTuple):
    """A validated config, and the images that it is about."""

    config: Mapping[str, Any]
    images: Split


def study_of(config: Mapping[str, Any], data: DataSet) -> Study:
    """The study of a validated config, whose images are `data`.

    `fit` are the images that activations are stored of.
    """
    stored = config["activations"]["fit_samples"]
    train = data.train - config["data"]["fit_samples"]
    train = min(train, config["data"]["train_samples"] or train)
    fit = config["data"]["fit_samples"] or train
    fit = min(fit, stored or fit)
    return Study(config, Split(train, fit, data.test, data.size, data.channels, data.classes))


def pairs(config: Mapping[str, Any], a: str, b: str) -> int:
    """The unordered pairs of models of a block."""
    own, other = (len(seeds(config, name)) for name in (a, b))
    return own * (own - 1) // 2 if a == b else own * other


def searches(config: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Balls and gradient steps of every attack of the config."""
    settings = _attacks(config)
    return [
        (sum(map(len, each["epsilons"].values())), each["steps"] * each["restarts"])
        for each in settings
    ]


def ends(config: Mapping[str, Any]) -> int:
    """Passes of an image by which adaptive searches see where their last steps end."""
    return sum(
        each["restarts"] * sum(map(len, each["epsilons"].values()))
        for each in _attacks(config)
        if each["schedule"] == "adaptive"
    )


def _attacks(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The settings of every attack of the config, PGD first; none where no attack is asked for."""
    attack = config["attack"]
    if attack is None:
        return []
    return [{**attack, **changes} for changes in ({}, *attack["variants"].values())]


def conditions(config: Mapping[str, Any]) -> int:
    """Attacks and balls, the noise in every ball that is attacked among them."""
    balls = {
        (norm, parse_epsilon(value)[1])
        for each in _attacks(config)
        for norm, values in each["epsilons"].items()
        for value in values
    }
    return len(balls) + sum(number for number, _ in searches(config))


def training(study: Study, architecture: str) -> Passes:
    """What one model is trained by, and its accuracy measured by."""
    settings, images = training_settings(study.config, architecture), study.images
    batch = min(settings["batch_size"], images.train)
    seen = settings["epochs"] * (images.train // batch) * batch
    gradients = seen * settings["adversarial"]["steps"] if settings["adversarial"] else 0
    return Passes(seen, gradients, images.train + images.test)


def importing(study: Study) -> Passes:
    """What one existing network is checked by, and its accuracy measured by."""
    return Passes(0, CHECKED, study.images.test + 4 * CHECKED)


def activations(study: Study) -> Passes:
    """What one model's activations are, after its training and before it, as it was and with batch norm set."""
    images = study.images
    return Passes(0, 0, 4 * images.fit + 3 * images.test)


def attacks(study: Study) -> Passes:
    """What one model is attacked by, but for the larger balls that few images resist."""
    n = study.config["attack"]["samples"]
    gradients = sum(balls * steps for balls, steps in searches(study.config))
    return Passes(0, n * gradients, n * (1 + conditions(study.config) + ends(study.config)))


def features(study: Study) -> Passes:
    """What one model's gradients and inversions are."""
    n, steps = study.config["features"]["samples"], study.config["features"]["steps"]
    return Passes(0, n * (1 + STARTS * steps), n * (1 + STARTS))


def evaluation(study: Study) -> Passes:
    """What one target is shown of one source: adversarial images and inversions."""
    attacked, inverted = (samples(study.config, name) for name in ("attack", "features"))
    return Passes(0, 0, attacked * (1 + conditions(study.config)) + STARTS * inverted)


def nonrobust(study: Study) -> Passes:
    """What the training images of one source's non-robust features are made by."""
    images = study.images.train
    return Passes(0, images * nonrobust_settings(study.config)["nonrobust"]["steps"], 2 * images)
