"""The attacked models' own tables: success, the path of each search, and ever larger balls."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from repcompare.attacks.adversarial_file import AdversarialImages
from repcompare.tables.schema import TABLES
from repcompare.vocabulary import architecture_of


def attacks_table(adversarial: Sequence[str | Path]) -> pd.DataFrame:
    """One row a model, attack and ball: what the stored images do to the model itself."""
    rows = []
    for names, file in _models(adversarial):
        correct = file.correct
        for attack in file.attacks.values():
            success = attack.success
            rows.append(
                {
                    **names,
                    **attack.condition._asdict(),
                    "steps": int(attack.setting("steps", 0)),
                    "target": attack.setting("target", "none"),
                    "n": int(correct.sum()),
                    "success_rate": success[correct].mean() if correct.any() else np.nan,
                    "mean_loss": float(attack.loss[correct].mean(dtype=np.float64))
                    if correct.any()
                    else np.nan,
                    "max_linf": attack.linf.max(),
                    "max_l2": attack.l2.max(),
                    "note": "" if correct.any() else "no image is classified correctly",
                }
            )
    return pd.DataFrame(rows)


def steps_table(adversarial: Sequence[str | Path]) -> pd.DataFrame:
    """One row a model, attack, ball and step: the mean objective that the step meets, and blindness.

    `zero_gradients` is the share of images of which no pixel has a gradient.
    """
    rows = []
    for names, file in _models(adversarial):
        for attack in file.attacks.values():
            path = attack.objective
            if path is not None:
                objective = path.mean(0, dtype=np.float64)
                blind = attack.zero_gradient.mean(0)
                rows += [
                    {**names, **attack.condition._asdict(), "step": step}
                    | {"objective": objective[step], "zero_gradients": blind[step]}
                    for step in range(len(objective))
                ]
    return pd.DataFrame(rows)


def growth_table(adversarial: Sequence[str | Path]) -> pd.DataFrame:
    """One row a model, norm and ε: the share of its images fooled there or at a smaller ε.

    Of the images that the model classifies correctly; a model without one has no row.
    """
    rows = [
        {**names, "norm": norm, "epsilon": epsilon, "success_rate": rate}
        for names, file in _models(adversarial)
        for norm, curve in file.growth.items()
        for epsilon, rate in zip(*curve, strict=True)
    ]
    return pd.DataFrame(rows, columns=TABLES["attack_growth"].names)


def _models(adversarial: Sequence[str | Path]) -> Iterator[tuple[dict, AdversarialImages]]:
    for path in adversarial:
        with AdversarialImages(path) as file:
            yield {"model": file.name, "architecture": architecture_of(file.name)}, file
