"""What kerazoo's distillation losses share: how they are built, checked, configured and restored.

A `kerazoo.distill.Distiller` builds its losses with the shapes of what they will compare, tracks
the layers they make (projectors, memories), and passes the labels as `y`. Everything is computed in
float32, whatever the models' precision.
"""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from kerazoo.errors import ConfigError, DataError

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
    """A loss between final outputs of equal shape, logits; several outputs are added up.

    Subclasses compute one output in `output_loss`.
    """

    def build(self, teacher_shapes: Any, student_shapes: Any) -> None:
        if teacher_shapes is None or student_shapes is None:
            return  # a subclassed model, or no teacher: known when it is called
        if not _agree(teacher_shapes, student_shapes):
            raise ConfigError(
                f"{type(self).__name__} compares final outputs, which must have equal shapes. "
                f"Received: {teacher_shapes} from the teacher, {student_shapes} from the student."
            )

    def output_loss(self, teacher: Any, student: Any, labels: Any, sample_weight: Any) -> Any:
        """The loss of one output: a scalar."""
        raise NotImplementedError

    def compute_loss(
        self,
        teacher_outputs: Any,
        student_outputs: Any,
        y: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        teachers, students = map(keras.tree.flatten, (teacher_outputs, student_outputs))
        weights = [sample_weight] * len(students)
        if keras.tree.is_nested(sample_weight):
            weights = keras.tree.flatten(sample_weight)
        if not len(teachers) == len(students) == len(weights):
            raise DataError(
                f"{type(self).__name__} compares as many outputs. Received: {len(teachers)} of the "
                f"teacher, {len(students)} of the student, {len(weights)} sample weights."
            )
        outputs = zip(teachers, students, weights, strict=True)
        return sum(self.output_loss(teacher, student, y, w) for teacher, student, w in outputs)


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


def class_logits(outputs: Any) -> Any:
    """Logits, float32, one column per class.

    A single column is the logit of the second of two classes, as sigmoid reads it: softmax of
    (0, x) is (1 - sigmoid(x), sigmoid(x)). As it stands, its softmax would be 1 whatever x.
    """
    outputs = float32(outputs)
    if outputs.shape[-1] != 1:
        return outputs
    return ops.concatenate([ops.zeros_like(outputs), outputs], axis=-1)


def mean(values: Any) -> Any:
    """Mean of all elements; 0 of none, as a replica may receive at the end of the data."""
    return ops.divide_no_nan(ops.sum(values), ops.cast(ops.size(values), "float32"))
