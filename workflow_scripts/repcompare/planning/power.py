"""Which verdicts a design of architectures and seeds can reach, and how often it finds what is there.

The shares are of simulated studies, by the rules that judge: `benchmarks/verdicts.py` prints them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from repcompare.findings.rules import FEWEST_SEEDS, RULES
from repcompare.statistics.mrqap import FEWEST_FREE
from repcompare.study import config as study_config


class Design(NamedTuple):
    """So many architectures with so many seeds each."""

    architectures: int
    seeds: int

    def __str__(self) -> str:
        return f"{self.architectures} × {self.seeds}"


class Effect(NamedTuple):
    """A true effect, the verdict that it should have, and the share of studies that give it."""

    truth: str
    verdict: str
    shares: Mapping[Design, float]


# What was simulated, smallest first.
SMALL, FIVE, SIX, TEN = Design(4, 3), Design(5, 3), Design(6, 4), Design(10, 3)
POWER = {
    "retraining": (
        Effect("no excess", "supported", {FIVE: 0.86, SIX: 0.995, TEN: 1.0}),
        Effect("an excess of 0.05 in CKA", "contradicted", {FIVE: 0.999, SIX: 1.0, TEN: 1.0}),
    ),
    "exception": (
        Effect("one excess of 0.06 in CKA", "supported", {FIVE: 0.62, SIX: 0.82, TEN: 0.82}),
        Effect("one excess of 0.09 in CKA", "supported", {FIVE: 0.87, SIX: 0.90, TEN: 0.91}),
    ),
    "transfer": (
        Effect("0.1 logits per SD", "supported", {SMALL: 0.15, FIVE: 0.19, SIX: 0.44, TEN: 0.87}),
        Effect("0.2 logits per SD", "supported", {SMALL: 0.29, FIVE: 0.47, SIX: 0.76, TEN: 0.97}),
        Effect("0.4 logits per SD", "supported", {SMALL: 0.45, FIVE: 0.64, SIX: 0.87, TEN: 0.99}),
    ),
}


def lines(config: Mapping[str, Any]) -> Iterator[str]:
    """What `make plan` says of the verdicts of a validated config, a line each."""
    everyone, answering = sorted(config["architectures"]), study_config.answering(config)
    for finding, rule in RULES.items():
        if missing := [need for need in rule.needs if not study_config.asked(config, need)]:
            yield f"{finding}: not asked, {' and '.join(missing)} left out"
            continue
        # A map is scored, and a network fooled, by what it answers.
        names = answering if finding in ("linear", "transfer") else everyone
        counts = [len(study_config.seeds(config, name)) for name in names]
        if lack := lacking(finding, counts):
            yield f"{finding}: can only be inconclusive, {lack}"
            continue
        yield f"{finding}: {'; '.join(found(finding, counts)) or 'can be reached'}"


def lacking(finding: str, seeds: Sequence[int]) -> str:
    """What a design lacks for a verdict on a finding; nothing if it can be reached.

    `seeds` are the numbers of models of the architectures that take part.
    """
    count, several = len(seeds), sum(number > 1 for number in seeds)
    if finding in ("linear", "transfer") and count < 3:
        return f"it needs 3 architectures, there are {count}"
    if finding == "linear":
        return ""
    if finding == "transfer":
        # Sources, targets, pairs of one architecture and Tukey's two terms leave too little.
        left = sum(seeds) - max(seeds)
        free = left * (left - 1) - (2 * left - 1) - (several > 0) - 2
        return (
            ""
            if free >= FEWEST_FREE
            else f"without an architecture {left} models are left, too few"
        )
    if count < 4:
        return f"it needs 4 architectures, there are {count}"
    if finding == "retraining":
        return "" if several >= 3 else f"it needs 3 architectures with 2 seeds, there are {several}"
    if several < 4:
        return f"it needs 4 architectures with 2 seeds, there are {several}"
    most = max(seeds)
    return (
        "" if most >= FEWEST_SEEDS else f"it needs {FEWEST_SEEDS} seeds of one, the most are {most}"
    )


def found(finding: str, seeds: Sequence[int]) -> Iterator[str]:
    """How often each effect gets its verdict, in the design simulated that is nearest."""
    for effect in POWER.get(finding, ()):
        near = nearest(seeds, effect.shares)
        share = effect.shares[near]
        yield f"{effect.verdict} in {100 * share:.0f} % of studies of {near} with {effect.truth}"


def nearest(seeds: Sequence[int], designs: Mapping[Design, float]) -> Design:
    """The design simulated that is most like one; unequal seeds count by their harmonic mean.

    Architectures count twice: they are what verdicts generalise over.
    """
    mean = len(seeds) / sum(1 / number for number in seeds)

    def distance(design: Design) -> float:
        return 2 * abs(math.log(design.architectures / len(seeds))) + abs(
            math.log(design.seeds / mean)
        )

    return min(designs, key=distance)
