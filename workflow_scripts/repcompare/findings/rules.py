"""The rule of each finding's verdict in words, and the numbers in it, fixed before any is seen."""

from typing import NamedTuple

from repcompare.statistics.permutations import LEVEL
from repcompare.vocabulary import VERDICTS

SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_ASKED = VERDICTS

# Two representations count as linearly related if a map explains more than this of the variance.
MOST_OF_THE_VARIANCE = 0.5

# An architecture is judged by its similarity to itself if it has so many.
FEWEST_SEEDS = 3

# Two architectures are compared in the width-matched version if neither is wider by more than this.
WIDTH_RATIO = 1.5

# An excess up to this share of what pairs of different architectures leave to a similarity of 1 is no
# difference to speak of.
MARGIN = 0.1


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
        "differences from its floor (what is fitted to unrelated samples) and from what the labels alone "
        "would give, and of those of R² and of recovered accuracy from the maps out of the untrained "
        "network (as initialised, and with its batch norm set on the fit images) and out of the "
        "pixels, onto the same target, all lie above 0. Contradicted if that of R² or of its "
        "difference from the floor lies below; where labels or a control reach more, the maps tell nothing. "
        "Intervals leave out one architecture after the other (jackknife, Student's t), that of R² "
        "on the scale of log(1 − R²), and add the error over the images; p is the largest of "
        "all these comparisons. Needs three architectures.",
        "maps_by_family",
        ("maps",),
    ),
    "retraining": Rule(
        "Retraining an architecture from another initialisation does not generally give a more "
        "similar geometry than another architecture does.",
        "δ of an architecture is how much more similar (debiased CKA) its own pairs are than what "
        "each of the two models brings to all of its pairs. The margin is a tenth of what pairs of "
        "different architectures leave to a similarity of 1. Supported if the 95 % interval of the "
        "mean δ ends below the margin, contradicted if it begins above it. The interval leaves out "
        "one architecture after the other (jackknife, Student's t), so it is of architectures in "
        "general; one that stands out as an exception is not averaged. p is of the hypothesis that "
        "the mean is the margin. Needs four architectures, three of them with two seeds.",
        "same_and_cross_architecture",
        ("geometry",),
    ),
    "exception": Rule(
        "Some architecture learns a consistently similar geometry from every initialisation.",
        f"Supported if the δ of an architecture with at least {FEWEST_SEEDS} seeds (how much more "
        "similar its own pairs are than what each model brings to all of its pairs) stands out "
        f"among those of the others with p ≤ {LEVEL:g} (Student's t of a further value, Bonferroni "
        "over architectures), by debiased CKA, by CKA within classes where that was measured, and "
        "adjusted for accuracies; and if its own pairs are more similar than the others' own. "
        "Contradicted if no architecture can exceed the others by more than the margin of "
        "finding 2. Where all are alike in how similar they are to themselves, none is an "
        "exception. Needs four architectures with two seeds. The effect shown is δ less the mean of "
        "the others', with simultaneous 95 % bounds.",
        "same_and_cross_architecture",
        ("geometry",),
    ),
    "transfer": Rule(
        "Pairs with more similar geometry show higher adversarial transfer.",
        "β is the slope of the logit of transfer on debiased CKA, in logits per unit, given an "
        "effect of every source, of every target, of sharing an architecture and of sharing a "
        "family, and Tukey's terms of non-additivity, and divided by the reliability of the "
        "similarity. Supported if its 95 % interval lies above 0, contradicted if it lies below. The "
        "interval leaves out one architecture after the other (dyadic jackknife, Student's t), so "
        "it is of architectures in general, between which β may differ; p is of β being 0. Needs "
        "three architectures. The other rows leave terms out, adjust for accuracy and width, permute "
        "whole architectures and seeds, and take pairs of one kind alone.",
        "geometry_against_transfer",
        ("geometry", "attack"),
    ),
}
