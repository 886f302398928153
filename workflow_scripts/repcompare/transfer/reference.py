"""The strength of the attack at which transfer is read."""

from typing import NamedTuple

import pandas as pd

from repcompare.vocabulary import PRIMARY

# What verdicts and figures take of the longest table; of the others they read everything.
READ = {
    "transfer": (
        *("source", "target", "source_architecture", "target_architecture"),
        *("attack", "norm", "epsilon", "epsilon_label", "denominator", "n", "fooled"),
    )
}


class Strength(NamedTuple):
    """One strength of the attack: the norm of the bound and the bound, in [0, 1] pixel units."""

    norm: str
    epsilon: float
    epsilon_label: str


def reference_attack(transfer: pd.DataFrame) -> Strength | None:
    """The strength at which transfer is read: mean PGD transfer nearest 50 %.

    Near 0 and 100 % every pair looks alike, and a correlation with anything vanishes. Linf where
    it was attacked, else the first norm of transfer.csv; of equals, the smaller ε. None without
    a pair.
    """
    table = transfer[
        (transfer["attack"] == "pgd")
        & (transfer["denominator"] == PRIMARY)
        & (transfer["source"] != transfer["target"])
    ].dropna(subset="fooled")
    if table.empty:
        return None
    norm = "linf" if (table["norm"] == "linf").any() else table["norm"].iloc[0]
    means = table[table["norm"] == norm].groupby(["epsilon", "epsilon_label"])["fooled"].mean()
    epsilon, label = (means - 0.5).abs().idxmin()
    return Strength(str(norm), float(epsilon), str(label))


def rates_at(transfer: pd.DataFrame, attack: Strength, denominator: str = PRIMARY) -> pd.DataFrame:
    """The rows of transfer.csv of PGD at one strength, pairs of two different models only."""
    return transfer[
        (transfer["attack"] == "pgd")
        & (transfer["norm"] == attack.norm)
        & (transfer["epsilon_label"].astype(str) == attack.epsilon_label)
        & (transfer["denominator"] == denominator)
        & (transfer["source"] != transfer["target"])
    ]
