"""Which layers are chains of Keras layers, so that a graph can show what they are made of."""

from __future__ import annotations

from typing import Any

COMPOSITE = (
    "ConvNormAct",
    "EfficientChannelAttention",
    "GhostModule",
    "InvertedResidual",
    "SpatialPyramidPooling",
    "SqueezeExcite",
    "TemporalConvBlock",
)


def is_composite(layer: Any) -> bool:
    """Whether `layer` is a kerazoo block whose `call` only calls Keras layers and operations."""
    cls = type(layer)
    return cls.__module__.startswith("kerazoo.layers.") and cls.__name__ in COMPOSITE
