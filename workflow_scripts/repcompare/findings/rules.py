"""The rule of each finding's verdict in words, and the numbers in it, fixed before any is seen."""

from typing import NamedTuple

from repcompare.statistics.permutations import FEWEST_DISTINCT, LEVEL
from repcompare.vocabulary import VERDICTS

SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_ASKED = VERDICTS

# Two representations count as linearly related if a map explains more than this of the variance.
MOST_OF_THE_VARIANCE = 0.5

# An architecture is judged by its similarity to itself if it has so many.
FEWEST_SEEDS = 3

# Two architectures are compared in the width-matched version if neither is wider by more than this.
WIDTH_RATIO = 1.5

# Δ up to this many standard deviations of the pairs of different architectures is no difference to
# speak of: half of one, a medium effect in Cohen 1988.
NEGLIGIBLE = 0.5


class Rule(NamedTuple):
    """A finding's claim, the rule of its verdict in words, and the figure that shows it.

    `needs` are the sections of the config without which it is not asked.
    """

    claim: str
    rule: str
    figure: str
    needs: tuple[str, ...]


RULES = {
    "linear": Rule(
        "Networks of different architecture have hidden representations related by linear maps.",
        f"Supported if, for least-squares maps between architectures on the test images, the 95 % "
        f"interval of the mean R² lies above {MOST_OF_THE_VARIANCE:g}, and the intervals of its "
        "difference from its floor (what is fitted to unrelated samples) and of the differences "
        "of R² and of recovered accuracy from the maps out of the untrained network and out of "
        "the pixels, onto the same target, all lie above 0. Contradicted if one of them lies "
        "below. Intervals resample architectures, with Student's t, and add the error over the "
        "images; p is the largest of all these comparisons. Needs three architectures.",
        "maps_by_family",
        ("maps",),
    ),
    "retraining": Rule(
        "Retraining an architecture from another initialisation does not generally give a more "
        "similar geometry than another architecture does.",
        "Δ is the mean similarity (debiased CKA) of the pairs of an architecture less that of its "
        "pairs with others. An architecture is more similar to itself if Δ > 0 with p ≤ "
        f"{LEVEL:g} and its interval does not end below {NEGLIGIBLE:g} standard deviations of the "
        "pairs of different architectures, which counts as negligible. Contradicted if more than "
        "half of the architectures are, or if the interval of the mean Δ of the rest lies above "
        "what is negligible; supported if it ends below. p and intervals of the architectures "
        "hold for all together (step-down max-T over permuted architecture labels). Needs two "
        f"architectures with {FEWEST_SEEDS} seeds and {FEWEST_DISTINCT} ways to label the models. "
        "The effect shown is the mean Δ over all architectures.",
        "same_and_cross_architecture",
        ("geometry",),
    ),
    "exception": Rule(
        "Some architecture learns a consistently similar geometry from every initialisation.",
        f"Supported if an architecture with at least {FEWEST_SEEDS} seeds has Δ > 0 with p ≤ "
        f"{LEVEL:g} (max-T over architectures, permuted labels) by debiased CKA, and also by CKA "
        "within classes, adjusted for accuracies, against architectures of its width alone "
        f"(within a factor {WIDTH_RATIO:g}; not asked where there is none), and with what each "
        "model brings to all of its pairs removed. Contradicted if the intervals of all "
        f"architectures end below {NEGLIGIBLE:g} standard deviations of the pairs of different "
        "architectures. The effect shown is the largest Δ of an architecture that qualifies, else "
        "of any.",
        "same_and_cross_architecture",
        ("geometry",),
    ),
    "transfer": Rule(
        "Pairs with more similar geometry show higher adversarial transfer.",
        "β is the slope of the logit of transfer on debiased CKA, in logits per unit, given an "
        "effect of every source, of every target and of sharing an architecture. Supported if p ≤ "
        f"{LEVEL:g} and the 95 % interval of β lies above 0, contradicted if it lies below. p is "
        "MRQAP's (pivotal t) over permutations of whole architectures with equally many seeds; the "
        "interval resamples architectures and images, with Student's t, and so allows β to differ "
        f"between architectures. Needs {FEWEST_DISTINCT} distinct permutations: four "
        "architectures. The other rows permute seeds within architectures, take pairs of "
        "different architectures alone, and adjust for accuracy and width.",
        "geometry_against_transfer",
        ("geometry", "attack"),
    ),
}
