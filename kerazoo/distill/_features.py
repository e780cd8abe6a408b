"""The final output of a model together with the outputs of layers inside it, from one pass."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.errors import ConfigError, unknown_name

FINAL = "final_output"  # the key that `keras.distillation.Distiller` uses too


class Features:
    """A model that returns a dict: its final output under `FINAL`, layers' outputs by their names.

    A plain object, so that Keras neither tracks nor saves what is in it a second time.

    Args:
        model: Functional or Sequential; without `names` any model.
        names: layers; one inside a nested model is "outer/inner".
        role: "teacher" or "student", for messages.
    """

    def __init__(self, model: keras.Model, names: list[str], role: str):
        self.model = model
        self.names = names
        self._extractor = _extractor(model, names, role) if names else None
        outputs = self._extractor.output if self._extractor else _symbolic_output(model)
        self.shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), outputs)
        """Structure of shapes under the same keys, None for a size that is not fixed."""

    def __call__(self, inputs: Any, *, training: bool) -> dict[str, Any]:
        if self._extractor is None:
            return {FINAL: self.model(inputs, training=training)}
        return self._extractor(inputs, training=training)


def pick(features: dict[str, Any], names: str | list[str] | None) -> Any:
    """The value of one layer, a list of several layers' values, or that of the final output."""
    if isinstance(names, list | tuple):
        return [features[name] for name in names]
    return features.get(FINAL) if names is None else features[names]


def _symbolic_output(model: keras.Model) -> dict[str, Any]:
    """The final output of a model that has a graph; empty for a subclassed one."""
    graph = _graph(model)
    return {} if graph is None else {FINAL: graph[1]}


def _graph(model: keras.Model) -> tuple[Any, Any] | None:
    """Symbolic inputs and outputs of a model, in its own structure; None if it has none."""
    if getattr(model, "inputs", None) is None:  # subclassed, or a Sequential that is not built
        return None
    if isinstance(model, keras.Sequential):
        return model.inputs[0], model.outputs[0]
    return model.input, model.output


def _extractor(model: keras.Model, names: list[str], role: str) -> keras.Model:
    graph = _graph(model)
    if graph is None:
        raise ConfigError(
            f"Layers can be named in Functional and Sequential models only. Received: {names} of "
            f"the {role} {model.name!r}, a {type(model).__name__} without a graph. Distil its "
            f"final output, or rebuild it with the functional API."
        )
    inputs, final = graph
    outputs = {FINAL: final}
    for name in names:
        outputs[name] = _layer(model, name, role).output
    return keras.Model(inputs, outputs, name=f"{model.name}_features")


def _layer(model: keras.Model, name: str, role: str) -> keras.layers.Layer:
    layers = {layer.name: layer for layer in model.layers}
    if name not in layers:
        raise unknown_name(f"layer of the {role} {model.name!r}", name, layers)
    return layers[name]
