"""Relational knowledge distillation, RKD (Park, Kim, Lu, Cho 2019)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.distill._layer_loss import LayerLoss, Names
from kerazoo.distill._rows import length, rows_of_whole_batch, unit


@keras.saving.register_keras_serializable(package="kerazoo")
class RelationalDistillation(LayerLoss):
    """distance_weight * D + angle_weight * A, added up over pairs of layers.

    D: the mean over pairs of samples of huber(d_teacher - d_student), d the distance of the two
    samples' features divided by the mean distance in the batch. A: the mean over triplets of
    huber(c_teacher - c_student), c the cosine of the angle at the middle sample. huber(x) is
    x^2 / 2 up to |x| = 1, and |x| - 1/2 beyond. D of a single sample is 0, and so is A of two.

    Features: float of any precision, `(batch, ...)` with fixed sizes; widths may differ. Memory
    grows with batch^2 * width and batch^3.

    Args:
        teacher_layer_name: a layer's name, or a list of several; None for the final output.
        student_layer_name: as many layers of the student.
        distance_weight: 0 or above.
        angle_weight: 0 or above; the paper weighs distance and angle 1 to 2.

    Raises:
        kerazoo.errors.ConfigError: an argument breaks its rule, or shapes are not known.

    >>> loss = kerazoo.distill.RelationalDistillation(distance_weight=0.0, angle_weight=1.0)
    >>> teacher = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> student = np.array([[0.0], [1.0], [2.0]])
    >>> round(float(loss.compute_loss(teacher, student)), 4)
    0.5833

    Source: arXiv:1904.05068, section 3.2. Changed: means over distinct samples instead of sums. It
    depends on who shares a batch: on several replicas (`kerazoo.distribute.prepare`) that is the
    global one, whole on each of them.
    """

    def __init__(
        self,
        teacher_layer_name: Names = None,
        student_layer_name: Names = None,
        distance_weight: float = 1.0,
        angle_weight: float = 2.0,
    ):
        super().__init__(teacher_layer_name, student_layer_name)
        self.distance_weight = check_number("distance_weight", distance_weight, least=0)
        self.angle_weight = check_number("angle_weight", angle_weight, least=0)

    def build_pair(self, number: int, teacher: tuple, student: tuple) -> None:
        self.check_fixed_sizes(teacher, student)

    def pair_loss(self, number: int, teacher: Any, student: Any, labels: Any) -> Any:
        teacher, student = _differences(teacher), _differences(student)
        loss = 0.0
        if self.distance_weight:
            loss += self.distance_weight * _distance_loss(teacher, student)
        if self.angle_weight:
            loss += self.angle_weight * _angle_loss(teacher, student)
        return loss

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "distance_weight": self.distance_weight,
            "angle_weight": self.angle_weight,
        }


def _differences(features: Any) -> Any:
    """At [j, i] sample i minus sample j, `(batch, batch, width)`."""
    features = rows_of_whole_batch(features)
    return features[None] - features[:, None]


def _distance_loss(teacher: Any, student: Any) -> Any:
    is_pair = _is_other(ops.shape(teacher)[0])
    gaps = _relative_distances(teacher, is_pair) - _relative_distances(student, is_pair)
    return _mean(_huber(gaps), is_pair)


def _relative_distances(differences: Any, is_pair: Any) -> Any:
    distances = length(differences)
    return distances / ops.maximum(_mean(distances, is_pair), 1e-12)


def _angle_loss(teacher: Any, student: Any) -> Any:
    """At [j, i, k] the angle at j between i and k."""
    is_pair = _is_other(ops.shape(teacher)[0])
    is_triplet = is_pair[:, :, None] * is_pair[:, None, :] * is_pair[None]
    return _mean(_huber(_cosines(teacher) - _cosines(student)), is_triplet)


def _cosines(differences: Any) -> Any:
    directions = unit(differences)
    return ops.matmul(directions, ops.swapaxes(directions, 1, 2))


def _is_other(batch: Any) -> Any:
    """1.0 for two different samples, 0.0 for a sample and itself."""
    numbers = ops.arange(batch)
    return ops.cast(numbers[:, None] != numbers[None], "float32")


def _mean(values: Any, weights: Any) -> Any:
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)


def _huber(values: Any) -> Any:
    size = ops.abs(values)
    return ops.where(size <= 1.0, size**2 / 2, size - 0.5)
