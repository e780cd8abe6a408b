"""The average of several tensors in integers."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.compress._quantized_layer import QuantizedLayer


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedAverage(QuantizedLayer):
    """(x_1 + ... + x_n) / n: additions and one multiplication, each result fake-quantized.

    Keras's own `Average` adds without a range in between, and stays in float for that.

    Shape: a list of n tensors of shapes that broadcast; `members` is n.
    """

    def __init__(self, layer: keras.Layer, scheme: Any = None, members: int = 2, **kwargs: Any):
        super().__init__(layer, scheme, **kwargs)
        self.members = members
        self.sum_quantizers = [
            self.activation_quantizer(f"sum_{index}") for index in range(1, members)
        ]

    def build(self, input_shape):
        super().build(input_shape)
        for quantizer in self.sum_quantizers:
            quantizer.build(None)

    def call(self, inputs):
        total = inputs[0]
        for term, quantizer in zip(inputs[1:], self.sum_quantizers, strict=True):
            total = quantizer(total + term)
        return total * (1 / len(inputs))

    def get_config(self):
        return {**super().get_config(), "members": self.members}
