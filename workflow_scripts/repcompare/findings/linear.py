"""Finding 1 tested: maps between architectures against ½, their floor, and maps from controls."""

import numpy as np
import pandas as pd

from repcompare.findings.model_matrices import Models, standard_errors
from repcompare.findings.rows import Resampling, Row
from repcompare.findings.rules import MOST_OF_THE_VARIANCE
from repcompare.statistics.bootstrap import crossed_means, interval, model_weights
from repcompare.vocabulary import Need

CONTROLS = ("untrained", "pixels")
SCORES = {"r2": "r2_test", "recovered_accuracy": "recovered_accuracy"}


def linear_rows(
    models: Models, maps: pd.DataFrame, controls: pd.DataFrame, resampling: Resampling
) -> list[Row]:
    """For every family of maps.csv: mean scores across architectures and what they exceed.

    Versions: `r2` (its p is of the hypothesis that it is `MOST_OF_THE_VARIANCE`) and
    `recovered_accuracy` (0 is what is reached without the source); `r2_above_floor`, against what
    least squares fits to unrelated samples; `…_above_untrained` and `…_above_pixels`, against what
    a map from the control reaches on the same target. Intervals and p by resampling architectures
    (`statistics.bootstrap`), widened by the jackknife's error over the images, as if that of all
    pairs were one.
    """
    weights = model_weights(models.architecture, resampling.bootstraps, resampling.generator(0))
    images = resampling.generator(1).standard_normal(resampling.bootstraps)
    rows = []
    for family in maps["family"].unique():
        table = maps[maps["family"] == family]
        own = controls[controls["family"] == family]
        for name, column in SCORES.items():
            score = models.matrix(table, column)
            errors = standard_errors(table, f"{column}_low", f"{column}_high")
            error = models.matrix(table.assign(error=errors), "error")
            compared = {name: MOST_OF_THE_VARIANCE if name == "r2" else 0.0}
            references = {name: np.zeros(len(models))}
            if name == "r2":
                references["r2_above_floor"] = models.matrix(table, "r2_floor")
            for control in CONTROLS:
                reached = own[own["control"] == control].set_index("model")[column]
                references[f"{name}_above_{control}"] = reached.reindex(models.names).to_numpy()
            for version, reference in references.items():
                difference = score - reference
                used = ~models.same & np.isfinite(difference)
                rows.append(
                    mean_row(
                        Row("linear", version, family),
                        models,
                        np.where(used, difference, 0.0),
                        used,
                        weights,
                        images * (error[used].mean() if used.any() else 0.0),
                        compared.get(version, 0.0),
                    )._replace(resamples=resampling.bootstraps, seed=resampling.seed)
                )
    return rows


def mean_row(
    row: Row,
    models: Models,
    values: np.ndarray,
    used: np.ndarray,
    weights: np.ndarray,
    image_errors: np.ndarray,
    hypothesis: float,
) -> Row:
    """The mean of `values` (M, M) over the pairs `used`, with its interval and p."""
    count = int(used.sum())
    row = row._replace(n_pairs=count, n_models=int((used.any(0) | used.any(1)).sum()))
    missing = int((~models.same).sum()) - count
    row = row.noted(f"{missing} ordered pairs have no value" if missing else "")
    architectures = len(models.architectures)
    if architectures < 3:
        row = row.lacking(Need.ARCHITECTURES, f"needs 3 architectures, there are {architectures}")
    if not count:
        return row.lacking(Need.VALUE)
    mean = float(values[used].mean())
    centred = crossed_means(values - hypothesis, used, architectures, weights)
    replicates = centred + image_errors
    found = interval(mean - hypothesis, replicates, architectures)
    if np.isnan(found.low):
        row = row.lacking(Need.INTERVAL)
    return row._replace(
        effect=mean, low=found.low + hypothesis, high=found.high + hypothesis, p=found.p
    ).noted("no interval or p" if np.isnan(found.p) else "")
