"""The teachers of a distiller: opened, frozen, weighed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from kerazoo.distill._arguments import as_shares
from kerazoo.distill._keras_teacher import KerasTeacher
from kerazoo.errors import ConfigError, DataError


class Teachers:
    """All teachers; called on inputs, a list with one dict of outputs per teacher.

    A plain object, so that Keras neither trains nor saves what is in it.

    Args:
        source: the argument `teacher` of the distiller.
        names: layers that the losses name, all of the first teacher.
        weights: one number per teacher, or None.
    """

    def __init__(self, source: Any, names: list[str], weights: Iterable[float] | None):
        self.source = source
        sources = source if isinstance(source, list | tuple) else [source]
        if not sources:
            raise ConfigError("`teacher` is an empty list. Pass a model, or several.")
        self._opened = [
            open_teacher(one, names if number == 0 else [])
            for number, one in enumerate(sources)
            if one is not None
        ]
        self.shares = self._shares(weights)
        self.shapes: dict[str, Any] = self._opened[0].shapes if self._opened else {}
        self.variables = [variable for teacher in self._opened for variable in teacher.variables]
        self.supports_jit = all(teacher.supports_jit for teacher in self._opened)

    def _shares(self, weights: Iterable[float] | None) -> list[float]:
        """Without teachers, as many as there are weights: those whose outputs the data carries."""
        weights = None if weights is None else list(weights)
        items = self._opened or weights or [None]
        return as_shares("teacher_weights", weights, items)

    def __call__(self, inputs: Any) -> list[dict[str, Any]]:
        if not self._opened:
            raise DataError(
                "This distiller has no teacher, and the data carries no teacher's outputs. Train "
                "on a data set from kerazoo.distill.cache_teacher, or pass a teacher."
            )
        return [teacher(inputs) for teacher in self._opened]


def open_teacher(source: Any, names: list[str]) -> KerasTeacher:
    """The teacher behind one value of the argument `teacher`."""
    if isinstance(source, keras.Model):
        return KerasTeacher(source, names)
    raise ConfigError(f"`teacher` must be a keras.Model. Received: {type(source).__name__}.")
