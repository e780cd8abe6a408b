"""How two samples become one: mixup's blend, CutMix's box, and the random share of each.

mixup: Zhang, Cisse, Dauphin, Lopez-Paz 2018, arXiv:1710.09412. CutMix: Yun, Han, Oh, Chun, Choe,
Yoo 2019, arXiv:1905.04899.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from kerazoo.errors import DataError


def draw_share(alpha: float, seed: Any) -> Any:
    """A draw from Beta(alpha, alpha), float32, 0 to 1; 1 for an `alpha` of 0.

    TensorFlow's gamma draws do not compile with XLA, so this takes the way over Student's t with
    2 alpha degrees of freedom, exact for any alpha: t = sqrt(2 alpha (u^(-1 / alpha) - 1)) cos(2 pi
    v) (Bailey 1994), and (1 + t / sqrt(2 alpha + t^2)) / 2 is Beta(alpha, alpha) (Devroye 1986,
    IX.4).
    """
    if alpha == 0:
        return ops.ones(())
    radius = keras.random.uniform((), seed=seed) ** (1 / alpha)
    cosine = ops.cos(2 * math.pi * keras.random.uniform((), seed=seed))
    ratio = cosine * ops.sqrt((1 - radius) / (radius + (1 - radius) * cosine**2))
    return (1 + ops.clip(ratio, -1, 1)) / 2  # rounding leaves the range


def mixup(x: Any, partner: Any, share: Any, seed: Any) -> tuple[Any, Any]:
    """`share * x + (1 - share) * x[partner]` for every tensor of `x`, and `share` itself."""

    def blend(tensor: Any) -> Any:
        if tensor.dtype == "uint8":  # pixels
            tensor = ops.cast(tensor, "float32")
        if not tensor.dtype.is_floating:
            raise DataError(
                f"mixup blends floating or uint8 inputs. Received: {tensor.dtype.name}. Tokens "
                f"have no average: mix what an Embedding layer makes of them."
            )
        own = ops.cast(share, tensor.dtype)
        return own * tensor + (1 - own) * ops.take(tensor, partner, axis=0)

    return keras.tree.map_structure(blend, x), share


def cutmix(x: Any, partner: Any, share: Any, seed: Any) -> tuple[Any, Any]:
    """`x` with a box of about `1 - share` of its area from `x[partner]`, and the exact share left.

    The box spans all axes but the first and the last: a span of time steps, a rectangle of an
    image.
    """
    tensors = keras.tree.flatten(x)
    if len(tensors) != 1 or len(tensors[0].shape) < 3:
        raise DataError(
            f"CutMix cuts one input of shape (batch, ..., channels). Received: "
            f"{[tuple(tensor.shape) for tensor in tensors]}. Use method='mixup'."
        )
    tensor, sizes = tensors[0], ops.shape(tensors[0])[1:-1]
    inside = ops.ones((1,) * len(tensor.shape), dtype="bool")
    for axis, size in enumerate(sizes, start=1):
        cells = ops.reshape(_side(size, share, len(sizes), seed), _on_axis(axis, len(tensor.shape)))
        inside = ops.logical_and(inside, cells)
    share = 1 - ops.mean(ops.cast(inside, "float32"))
    mixed = ops.where(inside, ops.take(tensor, partner, axis=0), tensor)
    return keras.tree.pack_sequence_as(x, [mixed]), share


def _side(size: Any, share: Any, axes: int, seed: Any) -> Any:
    """Which cells of one axis are in the box: centred anywhere, cut off at the border (the paper's
    code). `axes` sides of this length make a box of `1 - share` of the area."""
    length = ops.floor(ops.cast(size, "float32") * (1 - share) ** (1 / axes))
    centre = ops.floor(ops.cast(size, "float32") * keras.random.uniform((), seed=seed))
    low = centre - ops.floor(length / 2)
    cells = ops.arange(size, dtype="float32")
    return ops.logical_and(cells >= low, cells < centre + ops.floor(length / 2))


def _on_axis(axis: int, rank: int) -> tuple[int, ...]:
    return tuple(-1 if number == axis else 1 for number in range(rank))
