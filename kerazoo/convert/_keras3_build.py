"""Builds the Keras 3 model of a `ModelSpec` that was read from Keras 2."""

from __future__ import annotations

from typing import Any

import keras
from keras import tree

from kerazoo.convert._keras3_layers import keras3_layer
from kerazoo.convert._spec import LayerSpec, ModelSpec, TensorRef, map_leaves, refs_in, unused
from kerazoo.errors import ConversionError


def build_keras3(spec: ModelSpec) -> Any:
    """The model with freshly initialized weights; its layers have their old names.

    Raises:
        ConversionError: a layer has no equivalent, or the layers do not fit each other.
    """
    if spec.is_sequential:
        return _sequential(spec)
    return _Functional(spec).build()


def _sequential(spec: ModelSpec) -> keras.Model:
    layers: list[Any] = []
    for layer in spec.layers:
        if not layers and "batch_input_shape" in layer.config and layer.kind != "InputLayer":
            layers.append(_input(f"{layer.name}_input", layer.config))
        if layer.kind == "InputLayer":
            layers.append(_input(layer.name, layer.config))
        else:
            layers.append(
                build_keras3(layer.model) if layer.model else keras3_layer(layer, build_keras3)
            )
    if not all(isinstance(layer, keras.layers.Layer) for layer in layers[1:]):
        return _chain(layers, spec)  # an operation, which a Sequential model cannot hold
    model = keras.Sequential(layers, name=spec.name)
    if not model.built and spec.input_shape:
        try:
            model.build(spec.input_shape)
        except (TypeError, ValueError) as error:
            raise _misfit(spec.name, error) from error
    return model


def _chain(layers: list[Any], spec: ModelSpec) -> keras.Model:
    x = first = layers[0]
    if not isinstance(first, keras.KerasTensor):
        raise ConversionError(f"The model {spec.name!r} does not say what shape its input has.")
    for layer in layers[1:]:
        x = layer(x)
    return keras.Model(first, x, name=spec.name)


def _input(name: str, config: dict[str, Any]) -> Any:
    """A `keras.Input`."""
    if config.get("ragged"):
        raise ConversionError(
            f"Input {name!r} is ragged, which Keras 3 does not have. Pad it in a model "
            "of yours and pass that as `model=`."
        )
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    if not shape:
        raise ConversionError(f"Input {name!r} was saved without a shape.")
    return keras.Input(
        batch_shape=tuple(shape),
        dtype=_dtype(config.get("dtype")),
        sparse=bool(config.get("sparse")),
        name=name,
    )


def _dtype(saved: Any) -> Any:
    if isinstance(saved, dict):
        saved = saved["config"]["name"]
    return None if saved is None else saved.removeprefix("mixed_")


class _Functional:
    """One model in the making: its layers, and the tensors between them so far."""

    def __init__(self, spec: ModelSpec):
        self.spec = spec
        self.layers: dict[str, Any] = {}
        self.tensors: dict[TensorRef, Any] = {}
        self.names = {layer.name for layer in spec.layers}

    def build(self) -> keras.Model:
        for layer in self.spec.layers:
            if layer.kind == "InputLayer":
                self.tensors[TensorRef(layer.name, 0, 0)] = _input(layer.name, layer.config)
            else:
                self.layers[layer.name] = (
                    build_keras3(layer.model) if layer.model else keras3_layer(layer, build_keras3)
                )
        waiting = [(one, number) for one in self.spec.layers for number in range(len(one.calls))]
        while waiting:
            left = []
            for layer, number in waiting:  # saved in an order in which most can be made
                if self._is_ready(layer, number):
                    self._call(layer, number)
                else:
                    left.append((layer, number))
            if len(left) == len(waiting):
                raise ConversionError(
                    f"The calls of {left[0][0].name!r} and others wait for each other: the "
                    "file's model has a loop, or refers to layers that are not there."
                )
            waiting = left
        return keras.Model(
            self._filled(self.spec.inputs), self._filled(self.spec.outputs), name=self.spec.name
        )

    def _is_ready(self, layer: LayerSpec, number: int) -> bool:
        earlier = number == 0 or TensorRef(layer.name, number - 1, 0) in self.tensors
        return earlier and self.tensors.keys() >= set(refs_in(list(layer.calls[number])))

    def _call(self, layer: LayerSpec, number: int) -> None:
        args, kwargs = (self._filled(part) for part in layer.calls[number])
        try:
            result = self.layers[layer.name](*args, **kwargs)
        except (TypeError, ValueError, KeyError, IndexError, NotImplementedError) as error:
            raise _misfit(layer.name, error) from error
        flat = tree.flatten(result)
        if not isinstance(self.layers[layer.name], keras.layers.Layer):
            self._name(flat, tree.flatten((args, kwargs)), layer.name)
        for index, tensor in enumerate(flat):
            self.tensors[TensorRef(layer.name, number, index)] = tensor

    def _name(self, outputs: list[Any], inputs: list[Any], name: str) -> None:
        """Give the operations between `inputs` and `outputs` the old layer's name, then numbers:
        their own could be a layer's."""
        known = {id(tensor) for tensor in inputs}
        found: list[Any] = []
        front = [tensor for tensor in outputs if id(tensor) not in known]
        while front:
            history = front.pop()._keras_history
            if history.operation not in found:
                found.append(history.operation)
                node = history.operation._inbound_nodes[history.node_index]
                front += [tensor for tensor in node.input_tensors if id(tensor) not in known]
        for operation in found:
            operation.name = unused(name, self.names if operation is not found[0] else set())
            self.names.add(operation.name)

    def _filled(self, structure: Any) -> Any:
        def tensor(leaf: Any) -> Any:
            return self.tensors[leaf] if isinstance(leaf, TensorRef) else leaf

        return map_leaves(tensor, structure)


def _misfit(name: str, error: Exception) -> ConversionError:
    problem = " ".join(str(error).split())[:300]
    return ConversionError(f"Layer {name!r} cannot be called as the old model calls it: {problem}")
