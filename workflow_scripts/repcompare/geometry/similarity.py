"""The geometries of two representations compared: one row for each measure of a pair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from repcompare.geometry.catalogue import MEASURES, Measure
from repcompare.geometry.measures import Result
from repcompare.geometry.replicates import left_out_constant
from repcompare.registry import known
from repcompare.representations.pair import Pair
from repcompare.statistics.jackknife import FEWEST_SAMPLES, GROUPS, bias, interval, standard_error

# What is not computed of a measure.
UNKNOWN = dict.fromkeys(("low", "high", "bias", "error", "null", "class_null"), np.nan)

# Above rounding, which the replicates of a measure that is 1 without any group have.
ROUNDING = 1e-9

# Shares of the samples at which `convergence` computes a measure.
FRACTIONS = (1 / 8, 1 / 4, 1 / 2, 1)


@dataclass(frozen=True)
class GeometryRow:
    """One measure of one pair.

    `low` and `high` bound the jackknife interval; `bias` and `error` are the jackknife's estimates of
    bias and of the standard error. `null` is the value of unrelated samples, `class_null` of samples
    that have nothing in common but their classes. `flag` says why n is too small, `note` why a
    number is NaN or what must be known to read it.
    `backward` marks a directed measure from b to a.
    """

    measure: str
    value: float
    low: float
    high: float
    bias: float
    error: float
    null: float
    class_null: float
    n: int
    flag: str
    note: str
    backward: bool = False


class Task(NamedTuple):
    """A measure and its direction."""

    measure: Measure
    backward: bool

    def value(self, pair: Pair) -> Result:
        """The measure's value and note."""
        if why := undefined(pair, self.measure):
            return np.nan, why
        return self.measure.function(pair.reversed if self.backward else pair)


def compare_geometry(pair: Pair, chosen: Iterable[str]) -> list[GeometryRow]:
    """The rows of a pair: one for each measure of `chosen`, in their order, two if it is directed.

    Raises ValueError for an unknown measure.
    """
    tasks = [
        Task(measure, backward)
        for measure in measures_named(chosen)
        for backward in ((False, True) if measure.directed else (False,))
    ]
    defined = [task for task in tasks if not undefined(pair, task.measure)]
    replicates = jackknife_replicates(pair, defined) if pair.n >= FEWEST_SAMPLES else {}
    shuffled = pair.shuffled() if any(t.measure.null is None for t in defined) else pair
    within = pair
    if labelled(pair) and any(t.measure.class_null is None for t in defined):
        within = pair.shuffled(within_classes=True)
    return [
        measured_row(pair, shuffled, within, task, replicates.get(task))
        if task in defined
        else undefined_row(pair, task, undefined(pair, task.measure))
        for task in tasks
    ]


def convergence(pair: Pair, chosen: Iterable[str]) -> list[GeometryRow]:
    """The measures of `chosen` on growing parts of the samples: `FRACTIONS` of them.

    Values alone, without intervals and nulls; of a directed measure, from a to b. None below
    `FEWEST_SAMPLES`.
    """
    rows_of = measures_named(chosen)
    if pair.n < FEWEST_SAMPLES or unreadable(pair):
        return []
    rows = []
    for fraction in FRACTIONS:
        part = pair.on(np.arange(GROUPS) < round(fraction * GROUPS))
        for measure in rows_of:
            value, note = Task(measure, backward=False).value(part)
            n, flag = samples(part, measure), small_sample(part, measure)
            rows.append(
                GeometryRow(measure.id, value, **UNKNOWN, n=n, flag=flag, note=note, backward=False)
            )
    return rows


def measures_named(chosen: Iterable[str]) -> list[Measure]:
    """The measures of these names. Raises ValueError if `MEASURES` lacks one."""
    return [known(MEASURES, name, "geometry.measures") for name in chosen]


def unreadable(pair: Pair) -> str:
    """Why a pair has no geometry; nothing if it has one."""
    return "constant representation" if pair.a.constant or pair.b.constant else ""


def labelled(pair: Pair) -> bool:
    """Whether the classes of the samples are known."""
    return pair.a.whole.labelled and pair.b.whole.labelled


def undefined(pair: Pair, measure: Measure) -> str:
    """Why a measure has no value of a pair; nothing if it has one."""
    if not measure.flattened and (pair.a.whole.flattened or pair.b.whole.flattened):
        return "not read of flattened maps, which have more units than there are images"
    if measure.needs == "classes" and not labelled(pair):
        return "the images have no labels"
    if measure.needs != "predictions":
        return unreadable(pair)
    answers = (pair.a.whole.predictions, pair.b.whole.predictions)
    return "a network without answers" if any(one is None for one in answers) else ""


def jackknife_replicates(pair: Pair, tasks: list[Task]) -> dict[Task, np.ndarray]:
    """The replicates (G,) of every task, those without a short way from one pass over the groups.

    NaN where a representation is constant without the group.
    """
    exact = [task for task in tasks if task.measure.replicates is None]
    # Directed measures need the canonical directions, which leave the correlations to the others.
    exact.sort(key=lambda task: not task.measure.directed)
    short = {task: task.measure.replicates for task in tasks if task.measure.replicates is not None}
    constant = left_out_constant(pair)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {task: np.where(constant, np.nan, way(pair)) for task, way in short.items()}
    if exact:
        values = [[task.value(left)[0] for task in exact] for left in pair.without_each_group()]
        found |= dict(zip(exact, np.transpose(values), strict=True))
    return found


def measured_row(
    pair: Pair, shuffled: Pair, within: Pair, task: Task, replicates: np.ndarray | None
) -> GeometryRow:
    """The row of one measure, its interval from its replicates (G,).

    Its nulls are from the pair with its samples `shuffled`, and from that with its samples shuffled
    `within` classes, if they have no closed form.
    """
    measure = task.measure
    value, note = task.value(pair)
    null = measure.null(pair) if measure.null else task.value(shuffled)[0]
    class_null = np.nan
    notes = [note] if note else []
    if labelled(pair):
        class_null = measure.class_null(pair) if measure.class_null else task.value(within)[0]
    else:
        notes.append("no class null: the images have no labels")
    low = high = off = error = np.nan
    if replicates is None:
        notes.append(f"no interval below {FEWEST_SAMPLES} samples")
    elif np.isfinite(value):
        low, high = interval(value, replicates)
        off, error = bias(value, replicates), standard_error(replicates)
        if np.isnan(low):
            notes.append("no interval: undefined without some group of samples")
        elif abs(off) > (high - low) / 2 + ROUNDING:
            low = high = np.nan
            notes.append("no interval: the bias by the jackknife exceeds it")
    low, high = np.clip((low, high), *measure.range).tolist()
    return GeometryRow(
        measure.id,
        value,
        low,
        high,
        off,
        error,
        null,
        class_null,
        samples(pair, measure),
        small_sample(pair, measure),
        "; ".join(notes),
        task.backward,
    )


def undefined_row(pair: Pair, task: Task, note: str) -> GeometryRow:
    """The row of a measure that has no value."""
    n, flag = samples(pair, task.measure), small_sample(pair, task.measure)
    return GeometryRow(
        task.measure.id, np.nan, **UNKNOWN, n=n, flag=flag, note=note, backward=task.backward
    )


def samples(pair: Pair, measure: Measure) -> int:
    """The number of samples that a measure sees."""
    return len(pair.a.subsample) if measure.needs == "subsample" else pair.n


def small_sample(pair: Pair, measure: Measure) -> str:
    """Why n is too small for a measure; nothing if it is not."""
    per_unit = pair.n / max(pair.a.width, pair.b.width)
    if per_unit >= measure.samples_per_unit:
        return ""
    return f"n/d is {per_unit:.1f}, below {measure.samples_per_unit:g}"
