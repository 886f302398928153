"""Rates of adversarial transfer, each over a denominator with a name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from repcompare.registry import known
from repcompare.vocabulary import DENOMINATORS


@dataclass(frozen=True)
class PairAnswers:
    """What source and target say about the same n images, clean and perturbed.

    Predictions int64 (n,), `target_margin_*` float (n,), `all_correct` bool (n,).
    """

    labels: np.ndarray
    all_correct: np.ndarray
    source_clean: np.ndarray
    source_perturbed: np.ndarray
    target_clean: np.ndarray
    target_perturbed: np.ndarray
    target_margin_clean: np.ndarray
    target_margin_perturbed: np.ndarray

    @property
    def target_correct(self) -> np.ndarray:
        """Which images the target classifies correctly, bool (n,)."""
        return self.target_clean == self.labels

    @property
    def both_correct(self) -> np.ndarray:
        """Which images source and target both classify correctly, bool (n,)."""
        return (self.source_clean == self.labels) & self.target_correct


# Which images each of `vocabulary.DENOMINATORS` counts, bool (n,).
COUNTED: dict[str, Callable[[PairAnswers], np.ndarray]] = {
    "both_correct": lambda pair: pair.both_correct,
    "target_correct": lambda pair: pair.target_correct,
    "source_fooled": lambda pair: pair.both_correct & (pair.source_perturbed != pair.labels),
    "all_correct": lambda pair: pair.all_correct,
}


def rates(answers: PairAnswers, denominator: str) -> dict:
    """The outcome of the perturbation on the target, over the images of `denominator`.

    Returns:
        `n`, and as fractions of n: `fooled` = `same_mistake` (as the source makes on that image)
        + `other_mistake`; and `margin_drop`, the mean fall of the target's margin. NaN with a
        reason in `note` where n is 0.
    """
    counted = known(COUNTED, denominator, "denominator")(answers)
    n = int(counted.sum())
    if n == 0:
        nothing = dict.fromkeys(("fooled", "same_mistake", "other_mistake", "margin_drop"), np.nan)
        return {"n": 0, **nothing, "note": f"there are no {DENOMINATORS[denominator]}"}
    fooled = counted & (answers.target_perturbed != answers.labels)
    same = fooled & (answers.target_perturbed == answers.source_perturbed)
    drop = (answers.target_margin_clean - answers.target_margin_perturbed)[counted]
    return {
        "n": n,
        "fooled": fooled.sum() / n,
        "same_mistake": same.sum() / n,
        "other_mistake": (fooled.sum() - same.sum()) / n,
        "margin_drop": float(drop.mean()),
        "note": "",
    }


def empirical_logit(count: np.ndarray, n: np.ndarray) -> np.ndarray:
    """log((k + ½) / (n − k + ½)) of k of n, finite at 0 and n (Cox 1970)."""
    return np.log((count + 0.5) / (n - count + 0.5))
