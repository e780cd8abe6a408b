"""The JSON that Keras 2 saves, with its own notation for tuples and arrays."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from kerazoo.errors import ConversionError

LARGEST = 1 << 28  # bytes


def parse_json(text: str | bytes, name: str) -> Any:
    """What the text says. Raises `ConversionError` where it is not JSON, or beyond measure."""
    if len(text) > LARGEST:
        raise ConversionError(f"The {name} has {len(text):,} bytes: refused.")
    try:
        return _plain(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConversionError(f"The {name} cannot be read: {str(error)[:100]}") from error


def _plain(saved: Any) -> Any:
    if isinstance(saved, list):
        return [_plain(one) for one in saved]
    if not isinstance(saved, dict):
        return saved
    kind = saved.get("class_name")
    if kind in ("__tuple__", "TensorShape"):
        return tuple(_plain(one) for one in saved["items"])
    if kind == "__ellipsis__":
        return ...
    if kind in ("__numpy__", "__tensor__"):
        return np.array(saved["config"]["value"], saved["config"]["dtype"])
    return {name: _plain(value) for name, value in saved.items()}
