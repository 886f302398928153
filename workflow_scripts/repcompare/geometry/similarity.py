"""The geometries of two representations compared: one row for each measure of a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from repcompare.geometry.catalogue import MEASURES, Measure
from repcompare.geometry.left_out import LeftOut, left_out
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
    nulls, class_nulls = null_values(pair, defined), class_null_values(pair, defined)
    return [
        measured_row(pair, task, replicates.get(task), nulls[task], class_nulls[task])
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
        kept = np.arange(GROUPS) < round(fraction * GROUPS)
        # No other pair asks for the decompositions of a part, and wide ones are large.
        part = pair.on(kept, remembered=bool(kept.all()) or not pair.wide)
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
    short = {task: task.measure.replicates for task in tasks if task.measure.replicates is not None}
    hasty = {task: task.measure.left_out for task in tasks if task.measure.left_out and pair.wide}
    exact = [task for task in tasks if task not in short and task not in hasty]
    exact.sort(key=by_need)
    constant = left_out_constant(pair)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {task: np.where(constant, np.nan, way(pair)) for task, way in short.items()}
    if exact:
        values = [[task.value(left)[0] for task in exact] for left in pair.without_each_group()]
        found |= dict(zip(exact, np.transpose(values), strict=True))
    return found | hasty_replicates(pair, hasty)


def hasty_replicates(
    pair: Pair, ways: Mapping[Task, Callable[[LeftOut], float]]
) -> dict[Task, np.ndarray]:
    """The replicates of a wide pair by measures that decompose: see `geometry.left_out`.

    NaN where a representation is constant without a group.
    """
    found: dict[Task, list[float]] = {task: [] for task in sorted(ways, key=by_need)}
    for left in left_out(pair) if ways else ():
        constant = left.constant
        for task, values in found.items():
            part = left.reversed if task.backward else left
            values.append(np.nan if constant else ways[task](part))
    return {task: np.array(values) for task, values in found.items()}


def by_need(task: Task) -> bool:
    """Directed measures come first: they need canonical directions, which have the correlations."""
    return not task.measure.directed


def null_values(pair: Pair, tasks: Sequence[Task]) -> dict[Task, float]:
    """The nulls in closed form, or of one pair with its samples shuffled."""
    drawn = [task for task in tasks if task.measure.null is None]
    found = {task: task.measure.null(pair) for task in tasks if task.measure.null is not None}
    return found | (values_of(pair.shuffled(), drawn) if drawn else {})


def class_null_values(pair: Pair, tasks: Sequence[Task]) -> dict[Task, float]:
    """The same within classes; NaN where these are not known."""
    if not labelled(pair):
        return dict.fromkeys(tasks, np.nan)
    drawn = [task for task in tasks if task.measure.class_null is None]
    found = {
        task: task.measure.class_null(pair) for task in tasks if task.measure.class_null is not None
    }
    return found | (values_of(pair.shuffled(within_classes=True), drawn) if drawn else {})


def values_of(pair: Pair, tasks: Sequence[Task]) -> dict[Task, float]:
    """The values of a pair by every task."""
    return {task: task.value(pair)[0] for task in sorted(tasks, key=by_need)}


def measured_row(
    pair: Pair, task: Task, replicates: np.ndarray | None, null: float, class_null: float
) -> GeometryRow:
    """The row of one measure, its interval from its replicates (G,)."""
    measure = task.measure
    value, note = task.value(pair)
    notes = [note] if note else []
    if not labelled(pair):
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
