"""The attacked models' own tables: success, the path of each search, and ever larger balls."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd


def attacks_table(adversarial: Sequence[str | Path]) -> pd.DataFrame:
    """One row a model, attack and ball: what the stored images do to the model itself."""
    rows = []
    for names, file in _models(adversarial):
        clean = file["clean"][:].astype(np.int32)
        correct = file["clean_prediction"][:] == file["labels"][:]
        for group in file["attacks"].values():
            change = (group["images"][:].astype(np.int32) - clean) / 255
            change = np.abs(change.reshape(len(change), -1))
            success = group["success"][:]
            rows.append(
                {
                    **names,
                    **condition(group),
                    "steps": int(group.attrs.get("search_steps", 0)),
                    "target": group.attrs.get("search_target", "none"),
                    "n": int(correct.sum()),
                    "success_rate": success[correct].mean() if correct.any() else np.nan,
                    "mean_loss": float(group["loss"][:].mean(dtype=np.float64)),
                    "max_linf": change.max(),
                    "max_l2": np.sqrt((change**2).sum(axis=1).max()),
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
        for group in file["attacks"].values():
            if "objective" in group:
                objective = group["objective"][:].mean(0, dtype=np.float64)
                blind = group["zero_gradient"][:].mean(0)
                rows += [
                    {**names, **condition(group), "step": step}
                    | {"objective": objective[step], "zero_gradients": blind[step]}
                    for step in range(len(objective))
                ]
    return pd.DataFrame(rows)


def growth_table(adversarial: Sequence[str | Path]) -> pd.DataFrame:
    """One row a model, norm and ε: the share of its images fooled there or at a smaller ε.

    Of the images that the model classifies correctly; a model without one has no row.
    """
    columns = ["model", "architecture", "norm", "epsilon", "success_rate"]
    rows = [
        {**names, "norm": norm, "epsilon": epsilon, "success_rate": rate}
        for names, file in _models(adversarial)
        for norm, group in file.get("growth", {}).items()
        for epsilon, rate in zip(group["epsilon"][:], group["success_rate"][:], strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)


def condition(group: h5py.Group) -> dict:
    """What a group of an adversarial file was made under."""
    return {
        "attack": group.attrs["attack"],
        "norm": group.attrs["norm"],
        "epsilon": float(group.attrs["epsilon"]),
        "epsilon_label": group.attrs["epsilon_label"],
    }


def _models(adversarial: Sequence[str | Path]) -> Iterator[tuple[dict, h5py.File]]:
    for path in adversarial:
        with h5py.File(path) as file:
            name = file.attrs["model"]
            yield {"model": name, "architecture": name.split("/")[0]}, file
