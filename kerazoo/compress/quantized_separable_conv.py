"""Separable convolutions with quantized kernels and a range between their two halves."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._convolution import from_image, geometry, image_kernel, to_image
from kerazoo.compress._folding import scale_and_offset
from kerazoo.compress._weight_fake_quant import quantize_weights, weight_range
from kerazoo.compress.quantized_conv import QuantizedConv


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedSeparableConv(QuantizedConv):
    """y = activation(BN(q(P) * FQ(q(D) * x) + b)): SeparableConv1D and 2D.

    D, the depthwise kernel, and P, the pointwise one, have a step for each channel. FQ is the
    fake-quant of what integer kernels hand from one convolution to the other. The normalization
    is folded into P, as `QuantizedConv` folds it.

    Args: as for `QuantizedConv`.
    """

    def __init__(self, layer: keras.Layer, scheme: Any = None, **kwargs: Any):
        super().__init__(layer, scheme, **kwargs)
        self.between_quantizer = self.activation_quantizer("between")

    def build(self, input_shape):
        super().build(input_shape)
        self.between_quantizer.build(None)

    def quantized_weights(self):
        scale = None if self.normalization is None else scale_and_offset(self.normalization)[0]
        return self._weights(self._quantized_kernel(scale))

    def plain_weights(self):
        return self._weights(self._quantized_kernel())

    def _weights(self, pointwise: Any) -> dict[str, Any]:
        return {
            "depthwise_kernel": self._reshaped(self._quantized_depthwise(), "depthwise_kernel"),
            "pointwise_kernel": self._reshaped(pointwise, "pointwise_kernel"),
        }

    def _reshaped(self, kernel: Any, name: str) -> Any:
        return ops.reshape(kernel, getattr(self.inner, name).shape)

    def _image_kernel(self) -> Any:
        return image_kernel(ops.convert_to_tensor(self.inner.pointwise_kernel), self.inner)

    def _input_step(self) -> Any:
        """Of the pointwise convolution, which has the bias."""
        return self.between_quantizer.step_size() if self.between_quantizer.bits else None

    def _quantized_depthwise(self) -> Any:
        kernel = image_kernel(ops.convert_to_tensor(self.inner.depthwise_kernel), self.inner)
        height, width, channels, multiplier = kernel.shape
        kernel = ops.reshape(kernel, (height, width, 1, channels * multiplier))
        quantized = quantize_weights(kernel, weight_range(kernel, per_channel=True), bits=self.bits)
        return ops.reshape(quantized, (height, width, channels, multiplier))

    def _convolve(self, inputs: Any, kernel: Any, bias: Any) -> Any:
        image = to_image(self.cast(inputs), self.inner)
        depthwise = self.cast(self._quantized_depthwise())
        image = ops.depthwise_conv(image, depthwise, **geometry(self.inner))
        image = self.between_quantizer(image)
        outputs = ops.conv(image, self.cast(kernel), padding="valid")
        if bias is not None:
            outputs = outputs + self.cast(bias)
        return from_image(outputs, inputs, self.inner)
