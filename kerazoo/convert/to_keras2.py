"""A Keras 2 model from one of Keras 3, for tools that still need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import tree

from kerazoo.convert._keras2_original import has_keras2
from kerazoo.convert._model_calls import graph_of
from kerazoo.convert._proof import prove_equal
from kerazoo.errors import ConversionError, MissingDependencyError

if TYPE_CHECKING:
    import tf_keras


def to_keras2(model: keras.Model, *, verify: bool = True) -> tf_keras.Model:
    """The same model in tf_keras, uncompiled, with the same layer names and the same outputs.

    Layers become the Keras 2 layers of the same class and arguments, operations of `keras.ops`
    TensorFlow functions; models in models and shared layers stay. Initializers are left out. The
    import of tf_keras leaves `tf.keras` and `import keras` as they are.

    **Proof.** Both run on the same random inputs, `training=False`: outputs must agree to 1e-5 of
    their largest value (1e-2 where layers compute in 16 bits). Training is not compared. Nothing
    is where the model cannot run on made-up inputs, which is said once.

    Args:
        model: functional or Sequential, built, with Keras's TensorFlow backend.
        verify: prove the outputs equal.

    Raises:
        MissingDependencyError: tf_keras is not installed.
        ConversionError: a layer, argument or operation that Keras 2 does not have, by name; or
            outputs that differ, with the first layer that does.

    >>> import kerazoo
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])
    >>> kerazoo.convert.to_keras2(model).get_layer("dense").kernel.shape  # doctest: +SKIP
    TensorShape([4, 2])
    """
    if not has_keras2():
        raise MissingDependencyError('Keras 2 models need tf_keras: pip install "kerazoo[hub]"')
    converted = _converted(model)
    if verify:
        prove_equal(model, converted, name=model.name)
    return converted


def _converted(model: Any) -> Any:
    import tf_keras

    graph = graph_of(model)
    if not hasattr(graph, "_inputs_struct") or not isinstance(model, keras.Model):
        raise ConversionError(
            f"`model` must be a functional or Sequential Keras 3 model that is built. Received: "
            f"{type(model).__name__}."
        )
    if isinstance(model, keras.Sequential):
        layers = [_input(graph.inputs[0]), *map(_layer, model.layers)]
        return _filled(tf_keras.Sequential(layers, name=model.name), model)
    return _filled(_functional(graph), model)


def _functional(graph: Any) -> Any:
    import tf_keras

    tensors = {id(tensor): _input(tensor) for tensor in graph.inputs}
    made: dict[int, Any] = {}

    def there(leaf: Any) -> Any:
        return tensors[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf

    by_depth = graph._nodes_by_depth
    for node in (node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]):
        if node.is_input:
            continue
        operation = node.operation
        if id(operation) not in made:
            made[id(operation)] = _layer(operation)
        args, kwargs = node.arguments.convert(there)
        given = {name: value for name, value in kwargs.items() if value is not None}
        try:
            outputs = made[id(operation)](*args, **given)
        except (TypeError, ValueError) as error:
            problem = " ".join(str(error).split())[:300]
            raise ConversionError(
                f"Layer {operation.name!r} cannot be called in Keras 2: {problem}"
            ) from error
        flat = tree.flatten(outputs)
        tensors.update(zip(map(id, node.outputs), flat, strict=True))
    ends = (tree.map_structure(there, end) for end in (graph._inputs_struct, graph._outputs_struct))
    return tf_keras.Model(*ends, name=graph.name)


def _input(tensor: Any) -> Any:
    import tf_keras

    return tf_keras.Input(
        batch_shape=tuple(tensor.shape),
        dtype=keras.backend.standardize_dtype(tensor.dtype),
        sparse=bool(tensor.sparse),
        name=tensor._keras_history.operation.name,
    )


def _layer(operation: Any) -> Any:
    """What to call in its place."""
    from kerazoo.convert._keras2_layers import keras2_layer
    from kerazoo.convert._keras2_operations import keras2_operation

    if isinstance(operation, keras.Model):
        return _converted(operation)
    if isinstance(operation, keras.layers.Layer):
        return keras2_layer(operation)
    return keras2_operation(operation)


def _filled(converted: Any, model: Any) -> Any:
    """With the model's weights, but for models in it, which have theirs."""
    theirs = {layer.name: layer for layer in converted.layers}
    for layer in model.layers:
        if isinstance(layer, keras.Model) or not layer.weights:
            continue
        new = theirs[layer.name]
        values = [keras.ops.convert_to_numpy(v) for v in _weights(layer)]
        variables = _weights(new)
        shapes = [tuple(variable.shape) for variable in variables]
        if [value.shape for value in values] != shapes:
            raise ConversionError(
                f"Layer {layer.name!r} has weights of the shapes {[v.shape for v in values]}, in "
                f"Keras 2 {shapes}."
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        if hasattr(new, "finalize_state"):
            new.finalize_state()
    return converted


def _weights(layer: Any) -> list[Any]:
    return list(layer.trainable_weights) + list(layer.non_trainable_weights)
