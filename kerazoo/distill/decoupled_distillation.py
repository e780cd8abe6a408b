"""Decoupled knowledge distillation, DKD (Zhao, Cui, Song, Qiu, Liang 2022)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.distill._labels import class_numbers
from kerazoo.distill._loss import OutputLoss, class_logits, float32
from kerazoo.distill._sample_mean import sample_mean
from kerazoo.errors import DataError

_NEVER = -1e30  # a logit whose probability is 0, yet whose products with 0 are 0


@keras.saving.register_keras_serializable(package="kerazoo")
class DecoupledDistillation(OutputLoss):
    """T^2 * (alpha * TCKD + beta * NCKD), mean over the batch, in nats * T^2.

    With softened probabilities p = softmax(teacher / T), q = softmax(student / T) and the labelled
    class t: TCKD = KL((p_t, 1 - p_t) || (q_t, 1 - q_t)), and NCKD is the KL divergence of the
    probabilities among the other classes, p_i / (1 - p_t) and q_i / (1 - q_t). Plain distillation
    is TCKD + (1 - p_t) * NCKD: sure teachers hide what they know of the other classes.

    Outputs: logits, `(batch, classes)`, before softmax; a single column is the logit of two
    classes, before sigmoid. The labels come from the distiller as `y`: integer `(batch,)` or
    `(batch, 1)`, or one-hot `(batch, classes)`. A number that is no class, such as -1, makes the
    sample weigh nothing. Sample weights count as in Keras's losses.

    Args:
        alpha: weight of the labelled class, 0 or above.
        beta: weight of the other classes, 0 or above; the paper takes 1 to 8, more for surer
            teachers.
        temperature: T, above 0.

    Raises:
        kerazoo.errors.ConfigError: an argument breaks its rule, or the shapes differ.
        kerazoo.errors.DataError: there are no labels, or the outputs have another rank.

    >>> loss = kerazoo.distill.DecoupledDistillation(alpha=1.0, beta=2.0, temperature=1.0)
    >>> teacher, student = np.array([[1.0, 2.0, 3.0]]), np.array([[3.0, 2.0, 1.0]])
    >>> round(float(loss.compute_loss(teacher, student, y=np.array([2]))), 4)
    1.92

    Source: arXiv:2203.08679, equations 5 to 7. Left out: the linear warm-up of the weight in the
    authors' code.
    """

    def __init__(self, alpha: float = 1.0, beta: float = 8.0, temperature: float = 4.0):
        self.alpha = check_number("alpha", alpha, least=0)
        self.beta = check_number("beta", beta, least=0)
        self.temperature = check_number("temperature", temperature, above=0)

    def compute_loss(
        self,
        teacher_outputs: Any,
        student_outputs: Any,
        y: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        if keras.tree.is_nested(teacher_outputs) or len(teacher_outputs.shape) != 2:
            raise DataError("DecoupledDistillation needs one output of logits, (batch, classes).")
        return super().compute_loss(teacher_outputs, student_outputs, y, sample_weight)

    def output_loss(self, teacher: Any, student: Any, labels: Any, sample_weight: Any) -> Any:
        classes = max(teacher.shape[-1], 2)
        numbers = class_numbers(labels, "DecoupledDistillation")
        is_target = numbers[:, None] == ops.arange(classes)
        is_class = float32(ops.any(is_target, axis=-1))

        def divergence(teacher: Any, student: Any) -> Any:
            return is_class * self._divergence(teacher, student, is_target)

        return sample_mean(divergence, teacher, student, sample_weight) * self.temperature**2

    def _divergence(self, teacher: Any, student: Any, is_target: Any) -> Any:
        sides = (
            _split(class_logits(logits) / self.temperature, is_target)
            for logits in (teacher, student)
        )
        target, others = (_divergence(p, q) for p, q in zip(*sides, strict=True))
        return self.alpha * target + self.beta * others

    def get_config(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "beta": self.beta, "temperature": self.temperature}


def _split(logits: Any, is_target: Any) -> tuple[Any, Any]:
    """Log-probabilities of target and rest, `(batch, 2)`, and of each class among the rest."""
    rest = ops.where(is_target, _NEVER, logits)
    target = ops.sum(ops.where(is_target, logits, 0.0), axis=-1)
    pair = ops.stack([target, ops.logsumexp(rest, axis=-1)], axis=-1)
    return ops.log_softmax(pair, axis=-1), ops.log_softmax(rest, axis=-1)


def _divergence(teacher: Any, student: Any) -> Any:
    """KL divergence per row, of log-probabilities."""
    return ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)
