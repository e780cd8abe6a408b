"""Features as one row per sample, and lengths whose gradient is finite at 0."""

from __future__ import annotations

from typing import Any

from keras import ops

from kerazoo.distill._loss import float32

_LEAST = 1e-12  # of a squared length: below it, a vector counts as one of length 1e-6


def rows(features: Any) -> Any:
    """Float32 `(batch, width)` of features of any rank from 2 up."""
    features = float32(features)
    width = 1
    for size in features.shape[1:]:
        width *= size
    return ops.reshape(features, (-1, width))


def length(vectors: Any, *, keepdims: bool = False) -> Any:
    """Euclidean length along the last axis."""
    return ops.sqrt(ops.maximum(ops.sum(vectors**2, axis=-1, keepdims=keepdims), _LEAST))


def unit(vectors: Any) -> Any:
    """Vectors along the last axis, scaled to length 1; zero vectors stay zero."""
    return vectors / length(vectors, keepdims=True)
