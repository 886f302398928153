"""Finding 4 tested: do pairs of more similar geometry transfer more, given source and target?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from repcompare.findings.model_matrices import Models, alone, pair_logits
from repcompare.findings.rows import Resampling, Row, left_out
from repcompare.statistics.dyadic import Slope, dyadic_slopes
from repcompare.statistics.mrqap import Fit, mantel, mrqap
from repcompare.statistics.over_architectures import Mean
from repcompare.statistics.permutations import (
    FEWEST_DISTINCT,
    of_architectures,
    of_models,
    of_seeds,
)
from repcompare.transfer.reference import Strength
from repcompare.vocabulary import MEASURE, WITHIN_CLASSES, Need, preferred


class Similarity(NamedTuple):
    """A measure's values and their standard errors, (M, M) each."""

    measure: str
    value: np.ndarray
    error: np.ndarray


def transfer_rows(
    models: Models,
    geometry: pd.DataFrame,
    transfer: pd.DataFrame,
    attack: Strength,
    resampling: Resampling,
) -> list[Row]:
    """For every measure, the slope of the logit of transfer on similarity, in logits per unit.

    Versions by leaving out each architecture: `over_architectures`, which decides, given whether two
    models share an architecture or a family and Tukey's terms, divided by the reliability of the
    similarity; `uncorrected`, not divided by it; `plain`, given the architecture alone; and
    `family_adjusted`, `nonadditivity_adjusted`, `accuracy_adjusted` and `width_adjusted`, with one
    further term each. By permutations: `architectures` and `seeds`, under both restricted nulls (the
    second given an effect of every ordered pair of architectures, so that it is of the seeds alone);
    `different_architectures` and `same_architecture`, of such pairs only; `mantel` and `spearman`,
    plain correlations with models permuted at will, which disregard source and target effects and
    architectures and so are no tests of the finding.
    """
    similar = similarities_of(models, geometry)
    y = pair_logits(models, transfer, attack)
    adjusted = {preferred([each.measure for each in similar], MEASURE), WITHIN_CLASSES}
    full = [each for each in similar if each.measure in adjusted]
    general = deciding_slopes(models, similar, [y])
    found = {
        each.measure: [
            mean_row(models, "over_architectures", each, slope, slope.corrected),
            mean_row(models, "uncorrected", each, slope, slope.plain),
        ]
        for each, (slope,) in zip(similar, general, strict=True)
    }
    for version, groups, term, additive in designs(models):
        slopes = slopes_of(models, full, [y], groups, terms=term, additive=additive)
        for each, (slope,) in zip(full, slopes, strict=True):
            found[each.measure].append(mean_row(models, version, each, slope, slope.corrected))
    rows = []
    for each in similar:
        dropped = alone([each.value, y])
        kept, places = models.without(dropped), np.ix_(~dropped, ~dropped)
        if not len(kept):
            continue
        note = left_out(name for name, out in zip(models.names, dropped, strict=True) if out)
        x = each.value[places]
        rows += [
            row._replace(measure=each.measure, n_models=len(kept)).noted(note)
            for row in (
                *found[each.measure],
                *permuted_rows(kept, x, y[places], resampling),
                *correlation_rows(kept, x, y[places], resampling),
            )
        ]
    return rows


def similarities_of(models: Models, geometry: pd.DataFrame) -> list[Similarity]:
    """Every measure of `tables.geometry.similarities`, in its order."""
    return [
        Similarity(
            measure,
            models.symmetric(table, "value"),
            models.symmetric(table.assign(error=errors_of(table)), "error"),
        )
        for measure, table in geometry.groupby("measure", sort=False)
    ]


def errors_of(table: pd.DataFrame) -> pd.Series:
    """The standard errors of one measure's values; of one that is not known, the mean of the others.

    0 where none is known, which leaves β as it is.
    """
    return table["error"].fillna(table["error"].mean()).fillna(0.0)


def deciding_slopes(
    models: Models, similar: Sequence[Similarity], y: Sequence[np.ndarray]
) -> list[list[Slope]]:
    """What decides, of every logit of transfer (M, M) on every measure; a list a measure."""
    return slopes_of(models, similar, y, models.kinds)


def slopes_of(
    models: Models,
    similar: Sequence[Similarity],
    y: Sequence[np.ndarray],
    groups: np.ndarray,
    *,
    terms: np.ndarray | None = None,
    additive: bool = False,
) -> list[list[Slope]]:
    """See `statistics.dyadic.dyadic_slopes`."""
    return dyadic_slopes(
        [each.value for each in similar],
        y,
        [each.error for each in similar],
        models.architecture,
        groups,
        terms=terms,
        additive=additive,
    )


def designs(models: Models) -> list[tuple[str, np.ndarray, np.ndarray | None, bool]]:
    """The further designs: a version, the groups of pairs, a term, whether effects add up."""
    same = models.same.astype(int)
    found: list[tuple[str, np.ndarray, np.ndarray | None, bool]]
    found = [("plain", same, None, True), ("nonadditivity_adjusted", same, None, False)]
    if models.related.any():
        found.append(("family_adjusted", models.kinds, None, True))
    for name, values in (("accuracy", models.accuracy), ("width", np.log(models.width))):
        found.append((f"{name}_adjusted", same, models.differences(values)[None], True))
    return found


def mean_row(models: Models, version: str, similar: Similarity, slope: Slope, mean: Mean) -> Row:
    """A slope for architectures in general: per unit, and per standard deviation of the pairs."""
    used = np.isfinite(similar.value) & ~np.eye(len(models), dtype=bool)
    deviation = float(similar.value[used].std()) if used.any() else np.nan
    row = Row(
        "transfer",
        version,
        similar.measure,
        effect=mean.effect,
        low=mean.low,
        high=mean.high,
        error=mean.error,
        p=mean.p_of(0.0),
        per_sd=mean.effect * deviation,
        per_sd_error=mean.error * deviation,
        n_pairs=slope.pairs,
        n_models=len(models),
        resamples=mean.architectures,
    )
    count = mean.architectures
    if count < 3:
        text = f"needs 3 architectures, there {'is' if count == 1 else 'are'} {count}"
        row = row.lacking(Need.ARCHITECTURES, text)
    if not np.isfinite(slope.plain.effect):
        return row.lacking(
            Need.VALUE, "nothing of similarity or transfer is left once they have gone"
        )
    if not np.isfinite(mean.effect):
        return row.lacking(Need.VALUE, "the similarity varies no more than its error")
    if not np.isfinite(mean.low):
        return row.lacking(Need.INTERVAL, "without one of the architectures there is no slope")
    return row.noted(f"reliability of the similarity {slope.reliability:.2f}")


def permuted_rows(
    models: Models, x: np.ndarray, y: np.ndarray, resampling: Resampling
) -> list[Row]:
    """The slope under the restricted nulls, and of one kind of pairs."""
    same = models.same
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

    whole = models.architecture
    rows = [
        fitted("architectures", by_architecture, ways, groups=same.astype(int), whole=whole),
        fitted("different_architectures", by_architecture, ways, within=~same, whole=whole),
    ]
    # With one seed each there is no pair to look at, and an effect for every pair.
    if orders > 1:
        rows += [
            fitted("seeds", by_seed, orders, groups=models.blocks),
            fitted("same_architecture", by_seed, orders, within=same),
        ]
    return rows


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
