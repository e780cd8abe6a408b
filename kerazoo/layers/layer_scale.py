"""A learned factor for each channel of a residual branch, small at first (Touvron et al. 2021)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.errors import DataError


@keras.saving.register_keras_serializable(package="kerazoo")
class LayerScale(keras.layers.Layer):
    """y = gamma * x, with one learned gamma for each channel (the last axis).

    With a small start, each residual block begins near the identity, and deep transformers train:
    `x + LayerScale(1e-5)(attention(x))`.

    Source: Touvron, Cord, Sablayrolles, Synnaeve, Jegou 2021, "Going deeper with image
    transformers", arXiv:2103.17239, equation 4. ConvNeXt (arXiv:2201.03545) starts at 1e-6.

    Args:
        initial_value: every gamma's start. The paper: 0.1 up to 18 layers, 1e-5 up to 24, 1e-6
            beyond. 0 starts at the exact identity.

    Shape: `(batch, ..., channels)`, and the same out. Multiplied in float32 at least; the
    result has the layer's compute dtype. Masks pass.

    Raises: ConfigError if `initial_value` is no finite number, DataError if the number of channels
        is not known when the layer is built.

    >>> keras.ops.convert_to_numpy(LayerScale(0.5)(np.array([[2.0, 4.0]]))).tolist()
    [[1.0, 2.0]]
    """

    def __init__(self, initial_value: float = 1e-5, **kwargs: Any):
        super().__init__(**kwargs)
        self.initial_value = check_number("initial_value", initial_value)
        self.supports_masking = True

    def build(self, input_shape):
        if not input_shape or input_shape[-1] is None:
            raise DataError(
                f"Layer {self.name!r} needs a known number of channels, the last axis. "
                f"Received: input_shape={tuple(input_shape)}."
            )
        start = keras.initializers.Constant(self.initial_value)
        self.gamma = self.add_weight((input_shape[-1],), start, autocast=False, name="gamma")

    def call(self, inputs):
        # A gamma of 1e-6 is below what float16 tells apart, though its product may not be.
        precise = keras.backend.result_type(inputs.dtype, "float32")
        scaled = ops.cast(inputs, precise) * ops.cast(self.gamma, precise)
        return ops.cast(scaled, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "initial_value": self.initial_value}
