"""Soft targets (Hinton, Vinyals, Dean 2015, "Distilling the knowledge in a neural network")."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.distill._loss import OutputLoss, check_positive, float32


@keras.saving.register_keras_serializable(package="kerazoo")
class LogitsDistillation(OutputLoss):
    """T^2 * KL(softmax(teacher / T) || softmax(student / T)), mean over the batch, in nats * T^2.

    The factor T^2 keeps the size of the gradients when T changes (section 2 of the paper).

    Outputs: logits, float of any precision, `(batch, ..., classes)`, before softmax: probabilities
    give a wrong loss. Several outputs (a list or dict, the same for both models) are added up.

    Args:
        temperature: T, above 0, no unit; 1.0 leaves the distributions as they are, higher values
            show more of what the teacher thinks of the other classes.

    Raises:
        kerazoo.errors.ConfigError: the temperature is not above 0, or the shapes differ.

    `keras.distillation.LogitsDistillation(3.0)` of Keras 3.15.1 compares clipped logits, and
    gives 0.7324 in the example.

    >>> loss = kerazoo.distill.LogitsDistillation(temperature=3.0)
    >>> value = loss.compute_loss(np.array([[1.0, 2.0, 3.0]]), np.array([[3.0, 2.0, 1.0]]))
    >>> round(float(value), 4)
    1.3092

    Source: arXiv:1503.02531.
    """

    def __init__(self, temperature: float = 3.0):
        self.temperature = check_positive("temperature", temperature)

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        values = keras.tree.map_structure(self._divergence, teacher_outputs, student_outputs)
        return sum(keras.tree.flatten(values))

    def _divergence(self, teacher: Any, student: Any) -> Any:
        teacher = ops.log_softmax(float32(teacher) / self.temperature, axis=-1)
        student = ops.log_softmax(float32(student) / self.temperature, axis=-1)
        divergence = ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)
        return ops.mean(divergence) * self.temperature**2

    def get_config(self) -> dict[str, Any]:
        return {"temperature": self.temperature}
