"""Are the attacks sound? Numbers in which masked gradients and weak searches show."""

import numpy as np
import pandas as pd


def attack_checks(attacks: pd.DataFrame, steps: pd.DataFrame) -> pd.DataFrame:
    """The checks of one attack × norm × ε of attacks.csv a row, over the models.

    `models`, `success_mean`, `success_min`, `noise_mean`, `noise_max` of random noise of the same
    norm, `largest` perturbation stored (in the norm of the attack), `grows`: in how many models
    success is no lower than at the next smaller ε (NaN at the smallest); of attack_steps.csv
    `climbs`: in how many the objective is higher before the last step than before the first (NaN
    with one step), and `zero_gradients`: the share of images and steps without a gradient.
    """
    noise = attacks[attacks["attack"] == "noise"]
    rows = []
    keys = ["attack", "norm"]
    for (attack, norm), sweep in attacks.drop(noise.index).groupby(keys, sort=False):
        before = None
        for (epsilon, label), at in sweep.groupby(["epsilon", "epsilon_label"]):
            success = at.set_index("model")["success_rate"]
            control = noise[(noise["norm"] == norm) & (noise["epsilon"] == epsilon)]
            path = steps[
                (steps["attack"] == attack)
                & (steps["norm"] == norm)
                & (steps["epsilon"] == epsilon)
            ]
            rows.append(
                {
                    "attack": attack,
                    "norm": norm,
                    "epsilon": epsilon,
                    "epsilon_label": label,
                    "models": len(success),
                    "success_mean": success.mean(),
                    "success_min": success.min(),
                    "noise_mean": control["success_rate"].mean(),
                    "noise_max": control["success_rate"].max(),
                    "largest": at[f"max_{norm}"].max(),
                    "grows": np.nan if before is None else grown(before, success),
                    "climbs": climbed(path),
                    "zero_gradients": path["zero_gradients"].mean(),
                }
            )
            before = success
    return pd.DataFrame(rows)


def resisting(growth: pd.DataFrame) -> pd.DataFrame:
    """How far `pgd` gets in balls that grow: one row a norm of attack_growth.csv, over the models.

    The `largest` ε that was tried, in how many models no image resists there (`reached`), and the
    lowest success of any (`success_min`).
    """
    last = growth.sort_values("epsilon").groupby(["norm", "model"], sort=False).tail(1)
    return (
        last.groupby("norm", sort=False)
        .agg(
            models=("model", "size"),
            largest=("epsilon", "max"),
            reached=("success_rate", lambda rates: int((rates == 1).sum())),
            success_min=("success_rate", "min"),
        )
        .reset_index()
    )


def climbed(steps: pd.DataFrame) -> float:
    """In how many models the objective is higher before the last step than before the first."""
    by_step = steps.pivot(index="model", columns="step", values="objective")
    if by_step.shape[1] < 2:
        return np.nan
    return float((by_step.iloc[:, -1] > by_step.iloc[:, 0]).sum())


def grown(before: pd.Series, after: pd.Series) -> int:
    """In how many models, both indexed by model, success is no lower after than before."""
    return int((after >= before.reindex(after.index)).sum())
