"""`report`: figures counted by hand."""

import gzip

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import prune, report


def small_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2))
    outputs = layers.Conv2D(4, 3, strides=2, name="conv")(inputs)  # 3 x 3 places
    outputs = layers.DepthwiseConv2D(3, padding="same", name="depth")(outputs)
    outputs = layers.BatchNormalization()(outputs)
    shared = layers.Conv2D(4, 1, name="shared")
    outputs = layers.Flatten()(shared(shared(outputs)))
    return keras.Model(inputs, layers.Dense(5, name="head")(outputs), name="small")


def test_operations_and_parameters_by_hand():
    result = report(small_model())
    assert {layer.name: layer.flops for layer in result.layers} == {
        "conv": 2 * 9 * (3 * 3 * 2 * 4),
        "depth": 2 * 9 * (3 * 3 * 4),
        "shared": 2 * 2 * 9 * (4 * 4),
        "head": 2 * 36 * 5,
    }
    assert result.flops == 1296 + 648 + 576 + 360
    assert result.parameters == 72 + 4 + 36 + 4 + 16 + 16 + 4 + 180 + 5
    assert {layer.name: layer.kind for layer in result.layers}["depth"] == "DepthwiseConv2D"


def test_zeros_values_and_bytes_by_hand():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, use_bias=False, name="head")])
    kernel = np.repeat([[0.0, 0.0, 1.0, 2.0]], 4, axis=0).astype("float32")
    model.layers[0].kernel.assign(kernel)
    result = report(model)
    (layer,) = result.layers
    assert (layer.weights, layer.sparsity, layer.unique_values) == (16, 0.5, 3)
    assert layer.gzip_bytes == result.gzip_bytes == len(gzip.compress(kernel.tobytes(), mtime=0))


def test_before_and_after_in_one_table():
    model = small_model()
    pruned = prune(model, sparsity=0.5, skip=["head"])
    pruned.compile("sgd", "mse")
    pruned.train_on_batch(np.ones((2, 8, 8, 2)), np.ones((2, 5)))
    result = report(pruned, before=model)
    weights = {"conv": 36, "shared": 8}  # zeros
    assert result.sparsity == pytest.approx(sum(weights.values()) / (72 + 36 + 16 + 180))
    assert result.before.sparsity == 0
    assert result.layers[0].gzip_bytes < result.before.layers[0].gzip_bytes
    assert result.flops == result.before.flops  # zeros are computed as other values are
    assert result.to_dict()["before"]["parameters"] == result.parameters == 337
    lines = str(result).splitlines()
    assert any("conv" in line and "50.0%" in line for line in lines)
    assert any("before" in line and "0.0%" in line for line in lines)


def test_an_open_size_has_no_count():
    model = keras.Sequential([keras.Input((None, 4)), layers.Conv1D(2, 3), layers.LSTM(3)])
    assert report(model).flops is None
    assert "?" in str(report(model))
    recurrent = keras.Sequential([keras.Input((5, 4)), layers.LSTM(3)])
    assert report(recurrent).flops == 2 * 5 * (4 * 12 + 3 * 12)


def test_operations_of_layers_with_several_kernels_or_axes():
    def flops(shapes, call):
        inputs = [keras.Input(shape) for shape in shapes]
        return report(keras.Model(inputs, call(*inputs))).flops

    attention = layers.MultiHeadAttention(2, 3, output_shape=5)
    queries, others = 4 * (8 * 6 + 6 * 5), 7 * 2 * (8 * 6)  # keys and values at 7 places
    assert flops([(4, 8), (7, 8)], attention) == 2 * (queries + others)
    to_heads = layers.EinsumDense("abc,cde->abde", (None, 2, 3))
    assert flops([(4, 8)], to_heads) == 2 * 4 * (8 * 2 * 3)
    for_any_rank = layers.EinsumDense("...x,xy->...y", 5)
    assert flops([(4, 6, 8)], for_any_rank) == 2 * 4 * 6 * (8 * 5)
    each = 2 * 2 * 2 * 4 * 3 + 2 * 2 * 3 * 4 * 3  # of the input's 2 channels, and of the 3 units
    for all_steps in (True, False):
        moving = layers.ConvLSTM2D(3, 2, return_sequences=all_steps)
        assert flops([(6, 5, 5, 2)], moving) == 2 * 6 * (4 * 4) * each


def test_operations_of_channels_that_come_first():
    model = keras.Sequential(
        [keras.Input((3, 8, 8)), layers.Conv2D(4, 3, data_format="channels_first")]
    )
    assert report(model).flops == 2 * 6 * 6 * (3 * 3 * 3 * 4)


@pytest.mark.slow
def test_the_file_is_measured(tensorflow_backend):
    result = report(small_model(), tflite=True)
    assert result.tflite.size_bytes > 4 * result.parameters
    assert 0 < result.tflite.gzip_bytes < result.tflite.size_bytes
    assert result.tflite.latency_us > 0
    assert ".tflite" in str(result)
