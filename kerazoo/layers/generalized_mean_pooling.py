"""Pooling between mean and maximum, with a learned exponent (Radenovic, Tolias, Chum 2018)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_number
from kerazoo.layers._checks import check_channels


@keras.saving.register_keras_serializable(package="kerazoo")
class GeneralizedMeanPooling(layers.Layer):
    """mean(max(x, epsilon) ** p) ** (1 / p) over height and width, with p learned.

    Source: Radenovic, Tolias, Chum 2018, arXiv:1711.02512, equation 3, with one p for all channels;
    `epsilon` as in the authors' code.

    Args:
        p: the exponent before training, above 0; 1 averages, a large p nears the maximum.
        epsilon: above 0; smaller inputs, and so all negative ones, count as it.

    Shape: `(batch, height, width, channels)`, channels last only, to `(batch, channels)`. Computed
    in float32 at least; the result has the layer's compute dtype.

    Raises: ConfigError if an argument is out of its range, DataError if the channels are not known.

    >>> picture = np.array([1.0, 1.0, 1.0, 3.0]).reshape(1, 2, 2, 1)
    >>> means = [GeneralizedMeanPooling(p)(picture) for p in (1, 3, 100)]
    >>> [round(keras.ops.convert_to_numpy(mean).item(), 3) for mean in means]
    [1.5, 1.957, 2.959]
    """

    def __init__(self, p: float = 3.0, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.p = check_number("p", p, above=0)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self.input_spec = layers.InputSpec(ndim=4)

    def build(self, input_shape):
        check_channels(self.name, input_shape)
        self.exponent = self.add_weight(
            (), keras.initializers.Constant(self.p), autocast=False, name="exponent"
        )

    def call(self, inputs):
        precise = keras.backend.result_type(inputs.dtype, "float32")
        p = ops.cast(self.exponent, precise)
        x = ops.maximum(ops.cast(inputs, precise), self.epsilon)
        # x ** p leaves the range of float32 where p is large, so x is divided by its largest first.
        # The result is the same whatever x is divided by: hence no slope through it.
        largest = ops.stop_gradient(ops.max(x, axis=(1, 2), keepdims=True))
        mean = ops.mean((x / largest) ** p, axis=(1, 2))
        return ops.cast(ops.squeeze(largest, (1, 2)) * mean ** (1 / p), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "p": self.p, "epsilon": self.epsilon}
