"""Perturbation budgets as people write them, `"8/255"` or `0.5`: units of [0, 1] pixels."""

import math
import re
from decimal import Decimal

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_FRACTION = re.compile(rf"\s*({_NUMBER})\s*/\s*({_NUMBER})\s*")
_PLAIN = re.compile(rf"\s*({_NUMBER}(?:[eE][-+]?[0-9]+)?)\s*")


def parse_epsilon(value: str | float) -> tuple[str, float]:
    """The canonical text and the value of a perturbation budget.

    Args:
        value: a number, or text that holds a number or a fraction of two (`"8/255"`).

    Returns:
        The label, the same for every spelling of one number or fraction (`"8/255"`, `"0.5"`; a
        fraction is not reduced), and the budget as a float > 0.

    Raises:
        ValueError: anything else; zero, negative, not finite, or divided by zero.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is neither a number nor a fraction such as '8/255'")
    parts = _decimals(value)
    numerator, denominator = (*map(float, parts), 1.0)[:2]
    if denominator == 0:
        raise ValueError(f"{value!r} divides by zero")
    epsilon = numerator / denominator
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise ValueError(f"{value!r} is not a finite number above zero")
    return "/".join(decimal_text(part) for part in parts), epsilon


def decimal_text(number: float | Decimal) -> str:
    """A finite number in plain decimals, shortest form: `1e-05` as `"0.00001"`, `1.0` as `"1"`."""
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    return f"{exact.normalize():f}"


def _decimals(value: str | float) -> list[Decimal]:
    if not isinstance(value, str):
        return [Decimal(repr(value))]
    match = _FRACTION.fullmatch(value) or _PLAIN.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is neither a number nor a fraction such as '8/255'")
    return [Decimal(group) for group in match.groups()]
