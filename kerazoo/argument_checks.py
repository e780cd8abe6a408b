"""Checks of numbers that constructors take: the argument, the rule and the value in one line."""

from __future__ import annotations

import math
import numbers
from typing import Any

from kerazoo.errors import ConfigError


def check_integer(name: str, value: Any, *, least: int = 1) -> int:
    """`value` as an int, NumPy's integers included, booleans not.

    Raises:
        ConfigError: it is no integer, or below `least`.
    """
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < least:
        raise ConfigError(f"`{name}` must be an integer of {least} or above. Received: {value!r}.")
    return int(value)


def check_number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """`value` as a finite float within the bounds: `least` and `most` belong to them.

    Raises:
        ConfigError: it is no number, not finite, or out of bounds.
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and _is_within(float(value), least, most, above, below):
        return float(value)
    rules = {"of at least": least, "of at most": most, "above": above, "below": below}
    rule = " and ".join(f"{words} {bound:g}" for words, bound in rules.items() if bound is not None)
    raise ConfigError(
        f"`{name}` must be a finite number {rule}".rstrip() + f". Received: {value!r}."
    )


def _is_within(
    value: float, least: float | None, most: float | None, above: float | None, below: float | None
) -> bool:
    return (
        (least is None or value >= least)
        and (most is None or value <= most)
        and (above is None or value > above)
        and (below is None or value < below)
    )
