"""Positions as sines and cosines, added to a sequence (Vaswani et al. 2017)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerazoo.argument_checks import check_number
from kerazoo.layers._angles import pair_frequencies, position_angles
from kerazoo.layers._checks import check_sequence


@keras.saving.register_keras_serializable(package="kerazoo")
class SinusoidalPositions(layers.Layer):
    """y[t, 2i] = x[t, 2i] + sin(w), y[t, 2i + 1] = x[t, 2i + 1] + cos(w), w = t / base^(2i / d).

    t counts the steps from `offset`, d is the number of features. Nothing is learned, so sequences
    may be of any length. Embeddings are usually scaled by sqrt(d) before (section 3.4 of the
    paper); this layer does not.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5. An odd d ends with a sine.

    Args:
        base: above 0; wavelengths go from 2 pi to 2 pi * base steps.

    Call arguments:
        inputs: `(batch, time, features)`; time may be unknown when a model is built.
        offset: position of the first step: an integer, or one for each sample, `(batch,)`. When a
            decoder gets one step at a time, the number of steps before.

    Shape: that of `inputs`. Masks pass. Angles are float32 under any policy; the sum has the
    layer's compute dtype.

    Raises: ConfigError if `base` is out of its range, DataError if the input does not fit.

    >>> layer = SinusoidalPositions()
    >>> keras.ops.convert_to_numpy(layer(np.zeros((1, 3, 4)))).round(2)
    array([[[ 0.  ,  1.  ,  0.  ,  1.  ],
            [ 0.84,  0.54,  0.01,  1.  ],
            [ 0.91, -0.42,  0.02,  1.  ]]], dtype=float32)
    >>> keras.ops.convert_to_numpy(layer(np.zeros((1, 1, 4)), offset=2)).round(2)
    array([[[ 0.91, -0.42,  0.02,  1.  ]]], dtype=float32)
    """

    def __init__(self, base: float = 10_000.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.base = check_number("base", base, above=0)
        self.input_spec = layers.InputSpec(ndim=3)
        self.supports_masking = True

    def build(self, input_shape):
        check_sequence(self.name, input_shape)

    def call(self, inputs, offset=0):
        features = inputs.shape[-1]
        frequencies = np.repeat(pair_frequencies(features, self.base), 2)[:features]
        angles = position_angles(ops.shape(inputs)[1], offset, frequencies)
        waves = ops.where(np.arange(features) % 2 == 0, ops.sin(angles), ops.cos(angles))
        return ops.cast(inputs, self.compute_dtype) + ops.cast(waves, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "base": self.base}
