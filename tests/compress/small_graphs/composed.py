"""Blocks of several layers, attention, recurrence, nested models and Keras operations."""

from __future__ import annotations

import keras
from keras import layers as kl
from keras import ops

from tests.compress.small_graphs.registry import graph, image


@graph
def nested():
    inner_in = image()
    inner = keras.Model(inner_in, kl.ReLU()(kl.BatchNormalization()(kl.Conv2D(4, 3)(inner_in))))
    head = keras.Sequential([kl.GlobalAveragePooling2D(), kl.Dense(5)])
    x = image()
    return keras.Model(x, head(inner(x)))


@graph
def many_inputs_and_outputs():
    x, z = image(), keras.Input((6,))
    y = kl.Conv2D(6, 3, activation="relu")(x)
    pooled = kl.GlobalMaxPooling2D()(y)
    both = kl.Concatenate()([pooled, kl.Dense(6, activation="relu")(z)])
    return keras.Model([x, z], [kl.Dense(3)(both), pooled])


@graph
def attention():
    x = keras.Input((6, 16))
    y = kl.MultiHeadAttention(2, 8)(x, x)
    return keras.Model(x, kl.Add()([x, y]))


@graph
def causal_attention():
    x = keras.Input((6, 16))
    return keras.Model(x, kl.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True))


@graph
def squeeze_excite():
    x = image()
    y = kl.Conv2D(8, 3, activation="relu")(x)
    s = kl.GlobalAveragePooling2D(keepdims=True)(y)
    s = kl.Conv2D(4, 1, activation="relu")(s)
    return keras.Model(x, kl.Multiply()([y, kl.Conv2D(8, 1, activation="sigmoid")(s)]))


@graph
def layer_norm():
    x = keras.Input((6, 32))
    y = kl.LayerNormalization(epsilon=1e-6)(x)
    return keras.Model(x, kl.Dense(8)(y))


@graph
def convnext_block():
    x = image(channels=8)
    y = kl.Conv2D(8, 7, padding="same", groups=8)(x)
    y = kl.LayerNormalization(epsilon=1e-6)(y)
    y = kl.Dense(8)(kl.Activation("gelu")(kl.Dense(32)(y)))
    return keras.Model(x, kl.Add()([x, y]))


@graph
def group_norm():
    x = image(channels=8)
    return keras.Model(x, kl.ReLU()(kl.GroupNormalization(4)(x)))


@graph
def embedding():
    x = keras.Input((6,), dtype="int32")
    y = kl.Embedding(10, 8)(x)
    return keras.Model(x, kl.Dense(4)(kl.Flatten()(y)))


@graph
def mobilenet_v3_block():
    def hard_sigmoid(t):
        return kl.ReLU(6.0)(t + 3.0) * (1.0 / 6.0)

    x = image()
    y = kl.BatchNormalization()(kl.Conv2D(12, 1, use_bias=False)(x))
    y = kl.Multiply()([y, hard_sigmoid(y)])
    y = kl.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = kl.ReLU()(kl.BatchNormalization()(y))
    s = kl.Conv2D(4, 1, activation="relu")(kl.GlobalAveragePooling2D(keepdims=True)(y))
    y = kl.Multiply()([y, hard_sigmoid(kl.Conv2D(12, 1)(s))])
    y = kl.BatchNormalization()(kl.Conv2D(4, 1, use_bias=False)(y))
    return keras.Model(x, kl.Add()([x, y]))


@graph
def einsum_dense():
    x = keras.Input((6, 16))
    y = kl.EinsumDense("abc,cde->abde", (None, 2, 8), bias_axes="de", activation="relu")(x)
    return keras.Model(x, kl.EinsumDense("abde,def->abf", (None, 5), bias_axes="f")(y))


@graph
def softmax_head():
    x = image()
    y = kl.Flatten()(kl.MaxPooling2D()(kl.Conv2D(6, 3, activation="relu")(x)))
    y = kl.BatchNormalization()(kl.Dense(16)(kl.Dropout(0.5)(y)))
    return keras.Model(x, kl.Dense(5, activation="softmax")(kl.ReLU()(y)))


@graph
def rescaling_and_normalization():
    x = image(channels=3)
    y = kl.Rescaling(1 / 2, offset=-0.3)(x)
    y = kl.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.3, 0.1, 0.2])(y)
    return keras.Model(x, kl.Conv2D(4, 3)(y))


@graph
def operations():
    x = keras.Input((6, 8))
    y = ops.reshape(kl.Dense(8, activation="tanh")(x) * 2.0 - x, (-1, 8, 6))
    return keras.Model(x, ops.mean(ops.concatenate([y, y[:, :, ::-1]], axis=-1), axis=1))


@graph
def lstm():
    x = keras.Input((4, 6))
    return keras.Model(x, kl.Dense(4)(kl.LSTM(8)(x)))


@graph
def gru():
    x = keras.Input((4, 6))
    return keras.Model(x, kl.Dense(4)(kl.GRU(8)(x)))
