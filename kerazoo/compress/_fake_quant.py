"""Rounding to the steps of an integer range, with gradients that go straight through.

Forward: q(x) = s * (clip(round(x / s) + z, 0, n) - z) with n = 2**bits - 1, s = (high - low) / n,
and z = round(-low / s). It is an operation of TensorFlow, because that is what the converter to
TFLite looks for and replaces by integers.
Backward: dq/dx = 1 inside of the range and 0 outside (straight-through, Bengio et al. 2013,
arXiv:1308.3432), in one comparison instead of three passes.
"""

from __future__ import annotations

from typing import Any

from kerazoo.global_batch import fraction_here


def fake_quantize(
    inputs: Any, low: Any, high: Any, *, bits: int = 8, narrow_range: bool = False
) -> Any:
    """q(inputs) in float32, of one range `low` <= 0 <= `high`, both scalars.

    `narrow_range` leaves out the lowest integer, so that a symmetric range has its zero exactly.
    No gradient flows to the range.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def straight_through(x):
        # Rounding to steps moves the ends by up to half a step: values there still count as inside.
        def gradient(upstream):
            half = 0.5 * (high - low) / (2**bits - 1)
            center, radius = 0.5 * (high + low), 0.5 * (high - low) + half
            inside = tf.abs(x - center) <= radius
            return tf.where(inside, upstream, tf.zeros_like(upstream))

        return _quantized(x, low, high, bits, narrow_range), gradient

    return straight_through(inputs)


def fake_quantize_learned(
    inputs: Any,
    factor: Any,
    first_step: Any,
    zero_point: Any,
    *,
    bits: int = 8,
    narrow_range: bool = False,
) -> Any:
    """q(inputs) in float32, s = factor * first_step trained, `zero_point` a fixed integer: scalars.

    d q / d s = round(v) - v inside of the range (v = inputs / s), and the clipped integer minus
    `zero_point` outside; its sum is scaled by 1 / sqrt(values * (2**bits - 1)), the
    values of the global batch counted. The gradient given
    to `factor` is that over `first_step`: gradient descent then moves s as far as it would by
    itself, and optimizers that forget the gradient's size, as Adam does, move it by a share.
    Source: Esser et al. 2019, arXiv:1902.08153, equations 3 and section 2.2; the zero point is as
    in Bhalgat et al. 2020 (LSQ+), arXiv:2004.09576, but not trained.
    """
    import tensorflow as tf

    most = float(2**bits - 1 - narrow_range)

    @tf.custom_gradient
    def with_step_gradient(x, factor):
        step = factor * first_step
        low, high = -zero_point * step, (most - zero_point) * step
        outputs = _quantized(x, low, high, bits, narrow_range)

        def gradient(upstream):
            inside = tf.logical_and(x >= low, x <= high)
            slope = tf.where(inside, outputs - x, outputs) / step
            values = tf.cast(tf.size(x), "float32") / fraction_here()
            scale = tf.math.rsqrt(values * most)
            return (
                tf.where(inside, upstream, tf.zeros_like(upstream)),
                tf.reduce_sum(upstream * slope) * scale / first_step,
            )

        return outputs, gradient

    return with_step_gradient(inputs, factor)


def _quantized(x: Any, low: Any, high: Any, bits: int, narrow_range: bool) -> Any:
    import tensorflow as tf

    return tf.quantization.fake_quant_with_min_max_vars(
        x, low, high, num_bits=bits, narrow_range=narrow_range
    )
