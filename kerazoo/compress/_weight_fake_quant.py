"""Weights rounded to the integers that the file will hold.

Symmetric, narrow range: q(w) = s * round(w / s), s = max|w| / (2**(bits - 1) - 1), so integers
from -127 to 127 (8 bits) or -7 to 7 (4 bits). Since the range is that of the weights themselves
nothing is ever clipped, and the straight-through gradient is the identity: it costs nothing.
"""

from __future__ import annotations

from typing import Any

from keras import ops

LEAST_SHARE = 1e-4
"""Of the largest range of the tensor. A channel of zeros would have the step 0, and biases are
stored in steps of (input step) * (weight step): with less than this they overflow 32 bits."""

LEAST_RANGE = 1e-5
"""For tensors that are zero altogether."""


def weight_range(weights: Any, *, per_channel: bool) -> Any:
    """max|w| of each channel, the last axis, or of the whole tensor: `(channels,)` or a scalar."""
    axes = list(range(len(weights.shape) - 1)) if per_channel else None
    return ops.stop_gradient(ops.maximum(ops.max(weights, axes), -ops.min(weights, axes)))


def weight_step(ranges: Any, *, bits: int = 8) -> Any:
    """The step that `quantize_weights` rounds to, of the shape of `ranges`."""
    return _floored(ranges) / (2 ** (bits - 1) - 1)


def quantize_weights(weights: Any, ranges: Any, *, bits: int = 8) -> Any:
    """q(weights), for `ranges` as `weight_range` gives them, one for each channel or one for all.

    The result is float32. The gradient with regard to `weights` is the identity, also where
    `ranges` is smaller than the weights.
    """
    import tensorflow as tf

    ranges = _floored(ranges)
    operation = (
        tf.quantization.fake_quant_with_min_max_vars_per_channel
        if len(ranges.shape)
        else tf.quantization.fake_quant_with_min_max_vars
    )

    @tf.custom_gradient
    def straight_through(w):
        quantized = operation(w, -ranges, ranges, num_bits=bits, narrow_range=True)
        return quantized, lambda upstream: upstream

    # A variable read within would be one more input, and ask for a gradient of its own.
    return straight_through(tf.cast(tf.convert_to_tensor(weights), "float32"))


def _floored(ranges: Any) -> Any:
    ranges = ops.cast(ranges, "float32")
    return ops.maximum(ranges, ops.maximum(LEAST_SHARE * ops.max(ranges), LEAST_RANGE))
