"""Pairs of representations that nobody would compare, and what the library makes of them."""

import warnings
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

import repcompare
from repcompare.geometry.catalogue import MEASURES
from repcompare.maps.families import FAMILIES

ROUNDING = 1e-9
# Of a value after what it does not change with.
SAME = 1e-5


class Given(NamedTuple):
    """Two representations (n, d), the class of each sample or None, and two networks' answers or None."""

    x: np.ndarray
    y: np.ndarray
    labels: np.ndarray | None
    answers: tuple[np.ndarray, np.ndarray] | None


@st.composite
def representations(draw, n: int) -> np.ndarray:
    """Numbers of `n` samples: some units dead, alike or tied, some samples twice, of any size and type."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    d = draw(st.integers(1, 12))
    x = random.normal(size=(n, d))
    for change in draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=3, unique=True)):
        x = CHANGES[change](x, random)
    with np.errstate(all="ignore"):
        x = x * 10.0 ** draw(st.sampled_from([0, 0, 0, 1, -3, 4, -8, 20, -30, 58, -58, 70, -70]))
        x = x + draw(st.sampled_from([0, 0, 0, 1, -100, 1e6]))
        x = x.astype(draw(st.sampled_from(["f8", "f8", "f4", "f2", ">f8", "i4"])))
    return draw(st.sampled_from(LAYOUTS))(x)


CHANGES = {
    "constant": lambda x, random: np.broadcast_to(x[:1], x.shape).copy(),
    "dead units": lambda x, random: x * (random.random(x.shape[1]) < 0.5),
    "one outlier": lambda x, random: x * np.where(np.arange(len(x)) == 0, 1e4, 1)[:, None],
    "one unit alone": lambda x, random: np.repeat(x[:, :1], x.shape[1], axis=1),
    "samples twice": lambda x, random: x[np.arange(len(x)) // 2],
    "tied": lambda x, random: np.round(x),
    "two places": lambda x, random: x[random.integers(0, min(2, len(x)), len(x))],
    "units of all sizes": lambda x, random: x * 10.0 ** -np.arange(x.shape[1]),
}
LAYOUTS = [
    lambda x: x,
    np.asfortranarray,
    lambda x: x[::-1],
    lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    lambda x: np.ascontiguousarray(x.T).T,
]


@st.composite
def pairs(draw) -> Given:
    """Two representations of one number of samples, with classes and answers or without."""
    n = draw(st.integers(1, 12) | st.integers(1, 70))
    classes = st.lists(st.integers(0, draw(st.integers(0, 4))), min_size=n, max_size=n)
    labels = np.array(draw(classes)) if draw(st.booleans()) else None
    answers = (np.array(draw(classes)), np.array(draw(classes))) if draw(st.booleans()) else None
    return Given(draw(representations(n)), draw(representations(n)), labels, answers)


def problems(given: Given) -> list[str]:
    """What is wrong with what the library makes of a pair; a refusal in words is right."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = [*of_measures(given), *of_maps(given)]
        except ValueError as error:
            said = str(error).startswith(("X: ", "Y: ", "labels: ", "predictions: "))
            found = [] if said and "\n" not in str(error) else [f"ValueError: {error}"]
        except Exception as error:
            found = [f"{type(error).__name__}: {error}"]
    return found + [f"{one.category.__name__}: {one.message}" for one in warned]


def of_measures(given: Given) -> list[str]:
    """Values without a reason, out of their range, or changed by what they do not change with."""
    table = repcompare.compare(*given)
    found = []
    for row in table.itertuples():
        low, high = MEASURES[row.measure].range
        for name in ("value", "null", "class_null"):
            value = getattr(row, name)
            if not (np.isnan(value) or low - ROUNDING <= value <= high + ROUNDING):
                found.append(f"{row.measure}: {name} is {value}")
        if np.isnan(row.value) and not row.note:
            found.append(f"{row.measure}: no value and no note")
        if not (np.isnan(row.low) or row.low <= row.high):
            found.append(f"{row.measure}: from {row.low} to {row.high}")
    # What a change of axes itself loses to rounding is not the measure's.
    sound = all(map(well_conditioned, (given.x, given.y)))
    return found + [p for change in TURNS if sound for p in moved(given, table, change)]


def well_conditioned(x: np.ndarray) -> bool:
    """Whether the units vary, in all directions that they have, by enough to be told from rounding."""
    x = np.asarray(x, float)
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    largest, size = values.max(), np.abs(x).max()
    between = (values > 1e-13 * largest) & (values < 1e-3 * largest)
    return largest >= 1e-3 * size and not between.any()


def moved(given: Given, before, change: str) -> list[str]:
    """Measures that differ once X has been changed in a way that they do not change with."""
    x = np.asarray(given.x, float)
    with np.errstate(all="ignore"):
        turned = TURNS[change](x, np.random.default_rng(0))
    chosen = [name for name in before["measure"].unique() if change in MEASURES[name].invariances]
    if not chosen or not np.isfinite(turned).all():
        return []
    try:
        after = repcompare.compare(turned, given.y, given.labels, given.answers, chosen)
    except ValueError:
        # Out of the range of numbers that X was just in.
        return []
    kept = before[before["measure"].isin(chosen)].reset_index(drop=True)
    found = []
    for one, other in zip(kept.itertuples(), after.itertuples(), strict=True):
        if not np.isclose(one.value, other.value, rtol=0, atol=SAME, equal_nan=True):
            found.append(f"{one.measure}: {one.value}, after {change} {other.value}")
    return found


def rotation(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """X in other axes."""
    return x @ np.linalg.qr(random.normal(size=(x.shape[1], x.shape[1])))[0]


TURNS = {
    "translation": lambda x, random: x + np.abs(x).max(initial=0) * random.normal(size=x.shape[1]),
    "permutation": lambda x, random: x[:, random.permutation(x.shape[1])],
    "isotropic_scaling": lambda x, random: x * 3,
    "orthogonal": rotation,
    "invertible_linear": lambda x, random: (
        rotation(x, random) * random.uniform(1, 3, size=x.shape[1])
    ),
}


def of_maps(given: Given) -> list[str]:
    """Maps that predict no numbers, or explain more than there is, of what they were fitted on."""
    found = []
    for family in FAMILIES:
        mapping = repcompare.fit_map(given.x, given.y, family)
        score = repcompare.r2_score(mapping, given.x, given.y)
        if not np.isfinite(mapping.predict(np.asarray(given.x, float))).all():
            found.append(f"{family}: predicts what is not finite")
        if score > 1 + ROUNDING:
            found.append(f"{family}: R² is {score}")
    return found
