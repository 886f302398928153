"""How often findings 2, 3 and 4 are judged rightly and wrongly, in simulated studies of known truth.

Similarities and transfer vary as debiased CKA and PGD do in a finished study of the digits: see
`tests/unit/support/simulated_studies.py`. `--studies N` simulates N a cell.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from timing import print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from unit.support.simulated_studies import attacked_study, similarity_study, simulated_models

from repcompare.findings.retraining import excess_rows, margin
from repcompare.findings.verdicts import geometry_verdicts
from repcompare.statistics.dyadic import dyadic_slopes

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

# The same for finding 4: what β is, in logits per unit of similarity, of which a standard deviation is
# 0.04; how much it differs between architectures; and what else might look like it.
TRANSFER_DESIGNS = {"4x3": [3] * 4} | DESIGNS | {"8x1": [1] * 8}
TRANSFER_WORLDS = {
    "β 0": {},
    "β 0, differs by 5": {"slopes": 5.0},
    "β 0, a family": {"family": 1.0},
    "β 0, a ceiling": {"ceiling": 1.0},
    "β 0, a floor": {"floor": 2.5},
    "β 2.5, differs by 1.25": {"beta": 2.5, "slopes": 1.25},
    "β 5, differs by 2.5": {"beta": 5.0, "slopes": 2.5},
    "β 5": {"beta": 5.0},
    "β 10, differs by 5": {"beta": 10.0, "slopes": 5.0},
}


def row(design: str, world: str, studies: int) -> list[str]:
    """The shares of studies with each verdict, and of intervals that hold the mean excess."""
    seeds, settings = DESIGNS[design], dict(WORLDS[world])
    excess = np.full(len(seeds), settings.pop("excess", 0.0))
    if one := settings.pop("one", 0.0):
        excess[0] = one
    rng = np.random.default_rng(0)
    supported, contradicted, covered, named, right = [], [], [], [], []
    for _ in range(studies):
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


def transfer_row(design: str, world: str, studies: int) -> list[str]:
    """The shares of studies with each verdict on finding 4, and of intervals that hold β."""
    settings = TRANSFER_WORLDS[world]
    rng = np.random.default_rng(0)
    found = []
    for _ in range(studies):
        study = attacked_study(rng, TRANSFER_DESIGNS[design], **settings)
        same = study.architecture[:, None] == study.architecture
        related = (study.family[:, None] == study.family) & ~same
        ((slope,),) = dyadic_slopes(
            [study.x], [study.y], [study.error], study.architecture, 2 * same + related
        )
        beta, mean = settings.get("beta", 0.0), slope.corrected
        found.append((mean.low > 0, mean.high < 0, mean.low <= beta <= mean.high))
    return [design, world, *(f"{share:.3f}" for share in np.mean(found, axis=0))]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    studies = parser.parse_args().studies
    print_table(
        f"Finding 4, shares of {studies} simulated studies",
        ["design", "truth", "supported", "contradicted", "covered"],
        [
            transfer_row(design, world, studies)
            for design in TRANSFER_DESIGNS
            for world in TRANSFER_WORLDS
        ],
    )
    print_table(
        f"Findings 2 and 3, shares of {studies} simulated studies; margin 0.017",
        [
            "design",
            "truth",
            "2 supported",
            "2 contradicted",
            "covered",
            "3 supported",
            "first named",
        ],
        [row(design, world, studies) for design in DESIGNS for world in WORLDS],
    )


if __name__ == "__main__":
    main()
