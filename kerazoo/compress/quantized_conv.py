"""Convolutions with quantized kernels, batch normalization folded in."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._bias_steps import rounded_bias
from kerazoo.compress._convolution import (
    from_image,
    geometry,
    image_kernel,
    layer_kernel,
    to_image,
)
from kerazoo.compress._folding import folded_bias, scale_and_offset, uses_batch_statistics
from kerazoo.compress._input_step import input_step
from kerazoo.compress._normalized_layer import NormalizedLayer
from kerazoo.compress._weight_fake_quant import quantize_weights, weight_range, weight_step

DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedConv(NormalizedLayer):
    """y = BN(q(K) * x + b): Conv1D, 2D, 3D, grouped ones, DepthwiseConv1D and 2D.

    q rounds each output channel to steps of its own, and so commutes with the factor
    g = gamma / sqrt(variance + epsilon) that the normalization has for that channel:
    q(K) g = q(K g). In training the normalization is the usual one, on batch statistics; in
    inference, or with the normalization frozen, kernel and bias are the folded ones, g K and
    g (b - mean) + beta, rounded to the steps in which the file holds them. That takes no second
    convolution and no schedule.

    The layer's own activation is left out: it has a place of its own behind this layer. Rows and
    volumes are computed as images, since integer kernels exist for these alone.

    Args:
        layer: a convolution, channels last.
        scheme: bits of weights, 8 or 4.
        normalization: the BatchNormalization behind it; None for none.

    Source: Jacob et al. 2018, arXiv:1712.05877, section 3.2; folding there is per layer and needs
    the correction of Krishnamoorthi 2018, arXiv:1806.08342, which per-channel steps make needless.
    """

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel has filters of its own."""
        return isinstance(self.inner, DEPTHWISE)

    def call(self, inputs, training=None):
        scale, bias = None, self.inner.bias if self.inner.use_bias else None
        if self.normalization is not None:
            if uses_batch_statistics(self.normalization, training):
                outputs = self._convolve(inputs, self._quantized_kernel(), bias)
                return self.normalization(outputs, training=True)
            scale, bias = folded_bias(self.normalization, bias)
        if not (training and self.trainable):
            bias = self._rounded(bias, scale)
        return self._convolve(inputs, self._quantized_kernel(scale), bias)

    def quantized_weights(self):
        """The kernel, with the factors of the normalization folded in, in the layer's shape."""
        scale = None if self.normalization is None else scale_and_offset(self.normalization)[0]
        kernel = layer_kernel(self._quantized_kernel(scale), self.inner)
        return {"kernel": ops.reshape(kernel, self.inner.kernel.shape)}

    def plain_weights(self):
        """The kernel as it is without the factors of the normalization, which stays apart."""
        kernel = layer_kernel(self._quantized_kernel(), self.inner)
        return {"kernel": ops.reshape(kernel, self.inner.kernel.shape)}

    def _quantized_kernel(self, scale: Any = None) -> Any:
        """q(g K) of the image's convolution, float32; `scale`: g, None for 1."""
        kernel, ranges = self._by_channel(scale)
        shape = self._image_kernel().shape
        return ops.reshape(quantize_weights(kernel, ranges, bits=self.bits), shape)

    def _by_channel(self, scale: Any) -> tuple[Any, Any]:
        """g K with the output channels as its last axis, and their ranges."""
        kernel = self._image_kernel()
        if self.is_depthwise:  # each input channel and multiplier is a channel of its own
            height, width, channels, multiplier = kernel.shape
            kernel = ops.reshape(kernel, (height, width, 1, channels * multiplier))
        ranges = weight_range(kernel, per_channel=not self.has_one_range)
        return (kernel, ranges) if scale is None else (kernel * scale, ranges * ops.abs(scale))

    def _image_kernel(self) -> Any:
        return image_kernel(ops.convert_to_tensor(self.inner.kernel), self.inner)

    def _rounded(self, bias: Any, scale: Any) -> Any:
        """The bias in the steps of the file; those of the kernel depend on its `scale`."""
        _, ranges = self._by_channel(scale)
        return rounded_bias(bias, self._input_step(), weight_step(ranges, bits=self.bits))

    def _input_step(self) -> Any:
        return input_step(self)

    def _convolve(self, inputs: Any, kernel: Any, bias: Any) -> Any:
        image = to_image(self.cast(inputs), self.inner)
        convolve = ops.depthwise_conv if self.is_depthwise else ops.conv
        outputs = convolve(image, self.cast(kernel), **geometry(self.inner))
        if bias is not None:
            outputs = outputs + self.cast(bias)
        return from_image(outputs, inputs, self.inner)
