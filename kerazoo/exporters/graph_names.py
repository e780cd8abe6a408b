"""From a name in a converted graph back to the Keras layer it came from.

Tracing a Keras model opens a name scope for every layer and counts repeated scopes up, so the
convolution "conv" inside "block" inside "net" becomes "net_1/block_1/conv_1/convolution". The
converter joins the names of operators it fuses with ";".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

LayerPath = tuple[str, ...]
"""Names from the model down to the layer: ("net", "block", "conv")."""


def layer_paths(model: Any) -> list[LayerPath]:
    """Paths of all layers that are no models themselves; composite layers count as one."""
    return list(dict.fromkeys(_walk(model, ())))


def display(path: LayerPath) -> str:
    """The path as a user would write it, without the model's own name: "block/conv"."""
    return "/".join(path[1:]) or path[0]


def layers_in(name: str, paths: Iterable[LayerPath]) -> list[LayerPath]:
    """The layers that a tensor's or operator's name mentions; empty when there are none."""
    paths = list(paths)
    found: dict[LayerPath, None] = {}
    for part in name.split(";"):
        # "...@__inference_serve_12" in converter errors
        scopes = [_names(scope) for scope in part.split("@")[0].split("/")]
        matching = [path for path in paths if _covers(path, scopes)]
        longest = max(map(len, matching), default=0)
        found.update(dict.fromkeys(path for path in matching if len(path) == longest))
    return list(found)


def _walk(layer: Any, above: LayerPath) -> Iterator[LayerPath]:
    import keras

    path = (*above, layer.name)
    if isinstance(layer, keras.Model):
        for child in layer.layers:
            yield from _walk(child, path)
    elif not isinstance(layer, keras.layers.InputLayer):
        yield path


def _names(scope: str) -> tuple[str, str]:
    """What a layer may be called that has this scope: "conv_1" is "conv_1", or "conv" once more."""
    return scope, re.sub(r"_\d+$", "", scope)


def _covers(path: LayerPath, scopes: list[tuple[str, str]]) -> bool:
    return len(scopes) > len(path) and all(
        name in names for name, names in zip(path, scopes, strict=False)
    )
