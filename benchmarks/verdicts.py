"""How often findings 2 and 3 are judged rightly and wrongly, in simulated studies of known truth.

Similarities vary as debiased CKA does in a finished study of the digits: see
`tests/unit/support/simulated_studies.py`.
"""

import sys
from pathlib import Path

import numpy as np
from timing import print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from unit.support.simulated_studies import similarity_study, simulated_models

from repcompare.findings.retraining import excess_rows, margin
from repcompare.findings.verdicts import geometry_verdicts

STUDIES = 1000
MEASURE = "cka_debiased"
DESIGNS = {
    "5x3": [3] * 5,
    "6x4": [4] * 6,
    "10x3": [3] * 10,
    "5x2": [2] * 5,
    "6,4,3,2,2,1": [6, 4, 3, 2, 2, 1],
}
# Which excess the architectures have, all the same or `one` that has so much and the others none.
WORLDS = {
    "excess 0": {},
    "excess 0.01": {"excess": 0.01},
    "excess 0.02": {"excess": 0.02},
    "excess 0.03": {"excess": 0.03},
    "excess 0.05": {"excess": 0.05},
    "excess 0.08": {"excess": 0.08},
    "block noise 0.01": {"blocks": 0.01},
    "block noise 0.02": {"blocks": 0.02},
    "block noise 0.01, excess 0.03": {"blocks": 0.01, "excess": 0.03},
    "a family": {"family": 0.03},
    "one 0.06": {"one": 0.06},
    "one 0.09": {"one": 0.09},
    "one 0.09, block noise 0.005": {"one": 0.09, "blocks": 0.005},
}


def row(design: str, world: str) -> list[str]:
    """The shares of studies with each verdict, and of intervals that hold the mean excess."""
    seeds, settings = DESIGNS[design], dict(WORLDS[world])
    excess = np.full(len(seeds), settings.pop("excess", 0.0))
    if one := settings.pop("one", 0.0):
        excess[0] = one
    rng = np.random.default_rng(0)
    supported, contradicted, covered, named, right = [], [], [], [], []
    for _ in range(STUDIES):
        study = similarity_study(rng, seeds, excess=excess, **settings)
        models = simulated_models(study, rng)
        mean, each = excess_rows(models, study.x, MEASURE)
        (two, *_), (three, *_) = geometry_verdicts([mean], each, {MEASURE: margin(models, study.x)})
        supported.append(two.verdict == "supported")
        contradicted.append(two.verdict == "contradicted")
        truth = excess[1:].mean() if "without a0" in two.note else excess.mean()
        covered.append(two.low <= truth <= two.high)
        named.append(three.verdict == "supported")
        right.append(three.verdict == "supported" and three.architecture == "a0")
    shares = supported, contradicted, covered, named, right
    return [design, world, *(f"{np.mean(share):.3f}" for share in shares)]


def main() -> None:
    """Print the table."""
    print_table(
        f"Findings 2 and 3, shares of {STUDIES} simulated studies; margin 0.017",
        [
            "design",
            "truth",
            "2 supported",
            "2 contradicted",
            "covered",
            "3 supported",
            "first named",
        ],
        [row(design, world) for design in DESIGNS for world in WORLDS],
    )


if __name__ == "__main__":
    main()
