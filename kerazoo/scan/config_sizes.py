"""How many weights the layers of a config need at the very least."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any


def least_numbers(objects: Iterable[Mapping[str, Any]]) -> int:
    """A lower bound, from the settings of the layers and, where they are saved, input shapes.

    Depthwise kernels, attention and normalization are not counted, nor is what other layers need.

    >>> dense = {"class_name": "Dense", "config": {"units": 10}}
    >>> least_numbers([{**dense, "build_config": {"input_shape": [None, 784]}}])
    7840
    """
    return sum(_least(found) for found in objects)


def _least(found: Mapping[str, Any]) -> int:
    config = found.get("config")
    if not isinstance(config, dict):
        return 0
    if "input_dim" in config and "output_dim" in config:  # an embedding
        return _size(config["input_dim"]) * _size(config["output_dim"])
    width = max(_size(config.get(key)) for key in ("units", "filters", "output_dim"))
    if not width:
        return 0
    kernel = config.get("kernel_size")
    sides = kernel if isinstance(kernel, list) else [kernel]
    groups = max(_size(config.get("groups")), 1)
    inputs = math.ceil(_last_of_input(found) / groups)
    return width * inputs * math.prod(max(_size(side), 1) for side in sides[:3])


def _last_of_input(found: Mapping[str, Any]) -> int:
    """The input's last size; 1 where it is not saved, or says nothing (channels first)."""
    build = found.get("build_config")
    shape = build.get("input_shape") if isinstance(build, dict) else None
    if not isinstance(shape, list) or found["config"].get("data_format") == "channels_first":
        return 1
    return max(_size(shape[-1]), 1) if shape else 1


def _size(value: Any) -> int:
    is_size = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e300
    return int(value) if is_size else 0
