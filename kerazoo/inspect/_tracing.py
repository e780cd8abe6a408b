"""From a model or a function to a traced TensorFlow function that knows its layers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kerazoo.errors import ConfigError, DataError

Call = tuple[Any, str]
"""(layer, its name scope). Each call has a scope of its own: "conv_1" is the first of the layer
"conv", "conv_2" may be the second."""


@dataclass
class Trace:
    """A traced function.

    Attributes:
        name: of the model or function.
        function: TensorFlow's ConcreteFunction.
        layer: the Keras model or layer that it calls; None for functions.
        layers: (name of a graph, name of an operation in it) -> the Keras layers that were being
            called when it came to be, outermost first. Empty for functions. Not in it are calls of
            functions, and what is in functions that were traced before.
        paths: id of a resource handle -> the Keras path of the variable behind it.
    """

    name: str
    function: Any
    layer: Any = None
    layers: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)

    def calls(
        self, graph: str, operation: str, around: tuple[Call, ...] = (), caller: str = ""
    ) -> tuple[Call, ...]:
        """The calls of layers around an operation, outermost first.

        In a function's graph they begin with those `around` the operation `caller` that calls it.
        """
        parts = operation.split("/")[:-1]
        names = [re.sub(r"_\d+$", "", part) for part in parts]
        outside = tuple(layer for layer, _ in around)
        layers = self.layers.get((graph, operation))
        if layers is None or layers[: len(outside)] != outside:  # or noted for another caller
            layers = (*outside, *self._named(parts, names, outside))
        found, depth = [], 0
        for layer in layers:
            for place in range(depth, len(parts)):
                if layer.name in (parts[place], names[place]):
                    depth = place + 1
                    break
            found.append((layer, "/".join([caller, *parts[:depth]] if caller else parts[:depth])))
        return (*around, *found[len(around) :])

    def _named(self, parts: list[str], names: list[str], outside: tuple[Any, ...]) -> list[Any]:
        """The layers, one in the other, that name scopes are called after."""
        inside = _layers_in(outside[-1]) if outside else [self.layer]
        found = []
        for part, name in zip(parts, names, strict=True):
            layer = next((each for each in inside if each.name in (part, name)), None)
            if layer is not None:
                found.append(layer)
                inside = _layers_in(layer)
        return found


def _layers_in(layer: Any) -> list[Any]:
    return list(layer._flatten_layers(include_self=False, recursive=False))


def check_backend(what: str) -> None:
    """Raise a ConfigError unless Keras runs on TensorFlow; `what` needs it."""
    import keras

    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ConfigError(
            f"{what} reads a TensorFlow graph, and Keras runs on {backend!r} here: set "
            f"KERAS_BACKEND=tensorflow."
        )


def trace(target: Any, inputs: Sequence[Any]) -> Trace:
    """Trace a Keras model or layer in inference mode, a `tf.function`, or a plain function.

    Raises:
        ConfigError: it cannot be called, is not built, or fails while it is traced.
        DataError: the inputs do not fit it.
    """
    import keras

    if isinstance(target, keras.Layer):
        given = [tensor_specs(one) for one in inputs] or [_own_specs(target)]
        return trace_layer(target, given)
    return _trace_function(target, inputs)


def trace_layer(layer: Any, arguments: Sequence[Any]) -> Trace:
    """Trace `layer(*arguments, training=False)`; `arguments` are structures of TensorSpecs."""
    import tensorflow as tf

    layers: dict[tuple[str, str], tuple[Any, ...]] = {}

    def run(*inputs: Any) -> Any:  # its argument's name is that of the graph's inputs
        with _noting_layers(layers):
            return layer(*inputs, training=False)

    with _one_line(layer.name, arguments):
        function = tf.function(run, autograph=False).get_concrete_function(*arguments)
    paths = {id(variable.value.handle): variable.path for variable in layer.variables}
    return Trace(layer.name, function, layer, layers, paths)


def tensor_specs(structure: Any) -> Any:
    """Arrays, tensors and specs in any structure, as `tf.TensorSpec`s.

    Raises: DataError for what has no shape and dtype.
    """
    import keras

    return keras.tree.map_structure(_tensor_spec, structure)


def symbolic_inputs(model: Any) -> list[Any] | None:
    """The tensors that a functional or Sequential model was built with; None if there are none."""
    try:
        return list(model.inputs) or None
    except (AttributeError, TypeError, ValueError):  # subclassed, or not built
        return None


def packed(model: Any, flat: Sequence[Any]) -> Any:
    """One value per input, in the structure (single, list, dict) that the model takes."""
    import keras

    if isinstance(model, keras.Sequential):  # has no `input` before its first call
        return flat[0]
    return keras.tree.pack_sequence_as(model.input, list(flat))


def _own_specs(layer: Any) -> Any:
    found = symbolic_inputs(layer)
    if found is None:
        raise ConfigError(
            f"The model {layer.name!r} has no inputs of its own to trace it with: give an example "
            f"or a tf.TensorSpec of each, or begin it with `keras.Input(shape)`."
        )
    return packed(layer, [_tensor_spec(tensor) for tensor in found])


def _tensor_spec(value: Any) -> Any:
    import tensorflow as tf

    if isinstance(value, tf.TypeSpec):
        return value
    if isinstance(value, (tf.RaggedTensor, tf.SparseTensor)):
        return tf.type_spec_from_value(value)
    if isinstance(value, (bool, int, float, str)):
        value = tf.constant(value)
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if dtype is None or callable(shape):
        raise DataError(
            f"An input must be an array, a tensor or a tf.TensorSpec. Received: {value!r}."
        )
    try:
        return tf.TensorSpec(shape, dtype)
    except (TypeError, ValueError) as error:
        raise DataError(f"An input of dtype {dtype} is nothing for TensorFlow.") from error


def _trace_function(target: Any, inputs: Sequence[Any]) -> Trace:
    import tensorflow as tf

    if isinstance(target, tf.types.experimental.ConcreteFunction):
        if inputs:
            raise DataError("A concrete function is traced already: give it without inputs.")
        return Trace(target.name, target)
    if not callable(target) or isinstance(target, type):
        raise ConfigError(
            f"Expected a keras.Model, a tf.function or a function. Received: {target!r}."
        )
    is_polymorphic = isinstance(target, tf.types.experimental.PolymorphicFunction)
    function = target if is_polymorphic else tf.function(target)
    specs = [tensor_specs(one) for one in inputs]
    name = getattr(target, "__name__", type(target).__name__)
    with _one_line(name, specs):
        return Trace(name, function.get_concrete_function(*specs))


@contextlib.contextmanager
def _one_line(name: str, specs: Sequence[Any]) -> Iterator[None]:
    """What goes wrong while tracing is told in one line, with what came in."""
    try:
        yield
    except (ConfigError, DataError):
        raise
    except Exception as error:  # the traced code is the user's: it may raise anything
        reason = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())
        raise DataError(
            f"{name!r} cannot be traced with the inputs {_in_words(specs)}: "
            f"{type(error).__name__}: {reason[-300:]}"
        ) from error


def _in_words(specs: Any) -> str:
    import keras

    flat = keras.tree.flatten(specs)
    return ", ".join(f"{spec.dtype.name}{spec.shape}" for spec in flat) or "(none)"


@contextlib.contextmanager
def _noting_layers(found: dict[tuple[str, str], tuple[Any, ...]]) -> Iterator[None]:
    """Note for each operation made inside which layers are being called; nothing is changed.

    TensorFlow tells a listener of each new operation, and Keras keeps its open name scopes on a
    stack, each with the layer that opened it. Neither has a public name.
    """
    from keras.src.backend.common import global_state
    from tensorflow.python.framework import op_callbacks

    def listen(kind, inputs, attributes, outputs, op_name=None, graph=None):
        scopes = global_state.get_global_attribute("name_scope_stack") or []
        if graph is not None:
            callers = tuple(scope.caller for scope in scopes if scope.caller is not None)
            name = outputs[0].op.name if outputs else op_name
            found[getattr(graph, "name", ""), name] = callers

    op_callbacks.add_op_callback(listen)
    try:
        yield
    finally:
        op_callbacks.remove_op_callback(listen)
