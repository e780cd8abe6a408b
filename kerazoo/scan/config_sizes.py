"""How many weights the layers of a config need at the very least."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

_RECURRENT = re.compile(r"LSTM|GRU|SimpleRNN")


def least_numbers(objects: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """A lower bound, from the settings of the layers and, where they are saved, input shapes.

    Normalization and `EinsumDense` are not counted, nor is what layers of other packages need.

    Returns: the numbers of all layers, and how many of them are of layers without an input shape,
        which are counted with one input and so may need any number more.

    >>> dense = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 10}}
    >>> least_numbers([{**dense, "build_config": {"input_shape": [None, 784]}}, dense])
    (7850, 10)
    """
    found = [_least(one) for one in objects]
    return sum(least for least, _ in found), sum(least for least, is_sure in found if not is_sure)


def _least(found: Mapping[str, Any]) -> tuple[int, bool]:
    """The least count of one layer, and whether all that it depends on was there."""
    config, kind = found.get("config"), str(found.get("class_name"))
    if not isinstance(config, dict):
        return 0, True
    if "input_dim" in config and "output_dim" in config:  # an embedding
        return _size(config["input_dim"]) * _size(config["output_dim"]), True
    width = max(_size(config.get(key)) for key in ("units", "filters", "output_dim"))
    width = max(width, _size(config.get("num_heads")) * _size(config.get("key_dim")))
    depth = max(_size(config.get("depth_multiplier")), 1)
    kernel = math.prod(_sides(config.get("kernel_size"))) if "Conv" in kind else 1
    saved = _inputs(found)
    inputs = saved or 1
    if "Depthwise" in kind or "Separable" in kind:
        return inputs * depth * (kernel + width), saved is not None
    numbers = width * math.ceil(inputs / max(_size(config.get("groups")), 1)) * kernel
    if _RECURRENT.search(kind):
        numbers += width * width * kernel
    return numbers, saved is not None


def _sides(kernel: Any) -> list[int]:
    return [max(_size(side), 1) for side in _listed(kernel)[:3]]


def _inputs(found: Mapping[str, Any]) -> int | None:
    """How many channels the input has; None if its shape is not saved."""
    build = found.get("build_config")
    if not isinstance(build, dict) or not found.get("module"):
        return None  # without a module Keras reads the older form, and builds from real inputs
    shapes = build if "input_shape" in build else build.get("shapes_dict")
    shapes = shapes if isinstance(shapes, dict) else {}
    shape = _listed(shapes.get("input_shape", shapes.get("query_shape")))
    axis = 1 if found["config"].get("data_format") == "channels_first" else -1
    return max(_size(shape[axis]), 1) if len(shape) > 1 else None


def _listed(value: Any) -> list[Any]:
    """What stands in a list, or in Keras 2's notation of a tuple; or the value alone."""
    inner = value.get("items") if isinstance(value, dict) else value
    return inner if isinstance(inner, list) else [inner]


def _size(value: Any) -> int:
    is_size = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e300
    return int(value) if is_size else 0
