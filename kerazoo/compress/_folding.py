"""Batch normalization as the one factor and one offset per channel that it is in inference."""

from __future__ import annotations

from typing import Any

from keras import ops


def scale_and_offset(normalization: Any) -> tuple[Any, Any]:
    """(g, c) with BN(x) = g * x + c by the moving statistics, float32 `(channels,)`.

    g = gamma / sqrt(moving_variance + epsilon), c = beta - g * moving_mean.
    Source: Jacob et al. 2018, arXiv:1712.05877, section 3.2.
    """
    scale = ops.rsqrt(ops.convert_to_tensor(normalization.moving_variance) + normalization.epsilon)
    if normalization.scale:
        scale = scale * normalization.gamma
    offset = -scale * normalization.moving_mean
    if normalization.center:
        offset = offset + normalization.beta
    return scale, offset


def folded_bias(normalization: Any, bias: Any) -> tuple[Any, Any]:
    """(g, g * bias + c): the factor of the kernel before BN, and the bias that BN is added to."""
    scale, offset = scale_and_offset(normalization)
    return scale, offset if bias is None else offset + scale * bias


def uses_batch_statistics(normalization: Any, training: Any) -> bool:
    """Whether a call with this `training` normalizes by its batch: frozen layers never do."""
    return normalization is not None and bool(training) and normalization.trainable
