"""What every Keras layer gives for some samples, nested models included."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerazoo.exporters.graph_names import LayerPath
from kerazoo.exporters.interface import Interface, call


@dataclass
class LayerOutput:
    """One output of one call of a layer: `value` has the samples first."""

    path: LayerPath
    value: np.ndarray
    outputs: list[str] = field(default_factory=list)
    """Names of the model's outputs that are this very tensor."""


def record(
    model: Any, interface: Interface, samples: Mapping[str, np.ndarray]
) -> list[LayerOutput]:
    """Outputs of all layers in the order of their calls; a layer called twice is there twice."""
    import keras

    tensors: list[tuple[LayerPath, Any]] = []
    with _listening(model, tensors):
        final = keras.tree.flatten(call(model, interface, samples))
    return [
        LayerOutput(
            path,
            keras.ops.convert_to_numpy(tensor),
            [name for name, out in zip(interface.outputs, final, strict=True) if out is tensor],
        )
        for path, tensor in tensors
    ]


@contextlib.contextmanager
def _listening(model: Any, tensors: list[tuple[LayerPath, Any]]) -> Iterator[None]:
    """Note what each layer returns while inside; the layers are as before afterwards."""
    import keras

    above: list[str] = [model.name]
    changed: list[Any] = []

    def listen(layer: Any) -> None:
        original, is_model = layer.call, isinstance(layer, keras.Model)

        def call_and_note(*args, **kwargs):
            path = (*above, layer.name)
            above.append(layer.name)
            try:
                result = original(*args, **kwargs)
            finally:
                above.pop()
            if not is_model:
                tensors.extend((path, tensor) for tensor in keras.tree.flatten(result))
            return result

        # Past Keras's own __setattr__, which would track the function as part of the model.
        object.__setattr__(layer, "call", call_and_note)
        changed.append(layer)

    try:
        for layer in _layers(model):
            listen(layer)
        yield
    finally:
        for layer in changed:
            object.__delattr__(layer, "call")


def _layers(model: Any) -> list[Any]:
    """The layers below `model`, each once though it may be shared, nested models included."""
    import keras

    found: dict[int, Any] = {}
    waiting = list(model.layers)
    while waiting:
        layer = waiting.pop(0)
        if id(layer) in found or isinstance(layer, keras.layers.InputLayer):
            continue
        found[id(layer)] = layer
        if isinstance(layer, keras.Model):
            waiting.extend(layer.layers)
    return list(found.values())
