"""Findings 2 and 3 tested: is an architecture more similar to itself than to others?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from repcompare.findings.model_matrices import Models, alone, by_measure
from repcompare.findings.rows import Resampling, Row, left_out
from repcompare.findings.rules import FEWEST_SEEDS, MARGIN, WIDTH_RATIO
from repcompare.statistics.excess import Contrasts, contrasts, excess, mean_excess, own_pairs
from repcompare.statistics.permutations import FEWEST_DISTINCT, LEVEL, groupings, of_models
from repcompare.statistics.self_similarity import (
    Differences,
    architecture_differences,
    interaction_differences,
)
from repcompare.vocabulary import MEASURE, WITHIN_CLASSES, Need, preferred

VERSIONS = ("plain", "model_effects_removed", "accuracy_adjusted", "width_matched")


def geometry_rows(
    models: Models, geometry: pd.DataFrame, resampling: Resampling
) -> tuple[list[Row], list[Row]]:
    """The rows of retraining (means over architectures) and of exception (one an architecture).

    Every measure of `geometry` (as `tables.geometry.similarities` reads it) in its plain version
    and with what decides, `excess_rows`; the deciding one and CKA within classes in all `VERSIONS`.
    """
    retraining, exception = [], []
    matrices = by_measure(models, geometry)
    decided_by = {preferred(matrices, MEASURE), WITHIN_CLASSES}
    for measure, x in matrices.items():
        dropped = alone([x])
        kept = models.without(dropped)
        if not len(kept.names):
            continue
        x = x[np.ix_(~dropped, ~dropped)]
        note = left_out(name for name, out in zip(models.names, dropped, strict=True) if out)
        generator = resampling.generator(2)
        permutations = of_models(len(kept), resampling.permutations, generator)
        for version, found in versions(kept, x, permutations, full=measure in decided_by):
            row = Row(
                "retraining",
                version,
                measure,
                resamples=resampling.permutations,
                seed=resampling.seed,
            )
            # Of the mean the two are the same by algebra, where all have equally many seeds.
            if version != "model_effects_removed":
                retraining.append(mean_row(row, kept, x, found).noted(note).lacking(*too_few(kept)))
            exception += [
                architecture_row(row, kept, x, found, place)
                .noted(note)
                .lacking(*too_few(kept, place))
                for place in range(len(kept.architectures))
            ]
        mean, each = excess_rows(kept, x, measure)
        retraining.append(mean.noted(note))
        exception += [row.noted(note) for row in each]
    return retraining, exception


def excess_rows(models: Models, x: np.ndarray, measure: str) -> tuple[Row, list[Row]]:
    """What decides: δ of architectures in general, and of each against that of the others.

    Of retraining `over_architectures`, the mean δ of the architectures that do not stand out, its p
    of the hypothesis that it is the `margin`. Of exception `contrast`, δ less the mean of the others';
    `contrast_accuracy_adjusted`, the same once the accuracies are taken out; `own_pairs`, the
    similarity of the architecture's own pairs less that of the others' own.
    """
    found = contrasts(excess(x, models.architecture))
    out = (found.p <= LEVEL) & (found.effect > 0)
    mean = mean_excess(x, models.architecture, ~out)
    bound = margin(models, x)
    general = Row(
        "retraining",
        "over_architectures",
        measure,
        effect=mean.effect,
        low=mean.low,
        high=mean.high,
        error=mean.error,
        p=mean.p_of(bound),
        n_pairs=int(np.isfinite(x[np.triu_indices(len(x), 1)]).sum()),
        n_models=len(models),
        resamples=mean.architectures,
    )
    if out.any():
        names = ", ".join(np.array(models.architectures)[out])
        general = general.noted(
            f"without {names}, which stands out"
            if out.sum() == 1
            else f"without {names}, which stand out"
        )
    several = int((models.seeds > 1).sum())
    if mean.architectures < 3:
        text = f"needs 3 architectures with 2 seeds, there {are(several)}"
        text = text if several < 3 else "too few architectures can be told apart from their models"
        general = general.lacking(Need.ARCHITECTURES, text)
    elif (count := len(models.architectures)) < 4:
        # Without one of three, two are left: their excess cannot be told from what their models bring.
        general = general.lacking(Need.ARCHITECTURES, f"needs 4 architectures, there {are(count)}")
    elif not np.isfinite(general.p):
        general = general.lacking(Need.INTERVAL, "no interval over architectures")
    else:
        general = general.noted(f"p is of the mean being the margin, {bound:.4f}")
    adjusted = contrasts(excess(accuracy_adjusted(models, x), models.architecture))
    own = own_pairs(x, models.architecture)
    rows = []
    for place in range(len(models.architectures)):
        rows += [
            contrast_row("contrast", measure, models, found, place),
            contrast_row("contrast_accuracy_adjusted", measure, models, adjusted, place),
            own_pairs_row(measure, models, own, place),
        ]
    return general, rows


def contrast_row(version: str, measure: str, models: Models, found: Contrasts, place: int) -> Row:
    """One architecture against the others."""
    seeds, count = models.seeds[place], int(np.isfinite(found.effect).sum())
    row = Row(
        "exception",
        version,
        measure,
        architecture=models.architectures[place],
        effect=found.effect[place],
        low=found.low[place],
        high=found.high[place],
        p=found.p[place],
        n_pairs=int(seeds * (seeds - 1) // 2),
        n_models=len(models),
        resamples=count,
    )
    if seeds < FEWEST_SEEDS:
        row = row.lacking(Need.SEEDS, f"needs {FEWEST_SEEDS} seeds, has {seeds}")
    if version != "contrast" and np.isfinite(models.accuracy).sum() < 2:
        return row.lacking(Need.VALUE, "no two networks have an accuracy")
    if not np.isfinite(row.effect):
        several = int((models.seeds > 1).sum())
        text = f"needs 4 architectures with 2 seeds, there {are(several)}"
        return row.lacking(Need.ARCHITECTURES, text if several < 4 else "it cannot be told apart")
    return row


def own_pairs_row(measure: str, models: Models, own: np.ndarray, place: int) -> Row:
    """How much more alike an architecture's own pairs are than those of the others."""
    seeds = models.seeds[place]
    row = Row(
        "exception",
        "own_pairs",
        measure,
        architecture=models.architectures[place],
        effect=own[place],
        n_pairs=int(seeds * (seeds - 1) // 2),
        n_models=len(models),
        note="a condition: no interval, no p",
    )
    return row if np.isfinite(row.effect) else row.lacking(Need.VALUE, "no own pairs to compare")


def margin(models: Models, x: np.ndarray) -> float:
    """What counts as negligible: a share of what pairs of different architectures leave to 1."""
    values = x[~models.same & np.isfinite(x)]
    return MARGIN * (1 - float(values.mean())) if len(values) else np.nan


def are(count: int) -> str:
    """`is 1`, `are 2`."""
    return f"{'is' if count == 1 else 'are'} {count}"


def versions(
    models: Models, x: np.ndarray, permutations: np.ndarray, *, full: bool
) -> Iterator[tuple[str, Differences]]:
    """The Δ of every version that applies; all `VERSIONS` if `full`, else the plain one."""
    yield "plain", architecture_differences(x, models.architecture, permutations)
    if not full:
        return
    yield (
        "model_effects_removed",
        interaction_differences(x, models.architecture, permutations),
    )
    adjusted = accuracy_adjusted(models, x)
    yield (
        "accuracy_adjusted",
        architecture_differences(adjusted, models.architecture, permutations),
    )
    yield (
        "width_matched",
        architecture_differences(x, models.architecture, permutations, matched_widths(models)),
    )


def accuracy_adjusted(models: Models, x: np.ndarray) -> np.ndarray:
    """x less its regression on two accuracies' sum and their distance, at the mean of x.

    NaN where a model has no accuracy, for it tells no classes apart.
    """
    accuracy = models.accuracy
    terms = [np.ones_like(x), accuracy[:, None] + accuracy, models.differences(accuracy)]
    known = np.isfinite(x) & np.isfinite(terms[1]) & ~np.eye(len(x), dtype=bool)
    design = np.stack([term[known] for term in terms], axis=1)
    design[:, 1:] -= design[:, 1:].mean(axis=0)
    effects = np.linalg.lstsq(design, x[known], rcond=1e-10)[0]
    adjusted = np.full_like(x, np.nan)
    adjusted[known] = x[known] - design[:, 1:] @ effects[1:]
    return adjusted


def matched_widths(models: Models) -> np.ndarray:
    """Bool (A, A): architectures whose representations are about as wide."""
    first = [int(np.flatnonzero(models.architecture == a)[0]) for a in range(len(models.seeds))]
    wide = models.width[first]
    return np.maximum(wide[:, None], wide) <= WIDTH_RATIO * np.minimum(wide[:, None], wide)


def too_few(models: Models, place: int | None = None) -> tuple[str, str]:
    """What the design, or that of one architecture, has too few of, and a note; empty if none."""
    if len(models.architectures) < 2:
        return Need.ARCHITECTURES, "needs 2 architectures, there is 1"
    most = models.seeds.max()
    if most < FEWEST_SEEDS:
        return Need.SEEDS, f"needs {FEWEST_SEEDS} seeds, no architecture has more than {most}"
    ways = groupings(models.architecture)
    if ways < FEWEST_DISTINCT:
        return (
            Need.PERMUTATIONS,
            f"only {ways} ways to label the models, {FEWEST_DISTINCT} are needed for p < 0.05",
        )
    if place is not None and models.seeds[place] < FEWEST_SEEDS:
        return Need.SEEDS, f"needs {FEWEST_SEEDS} seeds, has {models.seeds[place]}"
    return "", ""


def mean_row(row: Row, models: Models, x: np.ndarray, found: Differences) -> Row:
    """The mean of Δ over architectures."""
    row = row._replace(
        effect=found.mean,
        low=found.mean_low,
        high=found.mean_high,
        p=found.p_mean,
        n_pairs=int(np.isfinite(x[np.triu_indices(len(x), 1)]).sum()),
        n_models=len(models),
    )
    return row if np.isfinite(found.mean) else row.lacking(*undefined(models, row.version))


def architecture_row(
    row: Row, models: Models, x: np.ndarray, found: Differences, place: int
) -> Row:
    """Δ of one architecture; p and interval hold for all architectures together."""
    own = models.architecture == place
    row = row._replace(
        finding="exception",
        architecture=models.architectures[place],
        effect=found.difference[place],
        low=found.low[place],
        high=found.high[place],
        p=found.p[place],
        n_pairs=int(np.isfinite(x[np.ix_(own, own)][np.triu_indices(own.sum(), 1)]).sum()),
        n_models=len(models),
    )
    return row if np.isfinite(row.effect) else row.lacking(*undefined(models, row.version, place))


def undefined(models: Models, version: str, place: int | None = None) -> tuple[str, str]:
    """What a Δ lacks to have a value, and a note."""
    seeds = models.seeds if place is None else models.seeds[[place]]
    if len(models.architectures) < 2:
        return Need.ARCHITECTURES, "no other architecture"
    if (seeds < 2).all():
        return Need.SEEDS, "one seed: no pair of its own"
    if version == "width_matched":
        return (
            Need.ARCHITECTURES,
            f"no other architecture within a factor {WIDTH_RATIO:g} of its width",
        )
    if version == "accuracy_adjusted" and np.isfinite(models.accuracy).sum() < 2:
        return Need.VALUE, "no two networks have an accuracy"
    if version == "model_effects_removed":
        return Need.VALUE, "too few architectures or seeds to tell a model's own effect apart"
    return Need.VALUE, "no pair with a value"
