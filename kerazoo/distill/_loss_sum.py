"""All losses of a distiller, and which outputs of which teachers each of them compares."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.distill._features import pick
from kerazoo.distill._layer_loss import LayerLoss
from kerazoo.distill._loss import Loss, float32
from kerazoo.errors import ConfigError, DataError


class LossSum:
    """sum_i weight_i * (loss i, averaged over the teachers that it takes).

    A plain object, so that Keras tracks the losses' layers once, in the distiller.

    Args:
        losses: in the order of the weights.
        weights: one number of 0 or above per loss.
    """

    def __init__(self, losses: list[keras.distillation.DistillationLoss], weights: list[float]):
        self.losses = losses
        self.weights = weights
        self.teacher_layers = self._layer_names("teacher_layer_name")
        self.student_layers = self._layer_names("student_layer_name")

    def _layer_names(self, attribute: str) -> list[str]:
        """Every layer that a loss names, once."""
        names = [getattr(loss, attribute, None) for loss in self.losses]
        return list(dict.fromkeys(name for name in keras.tree.flatten(names) if name is not None))

    def build(self, teacher: dict[str, Any], student: dict[str, Any]) -> list[keras.layers.Layer]:
        """Build the losses of this package with shapes by layer; return the layers they made."""
        unknown = sorted(set(self.teacher_layers) - teacher.keys())
        if unknown:
            raise ConfigError(
                f"Without a teacher, `teacher_shapes` must hold the shapes of the layers that the "
                f"losses name. Missing: {unknown}. Pass the teacher, or teacher_shapes="
                f"{{{unknown[0]!r}: (None, ...)}}."
            )
        layers = []
        for loss in self.losses:
            if isinstance(loss, Loss):
                loss.build(
                    pick(teacher, loss.teacher_layer_name), pick(student, loss.student_layer_name)
                )
                layers += loss.layers
        return layers

    def check_outputs(self, teachers: list[dict[str, Any]], count: int) -> None:
        """Raise `DataError` unless the outputs that data carries are those of `count` teachers."""
        missing = sorted(set(self.teacher_layers) - teachers[0].keys())
        if missing:
            raise DataError(
                f"The data carries no outputs of the teacher's layers {missing}, which the losses "
                f"name. Make it with cache_teacher(..., layers={self.teacher_layers})."
            )
        if len(teachers) != count:
            raise DataError(
                f"The data carries the outputs of {len(teachers)} teachers; this distiller "
                f"expects {count}. Pass teacher_weights, a number for each."
            )

    def __call__(
        self,
        teachers: list[dict[str, Any]],
        shares: list[float],
        student: dict[str, Any],
        **batch: Any,
    ) -> Any:
        """The sum as a scalar.

        Args:
            teachers: of each teacher the outputs by layer.
            shares: one number per teacher, which add up to 1.
            student: the student's outputs by layer.
            batch: handed on to the losses: labels `y`, and `sample_weight`.
        """
        total = 0.0
        for loss, weight in zip(self.losses, self.weights, strict=True):
            names = getattr(loss, "teacher_layer_name", None)
            compared = pick(student, getattr(loss, "student_layer_name", None))
            taken = list(zip(teachers, shares, strict=True))
            if names is not None or isinstance(loss, LayerLoss):
                taken = [(teachers[0], 1.0)]  # what a loss learns is of one teacher's layers
            for outputs, share in taken:
                value = loss.compute_loss(pick(outputs, names), compared, **batch)
                total = total + weight * share * float32(value)
        return total
