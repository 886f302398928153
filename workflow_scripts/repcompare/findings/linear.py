"""Finding 1 tested: maps between architectures against ½, their floor, and maps from controls."""

import numpy as np
import pandas as pd

from repcompare.findings.model_matrices import Models, standard_errors
from repcompare.findings.rows import Row
from repcompare.findings.rules import MOST_OF_THE_VARIANCE
from repcompare.names import UNTRAINED
from repcompare.statistics.over_architectures import jackknifed, pair_means
from repcompare.vocabulary import CONTROLS, Need

SCORES = {"r2": "r2_test", "recovered_accuracy": "recovered_accuracy"}


def linear_rows(models: Models, maps: pd.DataFrame, controls: pd.DataFrame) -> list[Row]:
    """For every family of maps.csv: mean scores across architectures and what they exceed.

    Versions: `r2` (its p is of the hypothesis that it is `MOST_OF_THE_VARIANCE`) and
    `recovered_accuracy` (0 is what is reached without the source); `r2_above_floor`, against what
    least squares fits to unrelated samples; `r2_above_classes`, against what the labels alone tell
    it; `…_above_{control}`, against what a map from each control reaches on the same target.
    Intervals and p by leaving out each architecture (`statistics.over_architectures`), widened by
    the jackknife's error over the images, as if that of all pairs were one.
    """
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
                references["r2_above_classes"] = models.matrix(table, "r2_class_floor")
            for control, reached in control_scores(own, column).items():
                references[f"{name}_above_{control}"] = reached.reindex(models.names).to_numpy()
            for version, reference in references.items():
                difference = score - reference
                used = ~models.same & np.isfinite(difference)
                rows.append(
                    mean_row(
                        Row("linear", version, family),
                        models,
                        difference,
                        used,
                        float(error[used].mean()) if used.any() else 0.0,
                        compared.get(version, 0.0),
                    )
                )
    return rows


def control_scores(controls: pd.DataFrame, column: str) -> dict[str, pd.Series]:
    """What one family's map from each control reaches, by model.

    A network without batch norm is the same with its statistics set, and is stored once.
    """
    found = {
        control: controls[controls["control"] == control].set_index("model")[column]
        for control in CONTROLS
    }
    as_initialised, settled = UNTRAINED
    if found[settled].empty:
        del found[settled]
    else:
        found[settled] = found[settled].combine_first(found[as_initialised])
    return found


def mean_row(
    row: Row,
    models: Models,
    values: np.ndarray,
    used: np.ndarray,
    image_error: float,
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
    mean, left = pair_means(values, used, models.architecture)
    if row.version == "r2":
        low, high, p = of_unexplained(mean, left, image_error, hypothesis)
    else:
        found = jackknifed(mean, left, image_error)
        low, high, p = found.low, found.high, found.p_of(hypothesis)
    if np.isnan(low):
        row = row.lacking(Need.INTERVAL)
    error = jackknifed(mean, left, image_error).error
    row = row._replace(effect=mean, low=low, high=high, error=error, p=p, resamples=len(left))
    return row.noted("no interval or p" if np.isnan(p) else "")


def of_unexplained(
    r2: float, left: np.ndarray, image_error: float, hypothesis: float
) -> tuple[float, float, float]:
    """The interval of a mean R² and its p, on the scale of log(1 − R²).

    The interval ends below 1, and covers where R² is near it. NaN of an R² of 1.
    """
    if r2 == 1:
        return np.nan, np.nan, np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        found = jackknifed(np.log1p(-r2), np.log1p(-left), image_error / (1 - r2))
    low, high = -np.expm1([found.high, found.low])
    return float(low), float(high), found.p_of(np.log1p(-hypothesis))
