"""Classes by angle, with the margins of ArcFace (Deng 2019) and CosFace (Wang 2018)."""

from __future__ import annotations

import math
from typing import Any, Literal

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import DataError, unknown_name


def _arcface(cosine, margin):
    """cos(angle + margin), and beyond pi, where that would rise again, a line that goes on down."""
    # A floor under the square: the root's slope at 0 is infinite. 1e-7 is float32's step at 1.
    sine = ops.sqrt(ops.maximum(1 - ops.square(cosine), 1e-7))
    shifted = cosine * math.cos(margin) - sine * math.sin(margin)
    is_below_pi = cosine > -math.cos(margin)
    return ops.where(is_below_pi, shifted, cosine - margin * math.sin(margin))


def _cosface(cosine, margin):
    return cosine - margin


# What the margin does to the cosine of the right class, and below what it must stay.
_MARGINS = {"arcface": (_arcface, math.pi), "cosface": (_cosface, 2.0)}


@keras.saving.register_keras_serializable(package="kerazoo")
class CosineClassifier(layers.Layer):
    """logits_j = scale * cos(a_j), a_j the angle between the features and w_j.

    In training, the right class must win by a margin m. In place of its cos(a) stands

    | `margin_type` | |
    |---|---|
    | "arcface" | cos(a + m); cos(a) - m sin(m) where a + m would pass pi |
    | "cosface" | cos(a) - m |

    Sources: Deng, Guo, Xue, Zafeiriou 2019, arXiv:1801.07698, equation 3, and the authors' code for
    angles past pi; Wang et al. 2018, arXiv:1801.09414, equation 4.

    Args:
        units: number of classes, above 0.
        scale: s of the papers, above 0. They use 64; fewer classes need less.
        margin: m; for "arcface" in radians, from 0 to below pi (the paper uses 0.5); for "cosface"
            a cosine, from 0 to below 2 (0.35). 0 leaves a plain cosine classifier.
        margin_type: "arcface" or "cosface".
        kernel_initializer: of the w_j.

    Call arguments:
        features: `(batch, features)`; all zeros, which have no direction, give logits of 0.
        labels: integers, `(batch,)` or `(batch, 1)`, from 0 to below `units`; needed in training if
            `margin` is above 0, without effect otherwise. A label out of range gets no margin.

    Shape: `(batch, units)`: logits, for a loss with `from_logits=True`. Computed in float32 at
    least and cast to the compute dtype; as for any head, `dtype="float32"` keeps them whole.

    Raises: ConfigError if an argument is out of its range, UnknownNameError for another
    `margin_type`, DataError if the labels are missing or do not fit.

    One layer, two models: labels are an input in training, and none of the model that is shipped.

    >>> features, labels = keras.Input((16,)), keras.Input((), dtype="int32")
    >>> head = CosineClassifier(3, scale=16.0, margin=0.5)
    >>> in_training = keras.Model([features, labels], head(features, labels))
    >>> shipped = keras.Model(features, head(features))
    >>> tuple(shipped(np.ones((2, 16))).shape)
    (2, 3)
    """

    def __init__(
        self,
        units: int,
        scale: float = 64.0,
        margin: float = 0.0,
        margin_type: Literal["arcface", "cosface"] = "arcface",
        kernel_initializer: str | keras.Initializer = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if margin_type not in _MARGINS:
            raise unknown_name("margin_type", margin_type, _MARGINS)
        self.units = check_integer("units", units)
        self.scale = check_number("scale", scale, above=0)
        self.margin_type, limit = margin_type, _MARGINS[margin_type][1]
        self.margin = check_number("margin", margin, least=0, below=limit)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = layers.InputSpec(ndim=2)

    def build(self, input_shape):
        if len(input_shape) != 2 or input_shape[1] is None:
            raise DataError(
                f"Layer {self.name!r} takes (batch, features) with a known number of features. "
                f"Received: input_shape={tuple(input_shape)}."
            )
        self.kernel = self.add_weight(
            (input_shape[1], self.units), self.kernel_initializer, autocast=False, name="kernel"
        )

    def call(self, features, labels=None, training=False):
        precise = keras.backend.result_type(features.dtype, "float32")
        directions = normalized(ops.cast(self.kernel, precise), axis=0)
        cosine = ops.matmul(normalized(ops.cast(features, precise), axis=1), directions)
        if training and self.margin > 0:
            cosine = self._with_margin(cosine, labels)
        return ops.cast(self.scale * cosine, self.compute_dtype)

    def _with_margin(self, cosine, labels):
        self._check_labels(labels)
        right = ops.equal(ops.reshape(labels, (-1, 1)), ops.arange(self.units))
        lower, _ = _MARGINS[self.margin_type]
        return ops.where(right, lower(cosine, self.margin), cosine)

    def _check_labels(self, labels):
        if labels is None:
            raise DataError(
                f"Layer {self.name!r} has margin={self.margin} and needs `labels` in training. "
                f"Call it with (features, labels), or set margin=0."
            )
        shape = tuple(labels.shape)
        if not keras.backend.is_int_dtype(labels.dtype) or shape[1:] not in ((), (1,)):
            raise DataError(
                f"`labels` must be integers of shape (batch,) or (batch, 1). "
                f"Received: shape {shape}, {keras.backend.standardize_dtype(labels.dtype)}."
            )

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "scale": self.scale,
            "margin": self.margin,
            "margin_type": self.margin_type,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def normalized(vectors, axis):
    """Of length 1 along `axis`; zeros stay, and with a slope of 0, neither NaN nor the floor's."""
    squares = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    return vectors * ops.where(squares > 0, ops.rsqrt(ops.maximum(squares, 1e-12)), 0.0)
