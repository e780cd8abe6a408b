"""Positions as rotations of queries and keys (RoFormer, Su et al. 2021)."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_number
from kerazoo.errors import DataError, unknown_name
from kerazoo.layers._angles import pair_frequencies, position_angles
from kerazoo.layers._checks import check_sequence

# On which axis the two of a pair lie once the features are split in two axes.
_PAIR_AXIS = {"interleaved": -1, "half": -2}


@keras.saving.register_keras_serializable(package="kerazoo")
class RotaryEmbedding(layers.Layer):
    """(a, b) -> (a cos w - b sin w, a sin w + b cos w), w = t / base^(2i / d), for each pair i.

    t counts the steps from `offset`, d is the number of features, d / 2 that of pairs. Rotate
    queries and keys, not values: the product of a query at m and a key at n then depends on m - n
    alone.

    Source: Su et al. 2021, arXiv:2104.09864, equations 15 and 34.

    Args:
        base: above 0; wavelengths go from 2 pi to 2 pi * base steps.
        pairing: which features form pair i. "interleaved": 2i and 2i + 1, as in the paper, GPT-J
            and Meta's Llama; "half": i and i + d / 2, as in GPT-NeoX, KerasHub and Llama of
            Hugging Face. Trained weights need the one that they were trained with.

    Call arguments:
        inputs: `(batch, time, features)` or `(batch, time, heads, features)`, features even; time
            may be unknown when a model is built.
        offset: position of the first step: an integer, or one for each sample, `(batch,)`. When a
            decoder gets one step at a time, the number of steps before.

    Shape: that of `inputs`. Masks pass. Rotates in float32 at least; the result has the layer's
    compute dtype.

    Raises: ConfigError if `base` is out of its range, UnknownNameError for another `pairing`,
    DataError if the input does not fit.

    >>> layer = RotaryEmbedding()
    >>> keras.ops.convert_to_numpy(layer(np.ones((1, 2, 4)))).round(2)
    array([[[ 1.  ,  1.  ,  1.  ,  1.  ],
            [-0.3 ,  1.38,  0.99,  1.01]]], dtype=float32)
    >>> keras.ops.convert_to_numpy(layer(np.ones((1, 1, 4)), offset=1)).round(2)
    array([[[-0.3 ,  1.38,  0.99,  1.01]]], dtype=float32)
    """

    def __init__(
        self,
        base: float = 10_000.0,
        pairing: Literal["interleaved", "half"] = "interleaved",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if pairing not in _PAIR_AXIS:
            raise unknown_name("pairing", pairing, _PAIR_AXIS)
        self.base, self.pairing = check_number("base", base, above=0), pairing
        self.input_spec = layers.InputSpec(min_ndim=3, max_ndim=4)
        self.supports_masking = True

    def build(self, input_shape):
        check_sequence(self.name, input_shape, may_have_heads=True)
        if input_shape[-1] % 2:
            raise DataError(
                f"Layer {self.name!r} rotates pairs: the number of features must be even. "
                f"Received: input_shape={tuple(input_shape)}."
            )

    def call(self, inputs, offset=0):
        features = inputs.shape[-1]
        frequencies = pair_frequencies(features, self.base)
        angles = position_angles(ops.shape(inputs)[1], offset, frequencies)
        if len(inputs.shape) == 4:
            angles = ops.expand_dims(angles, -2)  # the same for all heads
        return self._rotate(inputs, ops.cos(angles), ops.sin(angles))

    def _rotate(self, inputs, cosine, sine):
        shape, axis = ops.shape(inputs), _PAIR_AXIS[self.pairing]
        half = inputs.shape[-1] // 2
        split = (half, 2) if axis == -1 else (2, half)
        precise = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        a, b = ops.unstack(ops.reshape(precise, (*shape[:-1], *split)), 2, axis=axis)
        rotated = ops.stack([a * cosine - b * sine, a * sine + b * cosine], axis=axis)
        return ops.cast(ops.reshape(rotated, shape), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "base": self.base, "pairing": self.pairing}
