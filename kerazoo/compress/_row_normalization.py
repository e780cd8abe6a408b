"""Normalization of rows in operations that integer kernels have, none of which divides by zero."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._quantized_layer import activation_quantizer, as_scheme, scheme_config


@keras.saving.register_keras_serializable(package="kerazoo")
class RowNormalization(keras.layers.Layer):
    """y = d / sqrt(sum(d ** 2) + n * epsilon), d = x - mean(x) over the last axis, of size n.

    That is 1 / sqrt(n) of the layer normalization of `x`; whoever calls it multiplies its gamma by
    sqrt(n), which costs nothing. Each intermediate result is fake-quantized. The sum of squares is
    a product of matrices: squares alone would need 8 bits for a range in which a few outliers push
    all others to 0. The sum is kept at one step or above, since 1 / sqrt(0) is what integer
    kernels refuse and the converter calls "scale out of expressed type range".

    Args:
        center: whether the mean is subtracted; without it, it is the root mean square that divides.
        epsilon: what is added to the variance, above 0.
        scheme: bits of activations.

    Shape: `(batch, rows, n)` to the same.
    """

    def __init__(
        self, center: bool = True, epsilon: float = 1e-3, scheme: Any = None, **kwargs: Any
    ):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self.center, self.epsilon, self.scheme = center, epsilon, as_scheme(scheme)
        names = ["squares", "shifted", "reciprocal", "normalized"]
        for name in ["mean", "centered", *names] if center else names:
            quantizer = activation_quantizer(self.scheme, name, trainable=self.trainable)
            setattr(self, f"{name}_quantizer", quantizer)

    def build(self, input_shape):
        for layer in self._flatten_layers(include_self=False, recursive=False):
            layer.build(input_shape)

    def call(self, inputs):
        if self.center:
            mean = self.mean_quantizer(ops.mean(inputs, axis=-1, keepdims=True))
            inputs = self.centered_quantizer(inputs - mean)
        squares = self._sum_of_squares(inputs)
        size = inputs.shape[-1]
        shifted = self.shifted_quantizer(squares + size * self.epsilon)
        reciprocal = self.reciprocal_quantizer(ops.rsqrt(ops.maximum(shifted, self._one_step())))
        return self.normalized_quantizer(inputs * reciprocal)

    def _sum_of_squares(self, inputs):
        _, rows, size = ops.shape(inputs)
        row = ops.reshape(inputs, (-1, 1, size))
        squares = ops.matmul(row, ops.swapaxes(row, 1, 2))
        return ops.reshape(self.squares_quantizer(squares), (-1, rows, 1))

    def _one_step(self):
        """The smallest number above zero that the sum of squares can be; n * epsilon in float."""
        if self.scheme.activation_bits is None:
            return self.epsilon
        low, high = self.shifted_quantizer.range()
        return ops.maximum((high - low) / (2**self.scheme.activation_bits - 1), 1e-30)

    def get_config(self):
        return {
            **super().get_config(),
            "center": self.center,
            "epsilon": self.epsilon,
            "scheme": scheme_config(self.scheme),
        }
