"""Soft targets (Hinton, Vinyals, Dean 2015, "Distilling the knowledge in a neural network")."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.distill._loss import OutputLoss, class_logits
from kerazoo.distill._sample_mean import sample_mean


@keras.saving.register_keras_serializable(package="kerazoo")
class LogitsDistillation(OutputLoss):
    """T^2 * KL(softmax(teacher / T) || softmax(student / T)), mean over the batch, in nats * T^2.

    The factor T^2 keeps the size of the gradients when T changes (section 2 of the paper).

    Outputs: logits, float of any precision, `(batch, ..., classes)`, before softmax: probabilities
    give a wrong loss. A single column is the logit of two classes, before sigmoid. Several outputs
    (a list or dict, the same for both models) are added up. Sample weights and the student's mask
    count as in Keras's losses.

    Args:
        temperature: T, above 0, no unit; 1.0 leaves the distributions as they are, higher values
            show more of what the teacher thinks of the other classes.

    Raises:
        kerazoo.errors.ConfigError: the temperature is not a number above 0, or the shapes differ.

    `keras.distillation.LogitsDistillation(3.0)` of Keras 3.15.1 compares clipped logits, and
    gives 0.7324 in the example.

    >>> loss = kerazoo.distill.LogitsDistillation(temperature=3.0)
    >>> value = loss.compute_loss(np.array([[1.0, 2.0, 3.0]]), np.array([[3.0, 2.0, 1.0]]))
    >>> round(float(value), 4)
    1.3092

    Source: arXiv:1503.02531.
    """

    def __init__(self, temperature: float = 3.0):
        self.temperature = check_number("temperature", temperature, above=0)

    def output_loss(self, teacher: Any, student: Any, labels: Any, sample_weight: Any) -> Any:
        divergence = sample_mean(self._divergence, teacher, student, sample_weight)
        return divergence * self.temperature**2

    def _divergence(self, teacher: Any, student: Any) -> Any:
        teacher, student = (
            ops.log_softmax(class_logits(logits) / self.temperature, axis=-1)
            for logits in (teacher, student)
        )
        return ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {"temperature": self.temperature}
