"""`profile`: parameters, operations and memory of a model, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, DataError
from kerazoo.inspect._activation_memory import handed_on, origin, peak_bytes, size_in_bytes
from kerazoo.inspect._flop_count import FlopCount
from kerazoo.inspect._tracing import (
    Trace,
    check_backend,
    packed,
    symbolic_inputs,
    tensor_specs,
    trace_layer,
)
from kerazoo.inspect.layer_profile import LayerProfile, Profile


def profile(model: Any, batch_size: int = 1, *, inputs: Any = None) -> Profile:
    """What `model` costs for one batch in inference: parameters, FLOPs, activation memory.

    A FLOP is one addition, multiplication, division or comparison of floating-point numbers, so
    a multiply-add is two. Counted as TensorFlow's profiler counts, on the traced graph: matrix
    products, convolutions, pooling, sums and means, biases, normalizations, products and sums of
    tensors, softmax (5 a number). A loop's body counts at each turn (the profiler: once), of
    branches the dearest, and what no result depends on does not. What a `tf.function` or a
    SavedModel (`HubLayer`) does inside counts for the layer that calls it.

    Not counted: activations (relu, sigmoid, tanh, erf, exp), square roots but for the reciprocal
    (2 a number), copies, reshapes, padding, casts, lookups, resizing, random numbers, integers.
    What has no rule, or a size known only when it runs, is named in `.uncounted`. Weights of zero
    count as others do. `compress.report` counts kernels alone.

    Args:
        model: a Keras model, functional, Sequential or subclassed.
        batch_size: samples at once, from 1.
        inputs: for a model that was built without `keras.Input` of fixed size: an example or a
            spec of its input, in the structure that it takes. The batch is `batch_size` even so.

    Raises:
        ConfigError: no model, not built, an input of open size, another Keras backend.
        DataError: `inputs` do not fit the model.

    >>> import kerazoo
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="head")])
    >>> found = kerazoo.inspect.profile(model, batch_size=10)
    >>> found.flops, found.parameters, found.activation_bytes  # 10 * (2 * 8 * 4 + 4), ...
    (680, 36, 160)
    """
    import keras

    check_backend("`profile`")
    check_integer("batch_size", batch_size)
    if not isinstance(model, keras.Model):
        raise ConfigError(f"`model` must be a keras.Model. Received: {model!r}.")
    trace = trace_layer(model, [_specs(model, batch_size, inputs)])
    count = FlopCount(trace)
    return Profile(
        model=model.name,
        batch_size=batch_size,
        layers=tuple(_layers(model, trace, count)),
        parameter_bytes=sum(size_in_bytes(weight.value) for weight in model.weights),
        trainable_parameters=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        peak_activation_bytes=peak_bytes(trace.function.graph),
        uncounted=dict(count.uncounted.most_common()),
        open_loops=tuple(count.open_loops),
    )


def _specs(model: Any, batch_size: int, inputs: Any) -> Any:
    """What the model is called with, of fixed sizes."""
    import keras
    import tensorflow as tf

    if inputs is None:
        found = symbolic_inputs(model)
        if found is None:
            raise ConfigError(
                f"The model {model.name!r} has no inputs of its own to trace it with: give "
                f"`inputs`, or begin it with `keras.Input(shape)`."
            )
        inputs = packed(model, found)

    def fixed(spec: Any) -> Any:
        if not spec.shape.rank:
            raise DataError(f"An input must have a first axis for the batch. Received: {spec}.")
        sizes = spec.shape.as_list()[1:]
        if None in sizes:
            raise ConfigError(
                f"`profile` needs inputs of known size; {model.name!r} takes {spec.shape}. Give "
                f"`inputs`, or make the model with `keras.Input` of a fixed shape."
            )
        return tf.TensorSpec((batch_size, *sizes), spec.dtype)

    return keras.tree.map_structure(fixed, tensor_specs(inputs))


def _layers(model: Any, trace: Trace, count: FlopCount) -> Iterator[LayerProfile]:
    """A row for each layer, however deep, and for what a model does between its layers."""
    handed: dict[int, list[Any]] = {}
    for layer, tensor in handed_on(trace):
        handed.setdefault(id(layer), []).append(tensor)
    counted: set[int] = set()
    memories: set[str] = set()
    seen: set[int] = set()
    for path, layer, inside in _walk(model, ()):
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        theirs = {id(weight) for each in inside for weight in each.weights}
        own = [w for w in layer.weights if id(w) not in theirs and id(w) not in counted]
        counted.update(map(id, own))
        tensors = handed.get(id(layer), [])
        row = LayerProfile(
            name="/".join(path) or layer.name,
            kind=type(layer).__name__,
            calls=len(count.scopes.get(id(layer), ())),
            output_shape=tuple(tensors[0].shape.as_list()) if tensors else None,
            parameters=sum(math.prod(weight.shape) for weight in own),
            flops=count.by_layer[id(layer)],
            activation_bytes=_new_bytes(tensors, memories),
        )
        if not inside or row.parameters or row.flops or row.activation_bytes:
            yield row


def _walk(layer: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, list[Any]]]:
    """(path, layer, layers right inside it), outer ones first, shared ones again and again."""
    import keras

    inside = layer._flatten_layers(include_self=False, recursive=False)
    inside = [each for each in inside if not isinstance(each, keras.layers.InputLayer)]
    yield path, layer, inside
    for each in inside:
        yield from _walk(each, (*path, each.name))


def _new_bytes(tensors: list[Any], memories: set[str]) -> int:
    """Bytes of the memory behind the tensors that is not in `memories` yet; adds it there."""
    origins = {origin(tensor).name: origin(tensor) for tensor in tensors}
    new = {name: tensor for name, tensor in origins.items() if name not in memories}
    memories.update(new)
    return sum(map(size_in_bytes, new.values()))
