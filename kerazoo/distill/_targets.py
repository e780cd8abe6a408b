"""Where a data set keeps a teacher's outputs: beside the labels, in the place of `y`."""

from __future__ import annotations

from typing import Any

LABELS, TEACHER = "labels", "teacher_outputs"


def flat_names(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """One dict of all teachers' outputs: layer "conv" of the first teacher is "0/conv"."""
    return {
        f"{number}/{name}": value
        for number, layers in enumerate(outputs)
        for name, value in layers.items()
    }


def with_teacher_outputs(labels: Any, outputs: dict[str, Any]) -> dict[str, Any]:
    """The `y` of a batch that carries its teachers' outputs, under names from `flat_names`."""
    return {LABELS: labels, TEACHER: outputs}


def split(y: Any) -> tuple[Any, list[dict[str, Any]] | None]:
    """The labels of a batch, and its teachers' outputs if it carries them."""
    if not (isinstance(y, dict) and y.keys() == {LABELS, TEACHER}):
        return y, None
    outputs: dict[int, dict[str, Any]] = {}
    for key, value in y[TEACHER].items():
        number, name = key.split("/", maxsplit=1)
        outputs.setdefault(int(number), {})[name] = value
    return y[LABELS], [outputs[number] for number in sorted(outputs)]
