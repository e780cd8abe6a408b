"""Features as one row per sample of the whole batch, and lengths that are exact at any scale.

Vectors are divided by their largest entry before they are squared: small ones do not underflow, and
gradients are finite at 0 without a floor that short vectors would fall under.
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from kerazoo.distill._loss import float32
from kerazoo.global_batch import rows_of_all


def rows(features: Any) -> Any:
    """Float32 `(batch, width)` of features of any rank from 2 up."""
    return ops.reshape(float32(features), (-1, math.prod(features.shape[1:])))


def rows_of_whole_batch(features: Any) -> Any:
    """The same of all replicas' parts of the batch, for losses that compare samples."""
    return rows_of_all(rows(features))


def length(vectors: Any) -> Any:
    """Euclidean length along the last axis."""
    largest, scaled = _scaled(vectors)
    return (largest * _length_of_scaled(scaled))[..., 0]


def unit(vectors: Any) -> Any:
    """Vectors along the last axis, scaled to length 1; zero vectors stay zero."""
    _, scaled = _scaled(vectors)
    return scaled / _length_of_scaled(scaled)


def _scaled(vectors: Any) -> tuple[Any, Any]:
    """The largest size of an entry, and the vectors divided by it: now 1, or all are 0.

    The results above do not depend on what is divided by, so neither do their gradients.
    """
    largest = ops.stop_gradient(ops.max(ops.abs(vectors), axis=-1, keepdims=True, initial=0.0))
    return largest, vectors / ops.where(largest > 0.0, largest, 1.0)


def _length_of_scaled(scaled: Any) -> Any:
    squares = ops.sum(scaled**2, axis=-1, keepdims=True)
    return ops.sqrt(ops.maximum(squares, 0.5))  # 1 or above, but for zero vectors
