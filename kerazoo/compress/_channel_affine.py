"""One factor and one offset for each channel, as the convolution that integer kernels have for it.

A multiplication and an addition would round twice and share one range of factors among all
channels; a depthwise 1x1 convolution has a step for each channel and a bias of 32 bits.
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from kerazoo.compress._bias_steps import rounded_bias
from kerazoo.compress._weight_fake_quant import quantize_weights, weight_range, weight_step


def channel_affine(
    inputs: Any, factors: Any, offsets: Any, *, bits: int = 8, input_step: Any = None
) -> Any:
    """inputs * q(factors) + offsets, with `factors` and `offsets` of shape `(channels,)`.

    `inputs`: `(batch, ..., channels)`, any rank of two or more; the result has its shape. With
    `input_step`, that of the range of `inputs`, the offsets are rounded as the file's are.
    """
    step = weight_step(weight_range(_row(factors), per_channel=True), bits=bits)
    offsets = rounded_bias(offsets, input_step, step)
    kernel = ops.reshape(_quantized_row(factors, bits), (1, 1, -1, 1))
    sizes = ops.shape(inputs)[1:]
    image = inputs if len(sizes) == 3 else ops.reshape(inputs, _image_shape(sizes))
    outputs = ops.depthwise_conv(image, ops.cast(kernel, inputs.dtype), padding="valid")
    outputs = outputs + ops.cast(offsets, inputs.dtype)
    return outputs if len(sizes) == 3 else ops.reshape(outputs, (-1, *sizes))


def _image_shape(sizes: Any) -> tuple[Any, ...]:
    """Rows as height: in a file the batch is 1, and kernels run along height, not the batch."""
    is_known = all(isinstance(size, int) for size in sizes)
    return (-1, math.prod(sizes[:-1]) if is_known else 1, 1, sizes[-1])


def quantized_factors(factors: Any, *, bits: int = 8) -> Any:
    """q(factors) of shape `(channels,)`, as the file will hold them."""
    return ops.reshape(_quantized_row(factors, bits), (-1,))


def _quantized_row(factors: Any, bits: int) -> Any:
    """q(factors) as a kernel: the converter follows one reshape from there, not two."""
    row = _row(factors)
    return quantize_weights(row, weight_range(row, per_channel=True), bits=bits)


def _row(factors: Any) -> Any:
    return ops.reshape(ops.convert_to_tensor(factors), (1, 1, 1, -1))
