"""BatchNormalization trained by TensorFlow's own kernel, as Keras 2 did: the same numbers, sooner.

Keras 3 writes it as a dozen operations, each of which goes through the whole batch; in a network
of cheap convolutions they take half of a step. The kernel is one operation, and one back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

_DTYPES = ("float32", "bfloat16", "float16")


def fuse_normalization(model: keras.Model) -> None:
    """Let the BatchNormalization layers of `model` use the kernel in training, where it does what
    they do. For one replica: over several they have moments of their own.

    Nothing that is saved changes, nor what they compute outside of training.
    """
    for layer in model._flatten_layers():
        if type(layer) is keras.layers.BatchNormalization and not layer.renorm:
            layer.call = _fused_call(layer)


def _fused_call(layer: keras.layers.BatchNormalization) -> Callable[..., Any]:
    keras_call = layer.call

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        in_training = training and layer.trainable
        is_by_last_axis = layer.axis in (-1, len(inputs.shape) - 1)
        fits = mask is None and is_by_last_axis and layer.compute_dtype in _DTYPES
        if not in_training or not fits or isinstance(inputs, keras.KerasTensor):
            return keras_call(inputs, training=training, mask=mask)
        return _normalize(layer, inputs)

    return call


def _normalize(layer: keras.layers.BatchNormalization, inputs: tf.Tensor) -> tf.Tensor:
    channels = inputs.shape[-1]
    pixels = inputs if len(inputs.shape) == 4 else tf.reshape(inputs, (-1, 1, 1, channels))
    # Not by tf.nn, which raises an epsilon below 1.001e-5, for the cuDNN of ten years ago.
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=pixels,
        scale=tf.convert_to_tensor(layer.gamma) if layer.scale else tf.ones((channels,)),
        offset=tf.convert_to_tensor(layer.beta) if layer.center else tf.zeros((channels,)),
        mean=(),
        variance=(),
        epsilon=layer.epsilon,
    )
    # The kernel's variance is an estimate of the population's; Keras keeps that of the batch.
    samples = tf.cast(tf.size(inputs) / channels, tf.float32)
    _keep(layer.moving_mean, mean, layer.momentum)
    _keep(layer.moving_variance, variance * (samples - 1) / samples, layer.momentum)
    return outputs if pixels is inputs else tf.reshape(outputs, tf.shape(inputs))


def _keep(average: keras.Variable, new: tf.Tensor, momentum: float) -> None:
    average.assign(average * momentum + new * (1.0 - momentum))
