"""Checks what a `Distiller` is given, and brings it into one form."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from kerazoo.argument_checks import check_number
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
    values = [weights] if isinstance(weights, numbers.Real) else list(weights)
    if len(values) != len(items):
        raise ConfigError(
            f"`{argument}` must be {len(items)} numbers of 0 or above, one for each. "
            f"Received: {values}."
        )
    return [check_number(f"{argument}[{i}]", value, least=0) for i, value in enumerate(values)]


def as_shares(argument: str, weights: Iterable[float] | None, items: Sequence[Any]) -> list[float]:
    """As `as_weights`, scaled to add up to 1."""
    values = as_weights(argument, weights, items)
    if items and not sum(values):
        raise ConfigError(f"`{argument}` must not all be 0. Received: {values}.")
    return [value / sum(values) for value in values]
