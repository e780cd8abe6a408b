"""Transposed convolutions with quantized kernels, batch normalization folded in and ReLU fused."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress.quantized_dense import QuantizedDense


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedConvTranspose(QuantizedDense):
    """y = activation(BN(q(K) *T x + b)), *T the transposed convolution: Conv1DTranspose and 2D.

    The converter transposes these kernels as it does those of dense layers, so there is one range
    for the whole kernel and the normalization is folded as in `QuantizedDense`. TFLite has no
    integer kernel for three dimensions: Conv3DTranspose stays in float.

    Args: as for `QuantizedDense`, `layer` being channels last.
    """

    def _scaled(self, scale: Any) -> Any:
        # (..., channels out, channels in): the factors of BN are those of the last but one axis.
        return super()._scaled(None if scale is None else scale[:, None])

    def _unfolded(self, kernel: Any, scale: Any) -> Any:
        return super()._unfolded(kernel, scale[:, None])

    def _multiply(self, inputs: Any, kernel: Any, bias: Any) -> Any:
        outputs = ops.conv_transpose(
            self.cast(inputs),
            self.cast(kernel),
            strides=tuple(self.inner.strides),
            padding=self.inner.padding,
            output_padding=self.inner.output_padding,
            dilation_rate=tuple(self.inner.dilation_rate),
            data_format="channels_last",
        )
        return outputs if bias is None else outputs + self.cast(bias)
