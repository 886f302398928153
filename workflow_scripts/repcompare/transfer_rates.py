"""Rates of adversarial transfer, each over a denominator with a name."""

from dataclasses import dataclass

import numpy as np

PRIMARY = "both_correct"
DENOMINATORS = {
    "both_correct": "images that source and target both classify correctly",
    "target_correct": "images that the target classifies correctly",
    "source_fooled": "images that both classify correctly and on which the source is fooled",
    "all_correct": "images that every model of the study classifies correctly",
}


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

    def counted(self, denominator: str) -> np.ndarray:
        """Which images a denominator counts, bool (n,)."""
        source = self.source_clean == self.labels
        target = self.target_clean == self.labels
        if denominator == "both_correct":
            return source & target
        if denominator == "target_correct":
            return target
        if denominator == "source_fooled":
            return source & target & (self.source_perturbed != self.labels)
        if denominator == "all_correct":
            return self.all_correct
        raise ValueError(f"{denominator!r} is not one of {', '.join(DENOMINATORS)}")


def rates(answers: PairAnswers, denominator: str) -> dict:
    """The outcome of the perturbation on the target, over the images of `denominator`.

    Returns:
        `n`, and as fractions of n: `fooled` = `same_mistake` (as the source makes on that image)
        + `other_mistake`; and `margin_drop`, the mean fall of the target's margin. NaN with a
        reason in `note` where n is 0.
    """
    counted = answers.counted(denominator)
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
