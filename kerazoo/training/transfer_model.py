"""From a pretrained network and a number of classes to the model that is fine-tuned."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import keras

from kerazoo.errors import ConfigError, DataError, WeightsError
from kerazoo.layers._copy_weights import copy_weights
from kerazoo.notices import notice
from kerazoo.zoo.build import HEAD, get
from kerazoo.zoo.catalogue import find_config, list_models

DROPOUT = 0.2
_LEAST_SIDE, _ENLARGEMENT = 128, 4


@dataclass(frozen=True)
class TransferModel:
    """A model in two parts.

    Attributes:
        model: inputs to logits, functional, every layer of the body in it.
        body: inputs to a feature vector; shares its layers.
        head: feature vector to logits; shares its layers.
    """

    model: keras.Model
    body: keras.Model
    head: keras.Model


def transfer_model(
    model_or_name: Any,
    num_classes: int,
    *,
    sample_shape: tuple[int, ...] | None,
    image_size: int | None,
) -> TransferModel:
    """The network with a head for `num_classes` classes.

    Args:
        model_or_name: as in `fine_tune`.
        sample_shape: of the data; None where it is files, which are squeezed to the model's input.
        image_size: as in `fine_tune`.

    Raises:
        DataError: the samples do not fit the network.
        ConfigError: the network has no feature vector, or is no functional model.
    """
    if isinstance(model_or_name, keras.Model):
        network = model_or_name
        if image_size is not None:
            raise ConfigError("`image_size` is for networks by name: a model has its size already.")
    else:
        network = _network(os.fspath(model_or_name), sample_shape, image_size)
    network = _functional(network)
    features, head_layers = _cut(network, num_classes)
    inputs, body = network.input, keras.Model(network.input, features)
    if sample_shape is not None and tuple(network.input_shape[1:]) != tuple(sample_shape):
        inputs, body = _with_resizing(body, sample_shape)
    logits = body.output
    for layer in head_layers:
        logits = layer(logits)
    model = keras.Model(inputs, logits, name=f"{network.name}_fine_tuned")
    head_inputs = keras.Input(body.output.shape[1:], name="features")
    head_outputs = head_inputs
    for layer in head_layers:
        head_outputs = layer(head_outputs)
    return TransferModel(model, body, keras.Model(head_inputs, head_outputs, name="head"))


def _network(name: str, sample_shape: tuple[int, ...] | None, image_size: int | None) -> Any:
    """A network by name, made for images as large as they are worth.

    Images smaller than what a network was trained on are enlarged: to four times their side, at
    least to 128 pixels, at most to the network's own size. More pixels cost time, not knowledge.
    """
    if name.endswith(".keras"):
        if image_size is not None:
            raise ConfigError(
                f"`image_size` is for networks by name: the model in {name!r} has its size already."
            )
        from kerazoo.zoo.build import open_model

        return open_model(name)
    native = _native_shape(name)
    shape = native
    if image_size is not None:
        shape = (image_size, image_size, native[2] if native else 3)
    elif native is not None and sample_shape is not None and len(sample_shape) == 3:
        side = min(native[0], max(_LEAST_SIDE, _ENLARGEMENT * max(sample_shape[:2])))
        shape = native if native[0] <= side else (side, side, native[2])
    if name not in list_models():
        from kerazoo.hub import backbone

        return backbone(name, input_shape=shape)
    if shape == native:
        return get(name, compile=False)
    try:
        return get(name, compile=False, input_shape=shape)
    except WeightsError:  # a network whose weights know the size, through Flatten
        if image_size is not None:
            raise
        return get(name, compile=False)


def _native_shape(name: str) -> tuple[int, int, int] | None:
    """What the network was made for, where that can be known without building it."""
    if name in list_models():
        shape = find_config(name).model.arguments.get("input_shape")
        if shape is None or len(shape) != 3:
            raise ConfigError(f"{name!r} takes no images. Pass the model itself: kerazoo.get(...).")
        return tuple(shape)
    from kerazoo.hub.backbone import native_side

    side = native_side(name)
    return None if side is None else (side, side, 3)


def _functional(network: keras.Model) -> keras.Model:
    """The same layers, in a model that knows what goes in and what comes out."""
    if isinstance(network, keras.Sequential) and network.built:
        return keras.Model(network.inputs[0], network.outputs[0], name=network.name)
    if not hasattr(network, "_nodes_by_depth"):
        raise ConfigError(
            f"The model {network.name!r} is neither functional nor a Sequential that begins with "
            f"keras.Input."
        )
    return network


def _cut(network: keras.Model, num_classes: int) -> tuple[Any, list[keras.Layer]]:
    """The features before the last Dense layer, and the layers of a head for `num_classes`.

    A last layer of that width gives its weights to the new one, which has no activation.
    """
    output = network.output
    if not isinstance(output, keras.KerasTensor) or len(output.shape) not in (2, 4):
        raise ConfigError(
            f"{network.name!r} must give one feature vector, feature map or score per class and "
            f"sample. It gives: {output}."
        )
    if len(output.shape) == 4:
        output = keras.layers.GlobalAveragePooling2D(name="average")(output)
        return output, [_dropout(DROPOUT), _logits(num_classes)]
    layer, before = _call_of(output)
    while isinstance(layer, keras.layers.Activation | keras.layers.Softmax):
        layer, before = _call_of(before)
    if not isinstance(layer, keras.layers.Dense):
        return network.output, [_dropout(DROPOUT), _logits(num_classes)]
    old, rate = layer, DROPOUT
    layer, further = _call_of(before)
    if isinstance(layer, keras.layers.Dropout):
        before, rate = further, layer.rate
    return before, [_dropout(rate), _logits(num_classes, old, int(before.shape[-1]))]


def _call_of(tensor: Any) -> tuple[Any, Any]:
    """The layer that made a tensor, and the tensor it made it of. Keras keeps both on it."""
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return history.operation, node.input_tensors[0] if node.input_tensors else None


def _dropout(rate: float) -> keras.Layer:
    return keras.layers.Dropout(rate, name="head_dropout")


def _logits(num_classes: int, old: Any = None, width: int | None = None) -> keras.Layer:
    layer = keras.layers.Dense(num_classes, dtype="float32", name=HEAD)
    if old is not None and old.units == num_classes and old.bias is not None:
        layer.build((None, width))
        layer.set_weights([old.kernel, old.bias])
        notice(f"The head of {old.units} classes is kept: it has as many as the data.")
    return layer


def _with_resizing(body: keras.Model, sample_shape: tuple[int, ...]) -> tuple[Any, keras.Model]:
    """The same network for images of another size, resized inside the model."""
    wanted = tuple(body.input_shape[1:])
    if len(sample_shape) != 3 or len(wanted) != 3 or sample_shape[2] != wanted[2]:
        raise DataError(
            f"The model {body.name!r} takes samples of shape {wanted}; the data has {sample_shape}."
        )
    inputs = keras.Input(sample_shape, name="image")
    # Not the layer Resizing: Keras 3.15 takes its `training=True` for the layers that follow.
    resized = keras.ops.image.resize(inputs, wanted[:2])
    flat = keras.Model(inputs, body.call(resized))
    # Built anew, so that no layer remembers its call in the other model.
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(flat))
    copy_weights(flat, copy)
    return copy.input, copy
