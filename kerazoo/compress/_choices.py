"""What becomes of each call of a graph: how it is lowered, in which scheme, what is folded in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras

from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._graph import Graph
from kerazoo.compress._lowering import Kind, Lowering, lowering_of
from kerazoo.compress._node import Node, Value
from kerazoo.compress._quantized_layer import has_one_range, unconstrained
from kerazoo.compress._sixteen_bits import REASON, has_16_bits
from kerazoo.compress.quantized_batch_normalization import QuantizedBatchNormalization
from kerazoo.compress.quantized_dense import QuantizedDense
from kerazoo.compress.scheme import QuantizationScheme, SchemeByLayer
from kerazoo.errors import ConfigError, unknown_name


@dataclass(eq=False)
class Choice:
    """One call. `normalization`: the call of the BatchNormalization that it takes in; `is_folded`:
    whether it is that call, and does nothing any more."""

    node: Node
    lowering: Lowering
    scheme: QuantizationScheme | None
    normalization: Node | None = None
    is_folded: bool = False

    @property
    def is_quantized(self) -> bool:
        """Whether inputs and outputs have ranges because of this call."""
        return self.lowering.kind is Kind.QUANTIZED

    @property
    def is_float(self) -> bool:
        """Whether the file computes this call in float."""
        return self.lowering.kind is Kind.FLOAT

    @property
    def keeps_range(self) -> bool:
        """Whether the output has the range of the inputs."""
        return self.lowering.kind in (Kind.PASS_THROUGH, Kind.SAME_SCALE)

    @property
    def activity_regularizer(self) -> Any:
        """That of the layer to put in place; an own activation, a node of its own, takes it."""
        is_behind = _is_function(self.lowering.activation)
        return None if is_behind else _activity_regularizer(self.node)


Choices = dict[int, Choice]
"""By the id of the node."""


def choose(graph: Graph, model: Any, schemes: SchemeByLayer) -> Choices:
    """The choice for each node; own activations of layers become nodes of their own first.

    Raises:
        ConfigError: a pattern that matches no layer; activations of 16 bits together with those of
            8 bits, or with weights of 4.
    """
    above = _names_above(model)
    calls = [node for node in graph.nodes if not node.is_input]
    names = {name for node in calls for name in _names(node, above)}
    for pattern in schemes.unmatched(sorted(names)):
        raise unknown_name("layer", pattern, names)
    choices: Choices = {}
    for node in calls:
        _add_choice(choices, graph, node, schemes(*_names(node, above)))
    _check_bits(choices)
    for choice in choices.values():
        _fold_normalization(choice, choices)
    return choices


def _add_choice(
    choices: Choices, graph: Graph, node: Node, scheme: QuantizationScheme | None
) -> None:
    lowering = lowering_in_scheme(graph, node, scheme)
    choices[id(node)] = Choice(node, lowering, scheme)
    if lowering.make is not None and _is_function(lowering.activation):
        behind = _split_activation(graph, node, lowering.activation)
        _add_choice(choices, graph, behind, scheme)


def lowering_in_scheme(graph: Graph, node: Node, scheme: QuantizationScheme | None) -> Lowering:
    """The node's lowering as far as it is asked for, else float; or float with rounded weights."""
    lowering = lowering_of(node.operation, graph.calls_of(node.operation))
    is_wide = scheme is not None and scheme.activation_bits == 16
    if is_wide and not has_16_bits(unconstrained(node.operation)):
        return Lowering(Kind.FLOAT, reason=lowering.reason or REASON)
    if lowering.kind is Kind.PASS_THROUGH:
        return lowering  # as its surroundings
    if scheme is None:
        return Lowering(Kind.FLOAT)
    if scheme.activation_bits is None:
        make = lowering.make if lowering.has_weights else None
        return replace(lowering, kind=Kind.FLOAT, make=make, reason="")
    return lowering


def _is_function(activation: Any) -> bool:
    return activation is not None and activation is not keras.activations.linear


def _split_activation(graph: Graph, node: Node, activation: Any) -> Node:
    """Put the layer's own activation behind it, as a node."""
    before = graph.calls_of(node.operation)[0]
    if before is node:
        operation = _activation_layer(node, activation)
    else:  # a further call of a shared layer
        operation = graph.nodes[graph.nodes.index(before) + 1].operation
    output = node.output
    behind = Node(operation, operation.name, trainable=node.trainable, call_index=node.call_index)
    inner = Value(output.shape, output.dtype, node, consumers=[behind])
    behind.args, behind.outputs, output.node, node.outputs = (inner,), [output], behind, [inner]
    graph.nodes.insert(graph.nodes.index(node) + 1, behind)
    return behind


def _activation_layer(node: Node, activation: Any) -> keras.Layer:
    name = f"{node.name}{OWN_ACTIVATION}"
    regularizer = _activity_regularizer(node)
    if not isinstance(activation, keras.Layer):
        policy = node.operation.dtype_policy
        return keras.layers.Activation(
            activation, name=name, dtype=policy, activity_regularizer=regularizer
        )
    if activation.weights or not activation.built:  # those without any are built from the start
        raise ConfigError(
            f"The activation of {node.name!r} has weights of its own ({type(activation).__name__}):"
            f" call it as a layer behind {node.name!r} instead."
        )
    layer = clone_layer(activation, name=name)
    layer.activity_regularizer = regularizer or layer.activity_regularizer
    return layer


def _activity_regularizer(node: Node) -> Any:
    return getattr(unconstrained(node.operation), "activity_regularizer", None)


OWN_ACTIVATION = "_own_activation"
"""Ends the name of an activation that was an argument of the layer in front of it."""


def _check_bits(choices: Choices) -> None:
    schemes = [(c, c.scheme) for c in choices.values() if c.scheme is not None]
    bits = {scheme.activation_bits for choice, scheme in schemes if choice.is_quantized}
    if len(bits) > 1:
        raise ConfigError(
            "`scheme` must not mix activations of 8 and 16 bits in one model: no integer kernel "
            "takes both. Leave the layers of one kind in float."
        )
    has_4_bits = any(scheme.weight_bits == 4 and c.lowering.make for c, scheme in schemes)
    if has_4_bits and 16 in bits:
        raise ConfigError(
            "`scheme` must not mix weights of 4 bits and activations of 16 bits in one model: a "
            'file has one of them. Use "int4_weights" or "int16x8", and None for layers in float.'
        )


def _fold_normalization(choice: Choice, choices: Choices) -> None:
    """Take in the BatchNormalization behind, if nothing else sees what is between the two."""
    if choice.is_folded:
        return  # its lowering is that of the layer before, which takes in one normalization only
    if not choice.lowering.folds_normalization or choice.lowering.make is None:
        return
    behind = sole_consumer(choice.node.output)
    if behind is None or not _can_be_folded(choices[id(behind)]):
        return
    if _is_called_again(choice, choices) or _is_called_again(choices[id(behind)], choices):
        return
    if _activity_regularizer(choice.node) or _activity_regularizer(behind):
        return  # which see what is between the two, or behind them
    if _has_one_step(choice.lowering) and has_one_range(choice.node.operation):
        return  # factors of its channels would multiply the few values
    choice.normalization = behind
    choices[id(behind)] = Choice(behind, choice.lowering, choice.scheme, is_folded=True)


def _has_one_step(lowering: Lowering) -> bool:
    """Whether the file has one step for the whole kernel, not one for each channel."""
    return isinstance(lowering.make, type) and issubclass(lowering.make, QuantizedDense)


def _can_be_folded(choice: Choice) -> bool:
    is_normalization = lowering_of(choice.node.operation).make is QuantizedBatchNormalization
    return is_normalization and choice.scheme is not None


def _is_called_again(choice: Choice, choices: Choices) -> bool:
    operation = choice.node.operation
    return sum(other.node.operation is operation for other in choices.values()) > 1


def sole_consumer(value: Value) -> Node | None:
    """The only call that sees `value`; None if there are more, or the model returns it."""
    return value.consumers[0] if len(value.consumers) == 1 and not value.is_output else None


def _names(node: Node, above: dict[int, tuple[str, ...]]) -> tuple[str, ...]:
    """The node's name, its operation's and those of all that hold it: patterns may match any."""
    return (node.name, *above.get(id(node.operation), (node.operation.name,)))


def _names_above(layer: Any, names: tuple[str, ...] = ()) -> dict[int, tuple[str, ...]]:
    """For each layer inside of `layer`: the names from its own outwards, without the model's."""
    found: dict[int, tuple[str, ...]] = {}
    for child in layer._flatten_layers(include_self=False, recursive=False):
        found[id(child)] = (child.name, *names)
        found.update(_names_above(child, (child.name, *names)))
    return found
