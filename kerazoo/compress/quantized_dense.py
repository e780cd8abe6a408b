"""Dense layers with quantized kernels, batch normalization folded in."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._bias_steps import rounded_bias
from kerazoo.compress._folding import folded_bias, scale_and_offset, uses_batch_statistics
from kerazoo.compress._input_step import input_step
from kerazoo.compress._normalized_layer import NormalizedLayer
from kerazoo.compress._weight_fake_quant import quantize_weights, weight_range, weight_step

LEAST_FACTOR = 1e-3
"""Of the largest factor. Dividing by less would blow rounding errors up, so columns that the
normalization all but switches off are trained with the kernel as it is."""


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedDense(NormalizedLayer):
    """y = BN(x q(W) + b), with one range for the whole kernel.

    The converter transposes dense kernels and cannot do that with a range per column. One range
    does not commute with the normalization's factors g, so in training the kernel is q(g W) / g
    with the g of the moving statistics; in inference kernel and bias are the folded ones, as in
    `QuantizedConv`. The layer's own activation has a place of its own behind this layer.

    Args:
        layer: a `keras.layers.Dense`.
        scheme: bits of weights, 8 or 4.
        normalization: the BatchNormalization behind it; None for none.

    Shape: `(batch, ..., features)` to `(batch, ..., units)`.
    """

    def call(self, inputs, training=None, mask=None):
        bias = self.inner.bias if self.inner.use_bias else None
        scale = None
        if self.normalization is not None:
            scale, offset = folded_bias(self.normalization, bias)
            if uses_batch_statistics(self.normalization, training):
                kernel = self._unfolded(self._quantized_kernel(scale), scale)
                outputs = self._multiply(inputs, kernel, bias)
                mask = mask if self.supports_masking else None
                return self.normalization(outputs, training=True, mask=mask)
            bias = offset
        if not (training and self.trainable):
            bias = rounded_bias(bias, input_step(self), self._kernel_step(scale))
        return self._multiply(inputs, self._quantized_kernel(scale), bias)

    def quantized_weights(self):
        """The kernel, with the factors of the normalization folded in."""
        scale = None if self.normalization is None else scale_and_offset(self.normalization)[0]
        return {"kernel": self._quantized_kernel(scale)}

    def plain_weights(self):
        """The kernel as it is without the factors of the normalization, which stays apart."""
        if self.normalization is None:
            return self.quantized_weights()
        scale = scale_and_offset(self.normalization)[0]
        return {"kernel": self._unfolded(self._quantized_kernel(scale), scale)}

    def _quantized_kernel(self, scale: Any = None) -> Any:
        kernel = self._scaled(scale)
        return quantize_weights(kernel, weight_range(kernel, per_channel=False), bits=self.bits)

    def _kernel_step(self, scale: Any) -> Any:
        return weight_step(weight_range(self._scaled(scale), per_channel=False), bits=self.bits)

    def _scaled(self, scale: Any) -> Any:
        """g W, before it is rounded; `scale`: g, None for 1."""
        kernel = ops.convert_to_tensor(self.inner.kernel)
        return kernel if scale is None else kernel * scale

    def _unfolded(self, kernel: Any, scale: Any) -> Any:
        scale = ops.stop_gradient(scale)
        is_usable = ops.abs(scale) > LEAST_FACTOR * ops.max(ops.abs(scale))
        return ops.where(is_usable, kernel / ops.where(is_usable, scale, 1.0), self.inner.kernel)

    def _multiply(self, inputs: Any, kernel: Any, bias: Any) -> Any:
        sizes = tuple(inputs.shape[1:-1])
        rows = ops.reshape(inputs, (-1, inputs.shape[-1])) if sizes else inputs
        outputs = ops.matmul(self.cast(rows), self.cast(kernel))
        if bias is not None:
            outputs = outputs + self.cast(bias)
        return ops.reshape(outputs, self._shape(inputs, outputs)) if sizes else outputs

    def _shape(self, inputs: Any, outputs: Any) -> tuple:
        """Of the result: one open size at most, the batch where that is the only one."""
        sizes = tuple(inputs.shape[1:-1])
        if None not in sizes:
            return (-1, *sizes, outputs.shape[-1])
        return (*ops.shape(inputs)[:-1], outputs.shape[-1])
