"""The weights of one model or layer for a copy of it."""

from __future__ import annotations

from typing import Any

import keras


def copy_weights(source: Any, copy: Any) -> None:
    """Give `copy`, of the same layers as `source`, its weights."""
    copy.set_weights(source.get_weights())
    for layer in copy._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            # Calls read constants made of the weights; given ones stay as they are.
            layer.finalize_state()
