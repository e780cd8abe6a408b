"""Checks what a `Distiller` is given, and brings it into one form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras

from kerazoo.distill._by_name import loss_from_name
from kerazoo.errors import ConfigError


def check_student(student: Any, teacher: Any) -> None:
    """Raise `ConfigError` unless `student` is a model, and another one than its teachers."""
    if not isinstance(student, keras.Model):
        raise ConfigError(f"`student` must be a keras.Model. Received: {type(student).__name__}.")
    teachers = teacher if isinstance(teacher, list | tuple) else [teacher]
    if any(one is student for one in teachers):
        raise ConfigError(
            "`teacher` and `student` are the same object. To teach a model by itself, start from a "
            "fresh copy: student=keras.models.clone_model(teacher)."
        )


def as_losses(losses: Any) -> list[keras.distillation.DistillationLoss]:
    """A list of at least one loss; names become losses."""
    listed = list(losses) if isinstance(losses, list | tuple) else [losses]
    if not listed:
        raise ConfigError("`losses` is an empty list. Pass a loss, or several.")
    listed = [loss_from_name(loss) if isinstance(loss, str | dict) else loss for loss in listed]
    for loss in listed:
        if not isinstance(loss, keras.distillation.DistillationLoss):
            raise ConfigError(
                f"`losses` must be objects such as kerazoo.distill.LogitsDistillation(). "
                f"Received: {loss!r}."
            )
    return listed


def as_weights(argument: str, weights: Iterable[float] | None, items: Sequence[Any]) -> list[float]:
    """One number of 0 or above for each of `items`; 1.0 each for None."""
    if weights is None:
        return [1.0] * len(items)
    values = [weights] if isinstance(weights, int | float) else list(weights)
    if len(values) != len(items) or not all(value >= 0 for value in values):
        raise ConfigError(
            f"`{argument}` must be {len(items)} numbers of 0 or above, one for each. "
            f"Received: {values}."
        )
    return [float(value) for value in values]


def as_shares(argument: str, weights: Iterable[float] | None, items: Sequence[Any]) -> list[float]:
    """As `as_weights`, scaled to add up to 1."""
    values = as_weights(argument, weights, items)
    if items and not sum(values):
        raise ConfigError(f"`{argument}` must not all be 0. Received: {values}.")
    return [value / sum(values) for value in values]


def check_fraction(argument: str, value: float) -> float:
    """`value` if it is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"`{argument}` must be a number from 0 to 1. Received: {value!r}.")
    return float(value)
