"""Convolutions, and what stands between them: pooling, joining, activations."""

from __future__ import annotations

import keras
from keras import layers as kl

from tests.compress.small_graphs.registry import graph, image


@graph
def conv():
    x = image()
    return keras.Model(x, kl.Conv2D(6, 3, padding="same", activation="relu")(x))


@graph
def conv_bn_relu():
    x = image()
    y = kl.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    return keras.Model(x, kl.ReLU()(kl.BatchNormalization()(y)))


@graph
def depthwise():
    x = image()
    y = kl.DepthwiseConv2D(3, depth_multiplier=2)(x)
    return keras.Model(x, kl.ReLU(6)(kl.BatchNormalization()(y)))


@graph
def separable():
    x = image()
    y = kl.BatchNormalization()(kl.SeparableConv2D(6, 3, padding="same")(x))
    y = kl.SeparableConv2D(5, 3, activation="relu")(y)
    return keras.Model(x, y)


@graph
def transpose():
    x = image()
    y = kl.Conv2DTranspose(6, 3, strides=2, padding="same")(x)
    y = kl.ReLU()(kl.BatchNormalization()(y))
    return keras.Model(x, kl.Conv2DTranspose(3, 2, strides=2)(y))


@graph
def residual_add():
    x = image()
    y = kl.Conv2D(4, 3, padding="same", activation="relu")(x)
    y = kl.BatchNormalization()(kl.Conv2D(4, 3, padding="same")(y))
    return keras.Model(x, kl.ReLU()(kl.Add()([x, y])))


@graph
def concat_of_three():
    x = image()
    parts = [
        kl.Conv2D(4, 1, activation="relu")(x),
        kl.MaxPooling2D(3, strides=1, padding="same")(x),
        kl.AveragePooling2D(3, strides=1, padding="same")(x),
    ]
    return keras.Model(x, kl.Conv2D(5, 1)(kl.Concatenate()(parts)))


@graph
def concat_of_pooled_concat():
    x = image()
    first = [kl.Conv2D(4, 1, activation="relu")(x), kl.Conv2D(3, 1, activation="relu")(x)]
    y = kl.Concatenate()(first)
    parts = [kl.Conv2D(4, 2, strides=2)(y), kl.Conv2D(5, 1, strides=2)(y), kl.MaxPooling2D(2)(y)]
    y = kl.Concatenate()(parts)
    pooled = kl.AveragePooling2D(3, strides=1, padding="same")(y)
    return keras.Model(x, kl.Concatenate()([kl.Conv2D(5, 1)(z) for z in (y, y, y, pooled)]))


@graph
def concat_of_pooled_concat_behind_dropout():
    x = image()
    y = kl.Concatenate()([kl.Conv2D(4, 1, activation="relu")(x), kl.MaxPooling2D(1)(x)])
    y = kl.Concatenate()([kl.Conv2D(4, 2, strides=2)(y), kl.MaxPooling2D(2)(y)])
    pooled = kl.AveragePooling2D(3, strides=1, padding="same")(kl.Dropout(0.1)(y))
    return keras.Model(x, kl.Concatenate()([kl.Conv2D(5, 1)(z) for z in (y, y, pooled)]))


@graph
def shared_layer():
    x = image()
    shared = kl.Conv2D(4, 3, padding="same", activation="relu")
    return keras.Model(x, kl.Add()([shared(x), shared(shared(x))]))


@graph
def conv_shared_by_two_bns():
    x = image()
    y = kl.Conv2D(4, 3)(x)
    left, right = kl.BatchNormalization()(y), kl.BatchNormalization()(y)
    return keras.Model(x, kl.Multiply()([kl.ReLU()(left), right]))


@graph
def one_dimensional():
    x = keras.Input((16, 4))
    y = kl.Conv1D(6, 3, padding="causal", dilation_rate=2)(x)
    y = kl.ReLU()(kl.BatchNormalization()(y))
    y = kl.MaxPooling1D(2)(kl.SeparableConv1D(8, 3, padding="same", activation="relu")(y))
    return keras.Model(x, kl.Dense(3)(kl.Flatten()(y)))


@graph
def volumes():
    x = keras.Input((4, 6, 6, 3))
    y = kl.Conv3D(5, 3, padding="same", activation="relu")(x)
    return keras.Model(x, kl.Dense(4)(kl.GlobalAveragePooling3D()(y)))


@graph
def average():
    x = image()
    parts = [kl.Conv2D(4, 3, padding="same")(x), x, kl.Conv2D(4, 1, activation="relu")(x)]
    return keras.Model(x, kl.Average()(parts))


@graph
def swish():
    x = image()
    y = kl.Conv2D(6, 3, activation="silu")(x)
    return keras.Model(x, kl.Conv2D(4, 1)(kl.Activation("gelu")(kl.Conv2D(6, 1)(y))))


@graph
def slopes():
    x = image()
    y = kl.PReLU(shared_axes=[1, 2])(kl.Conv2D(6, 3)(x))
    return keras.Model(x, kl.LeakyReLU()(kl.Conv2D(4, 3)(y)))


@graph
def exponentials():
    x = image()
    return keras.Model(x, kl.ELU()(kl.Conv2D(6, 3)(x)))


@graph
def up_sampling():
    x = image()
    y = kl.UpSampling2D(2, interpolation="bilinear")(kl.Conv2D(4, 3, activation="relu")(x))
    z = kl.UpSampling2D(2)(kl.Cropping2D(1)(x))
    return keras.Model(x, kl.Concatenate()([y, z]))


@graph
def batch_norm_first():
    x = image()
    y = kl.ReLU()(kl.BatchNormalization()(x))
    return keras.Model(x, kl.BatchNormalization()(kl.AveragePooling2D(3)(y)))
