"""Embeddings from a table of integers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.compress._weight_fake_quant import quantize_weights, weight_range


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedEmbedding(QuantizedLayer):
    """q(table)[index]: a GATHER from an int8 table, with one range for the whole table.

    Shape: integers `(batch, ...)` in [0, input_dim) to `(batch, ..., output_dim)`.
    """

    def call(self, inputs):
        import tensorflow as tf

        table = self.cast(self._quantized_table())
        return tf.gather(table, ops.cast(inputs, "int32"))  # ops.take adds three operators for < 0

    def compute_mask(self, inputs, mask=None):
        return self.inner.compute_mask(inputs, mask)

    def quantized_weights(self) -> dict[str, Any]:
        return {"embeddings": self._quantized_table()}

    def _quantized_table(self):
        table = ops.convert_to_tensor(self.inner.embeddings)
        return quantize_weights(table, weight_range(table, per_channel=False), bits=self.bits)
