"""From a model to one that trains with the rounding of its integer file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import tree

from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._composite_layers import is_composite
from kerazoo.compress._float_boundary import FloatBoundary
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node, Value, free_name
from kerazoo.compress._plan import Place, Plan, RangeGroup, make_plan
from kerazoo.compress._quantized_layer import activation_quantizer
from kerazoo.compress._tensorflow_only import check_backend
from kerazoo.compress._unquantized import LAYER_OF_OUTPUT, check_float
from kerazoo.compress.fake_quantize import FakeQuantize
from kerazoo.compress.scheme import SchemeByLayer
from kerazoo.errors import ConfigError
from kerazoo.notices import notice


def quantize_aware(
    model: keras.Model, *, scheme: Any = "int8", skip: Sequence[str] = (), ranges: str | None = None
) -> keras.Model:
    """A copy of `model` that rounds weights and activations as its integer file will.

    Train it as any Keras model; the ranges of activations are observed while it trains (or by
    `kerazoo.compress.calibrate`). `kerazoo.export(model, "x.tflite")` then writes the file, without
    calibration data. Batch normalization is folded into the convolution before it, so the weights
    that are rounded are those of the file.

    Args:
        model: a built Sequential or functional model, with any models nested in it. It stays as it
            is. Models pruned or clustered by kerazoo stay so.
        scheme: "int8"; "int8_weights", activations in float; "int16x8", activations of 16 bits;
            "int4_weights", weights of 4 bits and activations of 8; a `QuantizationScheme`; a dict
            of layer-name patterns to one of these or None for float, `{"*": "int8",
            "head_*": "int4_weights", "logits": None}`, the last pattern that matches counting; or
            the path of a YAML file with that dict. A pattern may also name a nested model.
        skip: names or patterns of layers that stay in float, in the file too: their operators stand
            between DEQUANTIZE and QUANTIZE, with the weights of the Keras model. Layers that only
            move values (pooling by maximum, reshaping) are as their surroundings. Not so with
            "int8_weights", and "int16x8" where exporting needs `calibration` data: there the
            converter quantizes these layers by itself.
        ranges: "moving_average", "percentile" or "learned" instead of the scheme's own.

    Returns: a functional model of registered layers, not compiled. `get_layer(name)` gives the
        QuantizedLayer (its `.layer` is the original) under the name that the layer had, except for
        a layer that gives an output: there `name` is the output itself and `name_layer` the layer.

    Raises:
        kerazoo.errors.ConfigError: a model that is not built, quantized already, or a subclass with
            a `call` of its own; a wrong scheme; nothing that would be quantized.
        kerazoo.errors.UnknownNameError: a name of a scheme or a layer that does not exist.

    >>> inputs = keras.Input((8, 8, 3), name="image")
    >>> x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    >>> model = quantize_aware(keras.Model(inputs, x))
    >>> [layer.name for layer in model.layers if isinstance(layer, FakeQuantize)]
    ['image_range', 'conv_range']
    """
    check_backend("`quantize_aware`")
    check_float(model, "quantize_aware")
    schemes = SchemeByLayer(scheme, ranges, skip)
    graph = Graph.from_model(model, expand=is_composite)
    plan = make_plan(graph, model, schemes)
    in_float = ", ".join(f"{name!r} ({reason})" for name, reason in plan.in_float.items())
    if not any(choice.is_quantized or choice.lowering.make for choice in plan.choices.values()):
        raise ConfigError(
            f"Nothing in {model.name!r} would be quantized: "
            f"{in_float or '`scheme` and `skip` leave all of its layers in float'}."
        )
    if in_float:
        notice(f"Left in float in {model.name!r}: {in_float}.")
    _say_what_the_converter_rounds(model, plan)
    names = {id(node): node.name for node in graph.nodes}
    _make_way_for_outputs(graph, plan)
    return graph.rebuild(_Builder(graph, plan, names))


def _say_what_the_converter_rounds(model: keras.Model, plan: Plan) -> None:
    """Without ranges nothing holds the converter off the weights of skipped layers."""
    choices = plan.choices.values()
    if any(choice.is_quantized for choice in choices):
        return
    skipped = {
        choice.node.name: None
        for choice in choices
        if choice.scheme is None and getattr(choice.node.operation, "trainable_weights", None)
    }
    if skipped:
        notice(
            f"{model.name!r}: the converter stores the weights of {', '.join(skipped)} in 8 bits "
            f"as well, though they train in float: without rounded activations it takes all layers."
        )


def _make_way_for_outputs(graph: Graph, plan: Plan) -> None:
    """A range behind an output would take its name, so the layer gives up its own for it."""
    rounded = {
        name
        for value, name in zip(tree.flatten(graph.outputs), graph.output_names, strict=True)
        if not value.node.is_input
        and (id(value) in plan.behind or plan.choices[id(value.node)].is_folded)
    }
    taken = {node.name for node in graph.nodes}
    for node in graph.nodes:
        if node.name in rounded and not node.is_input:
            node.name = free_name(f"{node.name}{LAYER_OF_OUTPUT}", taken)


class _Builder:
    """Makes the new model's layers, one call of the graph after the other."""

    def __init__(self, graph: Graph, plan: Plan, names: dict[int, str]):
        self.plan, self.names = plan, names
        self.taken = {*graph.output_names, *(node.name for node in graph.nodes)}
        self.layers: dict[int, Any] = {}
        self.quantizers: dict[RangeGroup, FakeQuantize] = {}
        self.boundaries: dict[int, FloatBoundary] = {}

    def __call__(self, node: Node, *args: Any, **kwargs: Any) -> Any:
        choice = self.plan.choices.get(id(node))
        if node.is_input or (choice is not None and choice.is_folded):
            result = args[0]
        else:
            args, kwargs = self._given(node, args, kwargs)
            result = self._layer(node)(*args, **kwargs)
        results = [
            self._rounded(self.plan.behind.get(id(value)), self._bounded(node, value, tensor))
            for value, tensor in zip(node.outputs, tree.flatten(result), strict=True)
        ]
        return tree.pack_sequence_as(result, results)

    def _given(self, node: Node, args: Any, kwargs: Any) -> Any:
        """The arguments of the call, behind the boundaries of a layer left in float."""
        return tree.map_structure(
            lambda value, given: (
                self._bounded(node, value, given) if isinstance(value, Value) else given
            ),
            (node.args, node.kwargs),
            (args, kwargs),
        )

    def _bounded(self, node: Node, value: Value, tensor: Any) -> Any:
        """`tensor`, which `node` takes or gives, past a boundary where float and range meet."""
        choice = self.plan.choices.get(id(node))
        if choice is None or not choice.is_float or id(value) not in self.plan.ranged:
            return tensor
        key = id(node.operation)
        if key not in self.boundaries:
            self.boundaries[key] = FloatBoundary(name=self._free(f"{node.name}_in_float"))
        return self.boundaries[key](tensor)

    def _rounded(self, place: Place | None, tensor: Any) -> Any:
        if place is None:
            return tensor
        group = place.group
        if group not in self.quantizers:
            self.quantizers[group] = activation_quantizer(
                group.scheme,
                self._free(group.name),
                members=group.members,
                fixed_range=group.fixed_range,
            )
        if group.members == 1:
            return self.quantizers[group](tensor)
        return self.quantizers[group](tensor, member=place.member)

    def _free(self, name: str) -> str:
        """`name`, or one like it if a layer of the user's is called so."""
        name = free_name(name, self.taken)
        self.taken.add(name)
        return name

    def _layer(self, node: Node) -> Any:
        """The layer in the place of the node's operation, the same for all calls of it."""
        key = id(node.operation)
        if key not in self.layers:
            self.layers[key] = self._new_layer(node)
        return self.layers[key]

    def _new_layer(self, node: Node) -> Any:
        choice = self.plan.choices[id(node)]
        make = choice.lowering.make
        if make is None:
            return _copy(node, node.name)
        parts: dict[str, Any] = {}
        if isinstance(node.operation, keras.Layer):
            parts = {"name": node.name, "activity_regularizer": choice.activity_regularizer}
        if choice.normalization is not None:
            normalization = choice.normalization
            parts["normalization"] = _copy(normalization, self.names[id(normalization)])
        return make(_copy(node, self.names[id(node)]), choice.scheme, **parts)


def _copy(node: Node, name: str) -> Any:
    layer = clone_layer(node.operation, name=name)
    if not node.trainable:
        layer.trainable = False
    return layer
