"""Finding 4 tested: do pairs of more similar geometry transfer more, given source and target?"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from repcompare.findings.model_matrices import Models, alone, pair_logits, standard_errors
from repcompare.findings.rows import Resampling, Row, left_out
from repcompare.statistics.bootstrap import image_weights, interval, model_weights, weighted_slopes
from repcompare.statistics.mrqap import Fit, mantel, mrqap
from repcompare.statistics.permutations import (
    FEWEST_DISTINCT,
    chunks,
    of_architectures,
    of_models,
    of_seeds,
)
from repcompare.transfer.outcomes import ImageOutcomes
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import MEASURE, WITHIN_CLASSES, Need, preferred

# The versions that decide: one has the p, the other the interval.
PERMUTED, RESAMPLED = "architectures", "bootstrap"


def transfer_rows(
    models: Models,
    geometry: pd.DataFrame,
    transfer: pd.DataFrame,
    attack: Strength,
    outcomes: ImageOutcomes,
    resampling: Resampling,
) -> list[Row]:
    """For every measure, the slope of the logit of transfer on similarity, in logits per unit.

    Versions: `architectures` and `seeds`, under both restricted nulls (the second given a term for
    every ordered pair of architectures, so that it is of the seeds alone); `different_architectures`
    and `same_architecture`, of such pairs only; `accuracy_adjusted` and `width_adjusted`, given how
    far apart the two models are in it; `bootstrap`, the slope's interval over models and images;
    `mantel` and `spearman`, plain correlations with models permuted at will, which disregard source
    and target effects and architectures and so are no tests of the finding.

    `outcomes` are of the same strength, with the places of `models`.
    """
    y = pair_logits(models, transfer, attack)
    images = image_weights(
        outcomes.counted.shape[1], resampling.bootstraps, resampling.generator(6)
    )
    resampled = outcomes.logits(images, len(models))
    measures = list(geometry["measure"].unique())
    adjusted = {preferred(measures, MEASURE), WITHIN_CLASSES}
    rows = []
    for measure in measures:
        table = geometry[geometry["measure"] == measure]
        x = models.symmetric(table, "value")
        dropped = alone([x, y])
        kept, places = models.without(dropped), np.ix_(~dropped, ~dropped)
        if not len(kept):
            continue
        note = left_out(name for name, out in zip(models.names, dropped, strict=True) if out)
        found = slope_rows(kept, x[places], y[places], resampling, full=measure in adjusted)
        error = kept.symmetric(table.assign(error=standard_errors(table)), "error")
        drawn = resampled[:, ~dropped][:, :, ~dropped]
        found.append(bootstrap_row(found[0], kept, x[places], error, drawn, resampling))
        found += correlation_rows(kept, x[places], y[places], resampling)
        rows += [row._replace(measure=measure).noted(note) for row in found]
    return rows


def slope_rows(
    models: Models, x: np.ndarray, y: np.ndarray, resampling: Resampling, *, full: bool
) -> list[Row]:
    """The slope in every version of the regression that applies, the deciding one first."""
    same = models.same
    term = same[None].astype(float)
    count = resampling.permutations
    by_architecture, ways = of_architectures(models.architecture, count, resampling.generator(3))
    by_seed, orders = of_seeds(models.architecture, count, resampling.generator(4))

    def fitted(version: str, permutations: np.ndarray, distinct: int, **design: np.ndarray) -> Row:
        return slope_row(
            Row("transfer", version, "", seed=resampling.seed, n_models=len(models)),
            mrqap(x, y, permutations, **design),
            permutations,
            distinct,
        )

    rows = [
        fitted(PERMUTED, by_architecture, ways, terms=term),
        fitted("different_architectures", by_architecture, ways, within=~same),
    ]
    # With one seed each there is no pair to look at, and a term for every pair.
    if orders > 1:
        rows += [
            fitted("seeds", by_seed, orders, terms=block_terms(models)),
            fitted("same_architecture", by_seed, orders, within=same),
        ]
    if full:
        rows += [
            fitted(
                f"{name}_adjusted",
                by_architecture,
                ways,
                terms=np.stack([term[0], models.differences(values)]),
            )
            for name, values in (("accuracy", models.accuracy), ("width", np.log(models.width)))
        ]
    return rows


def block_terms(models: Models) -> np.ndarray:
    """Bool (A², M, M): a term for every ordered pair of architectures."""
    count = len(models.architectures)
    block = models.architecture[:, None] * count + models.architecture
    return block == np.arange(count**2)[:, None, None]


def slope_row(row: Row, fit: Fit, permutations: np.ndarray, distinct: int) -> Row:
    """A row of a fit, which cannot answer where the permutations are too few."""
    row = row._replace(
        effect=fit.slope,
        low=fit.low,
        high=fit.high,
        p=fit.p,
        n_pairs=fit.n_pairs,
        resamples=len(permutations),
    ).noted(fit.note)
    if distinct < FEWEST_DISTINCT:
        kind = "seeds" if row.version in ("seeds", "same_architecture") else "architectures"
        row = row.lacking(
            Need.PERMUTATIONS,
            f"only {distinct} distinct permutations of {kind}, {FEWEST_DISTINCT} are needed for "
            "p < 0.05",
        )
    if not np.isfinite(row.effect):
        return row.lacking(Need.VALUE)
    if not np.isfinite(row.low + row.high):
        row = row._replace(low=np.nan, high=np.nan).noted("no bounded interval")
    return row


def bootstrap_row(
    row: Row,
    models: Models,
    x: np.ndarray,
    error: np.ndarray,
    resampled: np.ndarray,
    resampling: Resampling,
) -> Row:
    """The interval of the slope of `row` by resampling models × images.

    `resampled` (B, M, M) is transfer counted again on resampled images; a similarity moves by the
    `error` (M, M) that its jackknife over the images found.
    """
    row = row._replace(version=RESAMPLED, resamples=resampling.bootstraps)
    if not np.isfinite(row.effect):
        return row
    weights = model_weights(models.architecture, resampling.bootstraps, resampling.generator(5))
    generator = resampling.generator(7)
    off = ~np.eye(len(models), dtype=bool)
    slopes = np.empty(resampling.bootstraps)
    # Normal equations of 2M effects hold as many numbers as four matrices of pairs; twice for LU.
    for part in chunks(resampling.bootstraps, 8 * x.size):
        y = resampled[part]
        draws = np.triu(generator.standard_normal(y.shape), 1)
        moved = x + error * (draws + draws.transpose(0, 2, 1))
        used = off & np.isfinite(x) & np.isfinite(y).all(axis=0)
        same = models.same.astype(float)
        slopes[part] = weighted_slopes(moved, y, used, same, weights[part])
    found = interval(row.effect, slopes, len(models.architectures))
    reason = "" if np.isfinite(found.p) else "no slope in too many resampled studies"
    # It permutes nothing, so permutations that `row` lacks are none of its own.
    return row._replace(
        low=found.low,
        high=found.high,
        p=found.p,
        lacks="" if np.isfinite(found.low) else Need.INTERVAL,
        note=reason,
    )


def correlation_rows(
    models: Models, x: np.ndarray, y: np.ndarray, resampling: Resampling
) -> list[Row]:
    """Mantel's and Spearman's correlation over all ordered pairs."""
    permutations = of_models(len(models), resampling.permutations, resampling.generator(8))
    common = np.where(np.isfinite(x) & np.isfinite(y) & ~np.eye(len(x), dtype=bool), 0.0, np.nan)
    rows = []
    for version, first, second in (
        ("mantel", x, y),
        ("spearman", ranks(x + common), ranks(y + common)),
    ):
        r, p, count = mantel(first, second, permutations)
        rows.append(
            Row(
                "transfer",
                version,
                "",
                effect=r,
                p=p,
                n_pairs=count,
                n_models=len(models),
                resamples=resampling.permutations,
                seed=resampling.seed,
                lacks="" if np.isfinite(r) else Need.VALUE,
                note="no interval: source and target effects are left in it"
                if np.isfinite(r)
                else "fewer than 3 pairs, or no variation",
            )
        )
    return rows


def ranks(matrix: np.ndarray) -> np.ndarray:
    """Ranks of the values of a matrix, ties at their mean rank; NaN stays."""
    known = np.isfinite(matrix)
    ranked = np.full(matrix.shape, np.nan)
    ranked[known] = rankdata(matrix[known])
    return ranked
