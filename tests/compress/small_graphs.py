"""Small models, one for each way in which layers can meet; each with inputs to run it on.

Weights, biases and the statistics of batch normalization are random: with those of a fresh model
many mistakes cancel, since gamma is 1, beta, bias and mean are 0 and a frozen net gives all zeros.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import layers as kl
from keras import ops

ROWS = 24
GRAPHS: dict[str, Callable[[], keras.Model]] = {}


def graph(function: Callable[[], keras.Model]) -> Callable[[], keras.Model]:
    """Add the decorated builder to `GRAPHS` under its name."""
    GRAPHS[function.__name__] = function
    return function


def build(name: str) -> keras.Model:
    """The model `name` with random weights."""
    keras.utils.set_random_seed(0)
    model = GRAPHS[name]()
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if "float" not in weight.dtype or "seed" in weight.path:
            continue
        noise = rng.normal(size=weight.shape)
        kind = weight.path.rsplit("/", 1)[-1]
        if kind in ("moving_variance", "variance"):
            weight.assign(0.5 + noise**2)
        elif kind in ("gamma", "scale"):
            weight.assign(1.0 + 0.3 * noise)
        elif kind in ("beta", "bias", "moving_mean", "mean", "alpha"):
            weight.assign(0.2 * noise)
        else:
            weight.assign(weight + 0.02 * noise)
    return model


def samples(model: keras.Model, rows: int = ROWS) -> np.ndarray | list[np.ndarray]:
    """An array `(rows, ...)` or a list of one for each input: noise, or indices below 10."""
    rng = np.random.default_rng(2)
    made = []
    for tensor in model.inputs:
        shape = (rows, *tensor.shape[1:])
        is_index = "int" in tensor.dtype
        values = rng.integers(1, 10, shape) if is_index else rng.normal(size=shape)
        made.append(values.astype(tensor.dtype))
    return made if len(made) > 1 else made[0]


def image(channels: int = 4, size: int = 8) -> keras.KerasTensor:
    return keras.Input((size, size, channels))


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
def attention():
    x = keras.Input((6, 16))
    y = kl.MultiHeadAttention(2, 8)(x, x)
    return keras.Model(x, kl.Add()([x, y]))


@graph
def causal_attention():
    x = keras.Input((6, 16))
    return keras.Model(x, kl.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True))


@graph
def swish():
    x = image()
    y = kl.Conv2D(6, 3, activation="silu")(x)
    return keras.Model(x, kl.Conv2D(4, 1)(kl.Activation("gelu")(kl.Conv2D(6, 1)(y))))


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
def group_norm():
    x = image(channels=8)
    return keras.Model(x, kl.ReLU()(kl.GroupNormalization(4)(x)))


@graph
def embedding():
    x = keras.Input((6,), dtype="int32")
    y = kl.Embedding(10, 8)(x)
    return keras.Model(x, kl.Dense(4)(kl.Flatten()(y)))


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
def batch_norm_first():
    x = image()
    y = kl.ReLU()(kl.BatchNormalization()(x))
    return keras.Model(x, kl.BatchNormalization()(kl.AveragePooling2D(3)(y)))


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
