"""PReLU with integer slopes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._quantized_layer import QuantizedLayer


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedPReLU(QuantizedLayer):
    """max(0, x) + q(alpha) * min(0, x), with one range for all slopes, in the form of PRELU.

    The converter finds its PRELU operator only where no fake-quant stands on alpha, and then
    quantizes alpha itself. So alpha is rounded here to the same steps, max|alpha| / 127, by
    arithmetic that folds into a constant.

    Shape: any, to the same.
    """

    def call(self, inputs):
        x = self.cast(inputs)
        alpha = self.cast(self._quantized_slopes())
        return ops.relu(x) + ops.negative(alpha) * ops.relu(ops.negative(x))

    def quantized_weights(self) -> dict[str, Any]:
        return {"alpha": self._quantized_slopes()}

    def _quantized_slopes(self):
        alpha = ops.convert_to_tensor(self.inner.alpha)
        step = ops.maximum(ops.max(ops.abs(alpha)), 1e-5) / 127
        return alpha + ops.stop_gradient(ops.round(alpha / step) * step - alpha)
