"""What kerazoo's distillation losses share: how they are built, checked, configured and restored.

A `kerazoo.distill.Distiller` builds its losses with the shapes of what they will compare, tracks
the layers they make (projectors, memories), and passes the labels as `y`. Everything is computed in
float32, whatever the models' precision.
"""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from kerazoo.errors import ConfigError

Names = str | list[str] | None  # one layer, several, or the final output


class Loss(keras.distillation.DistillationLoss):
    """A loss between the final outputs of teacher and student; subclasses may name layers."""

    teacher_layer_name: Names = None
    student_layer_name: Names = None

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """Layers of the loss's own, made by `build`; the distiller trains and saves them."""
        return []

    def build(self, teacher_shapes: Any, student_shapes: Any) -> None:
        """Check that the shapes fit, and make the layers that depend on them.

        Args:
            teacher_shapes: structure of shapes, like `compute_loss`'s teacher_outputs; batch first.
            student_shapes: the same of the student.
        """

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)


class OutputLoss(Loss):
    """A loss between final outputs of equal shape, such as logits."""

    def build(self, teacher_shapes: Any, student_shapes: Any) -> None:
        if teacher_shapes is None or student_shapes is None:
            return  # a subclassed model, or no teacher: known when it is called
        if not _agree(teacher_shapes, student_shapes):
            raise ConfigError(
                f"{type(self).__name__} compares final outputs, which must have equal shapes. "
                f"Received: {teacher_shapes} from the teacher, {student_shapes} from the student."
            )


def _agree(shapes: Any, others: Any) -> bool:
    """Whether two structures of shapes are alike; None fits any size."""
    if is_shape(shapes) and is_shape(others):
        return len(shapes) == len(others) and all(
            None in (size, other) or size == other
            for size, other in zip(shapes, others, strict=True)
        )
    if isinstance(shapes, dict) and isinstance(others, dict):
        return shapes.keys() == others.keys() and all(_agree(shapes[k], others[k]) for k in shapes)
    if is_shape(shapes) or is_shape(others) or isinstance(shapes, dict) or isinstance(others, dict):
        return False
    return len(shapes) == len(others) and all(map(_agree, shapes, others))


def is_shape(value: Any) -> bool:
    """Whether `value` is one shape, and not a structure of shapes."""
    return isinstance(value, list | tuple) and all(
        size is None or isinstance(size, int) for size in value
    )


def float32(tensor: Any) -> Any:
    """`tensor` as float32: sums and exponentials of half-precision values overflow."""
    return ops.cast(tensor, "float32")


def check_positive(name: str, value: float) -> float:
    """`value` as a float if it is a number above 0; else `ConfigError`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigError(f"`{name}` must be a number above 0. Received: {value!r}.")
    return float(value)


def check_weight(name: str, value: float) -> float:
    """`value` as a float if it is a number of 0 or above; else `ConfigError`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ConfigError(f"`{name}` must be a number of 0 or above. Received: {value!r}.")
    return float(value)
