"""DIST: relations instead of values (Huang, You, Wang, Qian, Xu 2022)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.distill._loss import OutputLoss, class_logits, mean
from kerazoo.distill._rows import unit
from kerazoo.global_batch import rows_of_all


@keras.saving.register_keras_serializable(package="kerazoo")
class DIST(OutputLoss):
    """T^2 * (beta * inter + gamma * intra), without unit, each part 0 to 2.

    With P = softmax(teacher / T) and Q = softmax(student / T), `(batch, classes)`, and Pearson's
    correlation r: inter = the mean over samples of 1 - r(P_i, Q_i), rows; intra = the mean over
    classes of 1 - r(P_j, Q_j), columns. A student much weaker than its teacher can match what
    correlation sees without matching the values.

    Outputs: logits, `(batch, ..., classes)`, before softmax; further axes count as samples. A
    single column is the logit of two classes, before sigmoid. Several outputs are added up. Batches
    of one sample have no intra part (it is 1). All samples count alike: sample weights and masks
    are not looked at.

    Args:
        beta: weight of the relations between classes, 0 or above.
        gamma: weight of the relations between samples, 0 or above.
        temperature: T, above 0.

    Raises:
        kerazoo.errors.ConfigError: an argument breaks its rule, or the shapes differ.

    >>> loss = kerazoo.distill.DIST(beta=1.0, gamma=0.0, temperature=1.0)
    >>> teacher, student = np.array([[1.0, 2.0, 3.0]]), np.array([[3.0, 2.0, 1.0]])
    >>> round(float(loss.compute_loss(teacher, student)), 4)
    1.8671

    Source: arXiv:2205.10536, sections 3.1 and 3.2; T^2 as in the authors' code. The intra part is
    of the batch; on several replicas (`kerazoo.distribute.prepare`) of the global one.
    """

    def __init__(self, beta: float = 1.0, gamma: float = 1.0, temperature: float = 1.0):
        self.beta = check_number("beta", beta, least=0)
        self.gamma = check_number("gamma", gamma, least=0)
        self.temperature = check_number("temperature", temperature, above=0)

    def output_loss(self, teacher: Any, student: Any, labels: Any, sample_weight: Any) -> Any:
        teacher, student = self._probabilities(teacher), self._probabilities(student)
        inter = _pearson_distance(teacher, student)
        intra = _pearson_distance(ops.transpose(teacher), ops.transpose(student))
        return (self.beta * inter + self.gamma * intra) * self.temperature**2

    def _probabilities(self, logits: Any) -> Any:
        logits = rows_of_all(class_logits(logits))
        logits = ops.reshape(logits, (-1, logits.shape[-1]))
        return ops.softmax(logits / self.temperature, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {"beta": self.beta, "gamma": self.gamma, "temperature": self.temperature}


def _pearson_distance(rows: Any, others: Any) -> Any:
    """Mean over rows of 1 - their correlation."""
    rows = unit(rows - ops.mean(rows, axis=-1, keepdims=True))
    others = unit(others - ops.mean(others, axis=-1, keepdims=True))
    return 1.0 - mean(ops.sum(rows * others, axis=-1))
