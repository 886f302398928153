"""What a person may pass to `repcompare.api`, checked and made ready for the library.

Every error names the argument, says what was given and what is wanted.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from repcompare.geometry.catalogue import MEASURES
from repcompare.registry import known

# What must be given besides the representations, by what a measure needs.
BESIDES = {"classes": "labels", "predictions": "predictions"}

# Of values and of how far a unit varies: their fourth powers are summed up.
SMALLEST, LARGEST = 1e-60, 1e60


class ArrayLike(Protocol):
    """What can be made an array: an array, a list of lists, a data frame, a torch tensor."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


def as_array(name: str, values: Any) -> np.ndarray:
    """An array-like as an array: lists, data frames, and tensors on any device."""
    torch = sys.modules.get("torch")  # Where nobody has imported it, there is no tensor.
    if torch is not None and isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        # NumPy has no bfloat16.
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: cannot be made an array: {error}") from None


def rows_of(name: str, values: Any) -> np.ndarray:
    """A representation, float32 or float64 (samples, units); other numbers become float64."""
    array = as_array(name, values)
    if array.ndim != 2:
        text = f"{name}: the shape is {array.shape}, not (samples, units)"
        if array.ndim > 2:
            text += "; flatten what one sample has, or average it over space"
        raise ValueError(text)
    if len(array) < 2 or array.shape[1] < 1:
        raise ValueError(f"{name}: at least 2 samples and 1 unit are needed, not {array.shape}")
    if array.dtype not in (np.float32, np.float64):
        if array.dtype.kind not in "biufO":
            raise ValueError(f"{name}: real numbers are needed, not {array.dtype}")
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: real numbers are needed: {error}") from None
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{name}: {np.count_nonzero(~finite)} of {len(array)} samples have values that are not "
            f"finite; the first is number {np.argmin(finite)}"
        )
    low, high = array.min(axis=0), array.max(axis=0)
    size = max(-float(low.min()), float(high.max()))
    varies = float(np.max(high / 2 - low / 2))
    if size > LARGEST or 0 < varies < SMALLEST:
        raise ValueError(
            f"{name}: values up to {size:g} that vary by {2 * varies:g} leave the range of float64 "
            f"when they are squared twice; scale them to between {SMALLEST:g} and {LARGEST:g}"
        )
    return array


def same_samples(arrays: Mapping[str, np.ndarray]) -> int:
    """The number of samples of all. Raises ValueError if they differ."""
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(f"the same samples in the same order are needed: {found}")
    return next(iter(counts.values()))


def classes_of(name: str, values: Any, n: int) -> np.ndarray:
    """A class for each of `n` samples, (n,): whole numbers, or names."""
    array = as_array(name, values)
    if array.shape != (n,):
        text = f"{name}: the shape is {array.shape}, not one class for each of {n} samples"
        if array.ndim == 2 and len(array) == n:
            text += "; of scores, take argmax(axis=1)"
        raise ValueError(text)
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.rint(array))).all():
        raise ValueError(f"{name}: classes are needed, not numbers between whole ones")
    return array


def codes_of(arrays: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Classes as int64 from 0, the same number for the same class in all `arrays` (n,)."""
    stacked = np.stack(list(arrays))
    return list(np.unique(stacked, return_inverse=True)[1].reshape(stacked.shape))


def chosen_measures(
    measures: str | Iterable[str] | None, *, labels: bool, predictions: bool
) -> list[str]:
    """The measures asked for, each once; None: all that what is given allows.

    Raises ValueError for an unknown one and for one that lacks its input.
    """
    given = {"labels": labels, "predictions": predictions}

    def lacks(name: str) -> str | None:
        besides = BESIDES.get(MEASURES[name].needs)
        return besides if besides and not given[besides] else None

    if measures is None:
        return [name for name in MEASURES if not lacks(name)]
    chosen = list(dict.fromkeys([measures] if isinstance(measures, str) else measures))
    for name in chosen:
        known(MEASURES, name, "measures")
    if not chosen:
        raise ValueError(f"measures: none is asked for; allowed: {', '.join(MEASURES)}")
    missing = [f"{name} needs {lacks(name)}" for name in chosen if lacks(name)]
    if missing:
        raise ValueError(f"measures: {'; '.join(missing)}: give what is missing, or leave them out")
    return chosen


def positive(name: str, value: float, *, whole: bool = False) -> None:
    """Raise ValueError unless `value` is a number above 0, where `whole` a whole one."""
    if not (math.isfinite(value) and value > 0 and (not whole or value == int(value))):
        raise ValueError(f"{name}: a {'whole ' if whole else ''}number above 0 is needed: {value}")
