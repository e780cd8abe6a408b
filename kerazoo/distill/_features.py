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
        graph = _graph(model)
        if names:
            _check_names(model, names, role)
            self._extractor = _extractor(model, names)
        outputs = self._extractor.output if names else {FINAL: graph[1]} if graph else {}
        self.shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), outputs)
        """Shapes under the same keys, None for a size that is not fixed; empty if not known."""

    def __call__(self, inputs: Any, *, training: bool) -> dict[str, Any]:
        if self.names:
            return self._extractor(inputs, training=training)
        return {FINAL: self.model(inputs, training=training)}

    def predict(self, inputs: Any) -> dict[str, Any]:
        """Arrays for one batch of arrays, in inference mode, compiled."""
        if self.names:
            return self._extractor.predict_on_batch(inputs)
        return {FINAL: self.model.predict_on_batch(inputs)}


def pick(features: dict[str, Any], names: str | list[str] | None) -> Any:
    """The value of one layer, a list of several layers' values, or that of the final output."""
    if isinstance(names, list | tuple):
        return [features[name] for name in names]
    return features.get(FINAL) if names is None else features[names]


def _graph(model: keras.Model) -> tuple[Any, Any] | None:
    """Symbolic inputs and outputs of a model, in its own structure; None if it has none."""
    if getattr(model, "inputs", None) is None:  # subclassed, or a Sequential that is not built
        return None
    if isinstance(model, keras.Sequential):
        return model.inputs[0], model.outputs[0]
    return model.input, model.output


def _check_names(model: keras.Model, names: list[str], role: str) -> None:
    if _graph(model) is None:
        raise ConfigError(
            f"Layers can be named in Functional and Sequential models only. Received: {names} of "
            f"the {role} {model.name!r}, a {type(model).__name__} without a graph. Distil its "
            f"final output, or rebuild it with the functional API."
        )
    known = _layer_names(model)
    for name in names:
        if name not in known:
            raise unknown_name(f"layer of the {role} {model.name!r}:", name, known)


def _layer_names(model: keras.Model) -> list[str]:
    names = []
    for layer in model.layers:
        names.append(layer.name)
        if isinstance(layer, keras.Model) and _graph(layer) is not None:
            names += [f"{layer.name}/{inner}" for inner in _layer_names(layer)]
    return names


def _extractor(model: keras.Model, names: list[str]) -> keras.Model:
    """A model on the same layers with more outputs.

    The graph is walked again rather than asked for `layer.output`: what a nested model does inside
    belongs to a graph of its own, and has to be called anew to be part of this one.
    """
    graph = _graph(model)
    assert graph is not None
    found: dict[str, Any] = {}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        prefix = f"{layer.name}/"
        inside = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
        if inside:
            outputs = _extractor(layer, inside)(*args, **kwargs)
            final = outputs.pop(FINAL)
            found.update({prefix + name: value for name, value in outputs.items()})
        else:
            final = layer(*args, **kwargs)
        if layer.name in names:
            found.setdefault(layer.name, final)  # of a layer that is used twice, the first output
        return final

    plain = keras.Model(*graph)  # uncompiled: a copy of a compiled one makes an optimizer too
    copy = keras.models.clone_model(plain, clone_function=lambda layer: layer, call_function=call)
    outputs = {FINAL: copy.output, **{name: found[name] for name in names}}
    return keras.Model(copy.input, outputs, name=f"{model.name}_features")
