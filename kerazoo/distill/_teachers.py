"""The teachers of a distiller: opened, asked, weighed."""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import keras

from kerazoo.distill._arguments import as_shares
from kerazoo.distill._keras_teacher import KerasTeacher
from kerazoo.distill._tensorflow_teachers import SavedModelTeacher, TFLiteTeacher
from kerazoo.errors import ConfigError, DataError


class Teacher(Protocol):
    """Whatever can be asked for outputs, by layer; "final_output" is always among them."""

    shapes: dict[str, Any]
    variables: list[Any]
    supports_jit: bool

    def __call__(self, inputs: Any) -> dict[str, Any]: ...

    def run(self, inputs: Any) -> dict[str, Any]: ...

    def fingerprint(self) -> str: ...


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
        self._opened = [] if source is None else open_teachers(source, names)
        if keras.backend.backend() != "tensorflow":
            self._check_are_keras_models()
        if not isinstance(weights, numbers.Real | None):
            weights = list(weights)
        alone = weights if isinstance(weights, list) and weights else [None]
        self.shares = as_shares("teacher_weights", weights, self._opened or alone)
        self.shapes: dict[str, Any] = self._opened[0].shapes if self._opened else {}
        self.variables = [variable for teacher in self._opened for variable in teacher.variables]
        self.supports_jit = all(teacher.supports_jit for teacher in self._opened)

    def _check_are_keras_models(self) -> None:
        if not all(isinstance(teacher, KerasTeacher) for teacher in self._opened):
            raise ConfigError(
                f"SavedModel and .tflite teachers run inside a training step on TensorFlow only. "
                f"Received: {self.source!r} with the backend {keras.backend.backend()!r}. Run it "
                f"beforehand with kerazoo.distill.cache_teacher, and pass teacher=None."
            )

    def __call__(self, inputs: Any) -> list[dict[str, Any]]:
        if not self._opened:
            raise DataError(
                "This distiller has no teacher, and the data carries no teacher's outputs. Train "
                "on a data set from kerazoo.distill.cache_teacher, or pass a teacher."
            )
        return [teacher(inputs) for teacher in self._opened]


def open_teachers(source: Any, names: list[str]) -> list[Teacher]:
    """One or several teachers; the first gives the layers `names` beside its final output."""
    sources = list(source) if isinstance(source, list | tuple) else [source]
    if not sources:
        raise ConfigError("`teacher` is an empty list. Pass a model, or several.")
    return [_open(one, names if number == 0 else []) for number, one in enumerate(sources)]


def _open(source: Any, names: list[str]) -> Teacher:
    if isinstance(source, keras.Model):
        return KerasTeacher(source, names)
    if not isinstance(source, str | os.PathLike):
        raise ConfigError(
            f"`teacher` must be a keras.Model, or the path of a .keras file, a SavedModel folder "
            f"or a .tflite file. Received: {type(source).__name__}."
        )
    path = Path(source)
    if path.suffix == ".keras" and path.exists():
        return KerasTeacher(_load(path), names)
    if path.suffix != ".tflite" and not (path / "saved_model.pb").is_file():
        raise DataError(
            f"`teacher`: there is no .keras file, SavedModel folder or .tflite file at "
            f"{str(path)!r}."
        )
    if names:
        raise ConfigError(
            f"Layers can be named in Keras models only. Received: {names} of {str(path)!r}. "
            f"Distil its final output."
        )
    return TFLiteTeacher(path) if path.suffix == ".tflite" else SavedModelTeacher(path)


def _load(path: Path) -> keras.Model:
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras, h5py and zipfile each raise their own kinds
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"`teacher`: cannot load {str(path)!r}: {reason}") from error
