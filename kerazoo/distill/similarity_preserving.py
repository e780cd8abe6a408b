"""Similarity-preserving distillation, SP (Tung, Mori 2019)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.distill._layer_loss import LayerLoss
from kerazoo.distill._loss import mean
from kerazoo.distill._rows import rows_of_whole_batch, unit


@keras.saving.register_keras_serializable(package="kerazoo")
class SimilarityPreserving(LayerLoss):
    """|G(teacher) - G(student)|_F^2 / batch^2, added up over pairs of layers.

    G is the batch's matrix of similarities: the products F F^T of all samples' features, each row
    scaled to length 1. Samples that the teacher finds alike shall be alike to the student; widths
    and sizes of the layers need not agree, and nothing is projected.

    Features: float of any precision, `(batch, ...)` with fixed sizes.

    Args:
        teacher_layer_name: a layer's name, or a list of several; None for the final output.
        student_layer_name: as many layers of the student.

    Raises:
        kerazoo.errors.ConfigError: the layers are not as many, or their shapes are not known.

    >>> loss = kerazoo.distill.SimilarityPreserving()
    >>> teacher, student = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0], [1.0]])
    >>> round(float(loss.compute_loss(teacher, student)), 4)
    0.2929

    Source: arXiv:1907.09682, equations 1 to 4. It depends on who shares a batch: on
    several replicas (`kerazoo.distribute.prepare`) that is the global one.
    """

    def build_pair(self, number: int, teacher: tuple, student: tuple) -> None:
        self.check_fixed_sizes(teacher, student)

    def pair_loss(self, number: int, teacher: Any, student: Any, labels: Any) -> Any:
        difference = _similarities(teacher) - _similarities(student)
        return mean(difference**2)  # batch^2 elements


def _similarities(features: Any) -> Any:
    features = rows_of_whole_batch(features)
    return unit(ops.matmul(features, ops.transpose(features)))
