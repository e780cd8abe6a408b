"""EinsumDense with an integer kernel."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._bias_steps import rounded_bias
from kerazoo.compress._input_step import input_step
from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.compress._weight_fake_quant import quantize_weights, weight_range, weight_step


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedEinsumDense(QuantizedLayer):
    """einsum(equation, x, q(kernel)) + bias, with one range for the whole kernel.

    The converter turns equations that are one product of matrices into FULLY_CONNECTED, others into
    BATCH_MATMUL. The activation is left out: it has a place of its own behind this layer.

    Shape: as the layer's.
    """

    def call(self, inputs, training=None):
        kernel = self.cast(self._quantized_kernel())
        outputs = ops.einsum(self.inner.equation, self.cast(inputs), kernel)
        bias = self.inner.bias
        if bias is not None and not (training and self.trainable):
            ranges = weight_range(ops.convert_to_tensor(self.inner.kernel), per_channel=False)
            bias = rounded_bias(bias, input_step(self), weight_step(ranges, bits=self.bits))
        return outputs if bias is None else outputs + self.cast(ops.convert_to_tensor(bias))

    def quantized_weights(self) -> dict[str, Any]:
        return {"kernel": self._quantized_kernel()}

    def _quantized_kernel(self):
        kernel = ops.convert_to_tensor(self.inner.kernel)
        return quantize_weights(kernel, weight_range(kernel, per_channel=False), bits=self.bits)


def is_one_product(layer: keras.Layer) -> bool:
    """Whether the layer is rows times a matrix plus a bias of its columns, as integer kernels are.

    So `abc,cd->abd`, but not `abc,bd->adc`, whose result is transposed before the bias comes.
    """
    operands, result = layer.equation.replace(" ", "").replace("...", "").split("->")
    rows, kernel = operands.split(",")
    columns = [letter for letter in kernel if letter not in rows]
    kept = [letter for letter in rows if letter not in kernel]
    is_in_order = list(result) == kept + columns
    return is_in_order and (layer.bias is None or list(layer.bias_axes) == columns)
