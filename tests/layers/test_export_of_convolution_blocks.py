"""The convolution blocks as TFLite files: run, and compared with Keras."""

import functools

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import layers


@functools.cache
def images():
    """Coarse tiles: noise in every pixel would leave nothing after the pooling at the end."""
    coarse = np.random.default_rng(1).normal(size=(100, 4, 4, 3)).astype("float32")
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


@functools.cache
def net():
    """Every convolution layer once, with statistics of the images."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    fast = {"momentum": 0.5}  # the moving statistics settle in a few steps
    x = layers.ReparameterizableConv2D(8, strides=2, branches=2, name="stem", **fast)(inputs)
    x = layers.ConvNormAct(8, groups=2, **fast)(x)
    x = layers.InvertedResidual(
        8, se_ratio=0.5, activation="hard_swish", drop_path_rate=0.1, **fast
    )(x)
    x = layers.InvertedResidual(12, strides=2, **fast)(x)
    x = layers.GhostModule(12, **fast)(x)
    x = layers.EfficientChannelAttention()(x)
    branch = layers.SqueezeExcite(0.25, activation="silu")(x)
    branch = layers.DropPath()(layers.LayerScale(0.3)(branch))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([x, branch]))
    model = keras.Model(inputs, keras.layers.Dense(5, name="logits")(x), name="net")
    for _ in range(10):
        model(images()[:100], training=True)
    return model


@functools.cache
def fused():
    return keras.models.clone_model(
        net(), clone_function=lambda layer: layer.fuse() if hasattr(layer, "fuse") else layer
    )


@pytest.mark.usefixtures("tensorflow_backend")
def test_the_file_gives_the_numbers_of_the_model(tmp_path):
    report = kerazoo.export(net(), tmp_path / "net.tflite")
    expected = np.asarray(net()(images()[:20]))
    assert expected.std() > 0.1
    outputs = kerazoo.load_tflite(report.path).predict(images()[:20])
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
    assert not [operator for operator in report.ops if operator.startswith("Flex")]


@pytest.mark.usefixtures("tensorflow_backend")
def test_fused_and_in_int8_nothing_is_left_in_floating_point(tmp_path):
    outputs, expected = (np.asarray(form()(images()[:20])) for form in (fused, net))
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
    report = kerazoo.export(fused(), tmp_path / "net.tflite", quantize="int8", calibration=images())
    assert report.integer_only, report.float_ops
    assert report.relative_error < 0.1
