"""A quantized model and its file give the same integers, not merely neighbouring ones."""

import keras
import numpy as np
import pytest
from keras import layers

import kerazoo
from kerazoo.compress import FakeQuantize, calibrate, quantize_aware
from kerazoo.compress._input_step import input_step


@pytest.fixture(autouse=True)
def _tensorflow(tensorflow_backend):
    """Fake-quant is an operation of TensorFlow's."""
    keras.utils.set_random_seed(0)


IMAGES = np.random.default_rng(0).integers(0, 256, (64, 12, 12, 3)).astype("float32")


def normalized(x, name):
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def small_mobilenet():
    """Every place for a bias in a MobileNet, pixels from -1 to 1, statistics as after training."""
    inputs = keras.Input((12, 12, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(inputs)
    x = normalized(layers.Conv2D(16, 3, use_bias=False, name="stem")(x), "stem")
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    y = layers.Conv2D(16, 1, name="project")(normalized(y, "depthwise"))
    x = layers.MaxPooling2D(name="pool")(layers.Add(name="add")([x, y]))
    x = layers.BatchNormalization(name="alone")(x)
    x = layers.SeparableConv2D(16, 3, name="separable")(x)
    x = layers.Flatten(name="flat")(x)
    model = keras.Model(inputs, layers.Dense(10, name="logits")(x), name="net")
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if len(weight.shape) == 1:  # biases, factors and statistics: all of them above 0
            weight.assign(rng.uniform(0.1, 0.6, weight.shape))
    return model


@pytest.fixture(scope="module")
def quantized():
    keras.utils.set_random_seed(0)
    return calibrate(quantize_aware(small_mobilenet()), IMAGES)


@pytest.fixture(scope="module")
def of_file(quantized, tmp_path_factory):
    path = tmp_path_factory.mktemp("same") / "net.tflite"
    kerazoo.export(quantized, path, verify=False)
    return kerazoo.load_tflite(path, threads=1)(IMAGES)


def integers(outputs, model):
    return np.round(np.asarray(outputs) / float(model.get_layer("logits_range").step_size()))


def test_file_gives_the_integers_of_the_model(quantized, of_file):
    of_model = quantized(IMAGES)
    assert len(np.unique(integers(of_file, quantized))) > 50
    is_same = integers(of_model, quantized) == integers(of_file, quantized)
    assert is_same.mean() >= 0.99


def test_so_does_the_model_once_saved(quantized, tmp_path):
    quantized.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(IMAGES), quantized(IMAGES))


def test_bias_is_a_whole_number_of_steps_and_learns_all_the_same():
    import tensorflow as tf

    inputs = keras.Input((4,))
    model = keras.Sequential([inputs, layers.Dense(3, bias_initializer="normal", name="dense")])
    model = calibrate(quantize_aware(model), np.linspace(-1, 3, 40).reshape(10, 4))
    dense = model.get_layer("dense_layer")
    with tf.GradientTape() as tape:
        bias = dense(np.zeros((1, 4), "float32"))
    kernel = np.asarray(dense.inner.kernel)
    step = (4 / 255) * (np.abs(kernel).max() / 127)  # of the inputs, times that of the kernel
    np.testing.assert_allclose(bias / step, np.round(bias / step), atol=1e-3)
    assert 0 < np.abs(np.asarray(bias) - dense.inner.bias).max() <= 0.501 * step
    np.testing.assert_array_equal(tape.gradient(bias, dense.inner.bias.value), [1.0, 1.0, 1.0])


def test_step_of_the_input_is_found_behind_what_moves_values(quantized):
    before = quantized.get_layer("alone_range").step_size()
    assert input_step(quantized.get_layer("separable")) == before
    assert input_step(quantized.get_layer("alone")) == quantized.get_layer("add_range").step_size()


def test_shared_layer_with_a_range_for_each_call_has_no_step_of_its_input():
    inputs = keras.Input((4,))
    dense = layers.Dense(4, name="dense")
    model = calibrate(quantize_aware(keras.Model(inputs, dense(dense(inputs)))), np.eye(4))
    assert input_step(model.get_layer("dense_layer")) is None


def test_zero_half_way_between_two_steps_is_put_on_one():
    quantizer = FakeQuantize()
    quantizer(np.array([-1.0, 1.0], "float32"), training=True)
    step = 2 / 255
    rounded = np.asarray(quantizer(np.array([-3.0, 0.0, 3.0], "float32")))
    np.testing.assert_allclose(rounded, [-128 * step, 0.0, 127 * step], rtol=1e-6)
