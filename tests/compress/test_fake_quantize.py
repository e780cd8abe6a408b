"""Ranges of activations, and the rounding in them, against plain NumPy."""

import keras
import numpy as np
import pytest

from kerazoo.compress import FakeQuantize
from kerazoo.compress._calibrating import calibrating
from kerazoo.errors import ConfigError, UnknownNameError


@pytest.fixture(autouse=True)
def _tensorflow(tensorflow_backend):
    """Fake-quant is an operation of TensorFlow's."""


def rounded(x, low, high, levels=255):
    step = (high - low) / levels
    zero = np.round(-low / step)
    return (np.clip(np.round(x / step) + zero, 0, levels) - zero) * step


def range_of(layer):
    return tuple(float(end) for end in layer.range())


def batches(count, shape=(64,), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(rng.normal(), 1, shape).astype("float32") for _ in range(count)]


def test_first_batch_sets_the_range_and_the_next_ones_average():
    layer, seen = FakeQuantize(), batches(4)
    low = high = 0.0
    for number, batch in enumerate(seen):
        layer(batch, training=True)
        weight = max(1 / (number + 1), 0.01)
        low += weight * (batch.min() - low)
        high += weight * (batch.max() - high)
    assert range_of(layer) == pytest.approx((min(low, 0), max(high, 0)), rel=1e-5)
    x = np.linspace(-5, 5, 101, dtype="float32")
    np.testing.assert_allclose(layer(x), rounded(x, *range_of(layer)), atol=1e-5)


def test_range_can_shrink_again():
    layer = FakeQuantize()
    layer(np.array([-100.0, 100.0], "float32"), training=True)
    for _ in range(20):
        layer(np.array([-1.0, 1.0], "float32"), training=True)
    assert range_of(layer)[1] < 10


def test_range_holds_zero():
    layer = FakeQuantize()
    layer(np.array([3.0, 5.0], "float32"), training=True)
    assert range_of(layer) == pytest.approx((0.0, 5.0))


def test_members_share_the_widest_range():
    layer = FakeQuantize(members=2)
    layer(np.array([-1.0, 2.0], "float32"), member=0, training=True)
    assert not layer.is_calibrated
    layer(np.array([0.0, 8.0], "float32"), member=1, training=True)
    assert layer.is_calibrated
    assert range_of(layer) == pytest.approx((-1.0, 8.0))


def test_passes_on_before_any_values_and_observes_in_training_or_calibration_only():
    layer, x = FakeQuantize(), np.array([0.123, 0.9], "float32")
    np.testing.assert_array_equal(layer(x), x)
    assert not layer.is_calibrated
    with calibrating():
        layer(x)
        layer(-x / 2)
    assert layer.is_calibrated
    layer(10 * x)
    assert range_of(layer) == pytest.approx((-0.45, 0.9))
    layer.trainable = False
    layer(10 * x, training=True)
    assert range_of(layer) == pytest.approx((-0.45, 0.9))


def test_percentiles_leave_outliers_out():
    x = np.concatenate([np.linspace(-1, 1, 9998), [-50, 90]]).astype("float32")
    layer = FakeQuantize(ranges="percentile", percentile=99.9)
    layer(x, training=True)
    np.testing.assert_allclose(range_of(layer), np.percentile(x, [0.1, 99.9]), atol=2e-3)


@pytest.mark.parametrize("channel", [0, 5])
def test_percentiles_of_large_tensors_are_of_all_channels_and_columns(channel):
    x = np.zeros((4, 64, 64, 8), "float32")  # 2 ** 17 values: every other one is enough
    x[..., channel] = 3.0
    x[:, :, 1::2, channel] = 7.0
    layer = FakeQuantize(ranges="percentile", percentile=99)
    layer(x, training=True)
    assert range_of(layer) == (0.0, 7.0)


def test_percentiles_of_wide_rows_are_of_several():
    x = np.zeros((32, 2**16), "float32")
    x[1:] = 5.0
    layer = FakeQuantize(ranges="percentile", percentile=80)
    keras.Sequential([keras.Input((None,)), layer])(x, training=True)
    assert range_of(layer) == (0.0, 5.0)


def test_16_bits_are_symmetric():
    layer = FakeQuantize(16)
    layer(np.array([-1.0, 4.0], "float32"), training=True)
    assert range_of(layer) == pytest.approx((-4.0, 4.0))
    x = np.array([0.1, -3.3, 9.0], "float32")
    expected = np.clip(np.round(x / (4 / 32767)), -32767, 32767) * (4 / 32767)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)


def test_fixed_range_and_no_bits():
    x = np.array([-0.3, 0.5017, 2.0], "float32")
    fixed = FakeQuantize(fixed_range=(0.0, 255 / 256))
    np.testing.assert_allclose(fixed(x, training=True), rounded(x, 0, 255 / 256), atol=1e-6)
    np.testing.assert_array_equal(FakeQuantize(None)(x, training=True), x)


def gradients(layer, x, upstream, training=False):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(x))
        total = tf.reduce_sum(layer(x, training=training) * upstream)
    return tape.gradient(total, [x, *[v.value for v in layer.trainable_variables]])


def test_gradient_goes_straight_through_inside_the_range():
    layer = FakeQuantize()
    layer(np.array([-1.0, 1.0], "float32"), training=True)
    (gradient,) = gradients(layer, np.float32([-2, -0.5, 0, 0.7, 1.5]), np.float32(3))
    np.testing.assert_array_equal(gradient, [0, 3, 3, 3, 0])


def test_learned_step_has_the_gradient_of_the_paper():
    layer = FakeQuantize(ranges="learned")
    layer(np.array([-1.0, 1.55], "float32"), training=True)
    step = 2.55 / 255
    assert float(layer.step_size()) == pytest.approx(step)
    x = np.float32([-7, 0.123, 0.4567, 9])
    upstream = np.float32([1, 2, 3, 4])
    _, gradient = gradients(layer, x, upstream)
    # Equation 3 with Q_N = 100 and Q_P = 155, and the scale 1 / sqrt(N Q) of section 2.2.
    slope = np.array([-100, 12 - 12.3, 46 - 45.67, 155])
    expected = np.sum(upstream * slope) / np.sqrt(4 * 255)
    # That of the step; what is trained is the step over the first one, which moves it as far.
    assert float(gradient) * step == pytest.approx(expected, rel=1e-3)


def test_adam_moves_a_learned_step_by_a_share_of_it():
    inputs = keras.Input((64,))
    layer = FakeQuantize(ranges="learned")
    model = keras.Model(inputs, layer(inputs))
    x = batches(1, (8, 64))[0] / 1000  # a step far below the learning rate
    model(x, training=True)
    first = float(layer.step_size())
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    model.fit(x, x, epochs=3, verbose=0)
    assert 0.96 * first < float(layer.step_size()) < 1.04 * first
    assert float(layer.step_size()) != first


def test_learned_step_is_trained_and_no_longer_observed():
    layer = FakeQuantize(ranges="learned")
    layer(np.array([-1.0, 1.0], "float32"), training=True)
    layer.factor.assign(60.0)
    layer(np.array([-9.0, 9.0], "float32"), training=True)
    assert float(layer.factor) == 60.0
    low, high = range_of(layer)
    assert high - low == pytest.approx(60 * 2.0)


@pytest.mark.parametrize("ranges", ["moving_average", "percentile", "learned"])
def test_saved_and_loaded(tmp_path, ranges):
    inputs = keras.Input((6,))
    layer = FakeQuantize(8, 2, ranges, 99.0, name="range")
    model = keras.Model(inputs, layer(layer(inputs), member=1))
    x = batches(1, (32, 6))[0]
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), model(x))
    assert again.get_layer("range").get_config() == layer.get_config()
    assert range_of(again.get_layer("range")) == range_of(layer)


def test_mixed_precision_is_rounded_in_float32():
    layer = FakeQuantize()
    layer(np.float32([0, 255]), training=True)
    x = keras.ops.cast(np.float32([100.4, 200.6]), "bfloat16")
    y = layer(x)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    np.testing.assert_array_equal(np.asarray(y, "float32") % 1, 0)


@pytest.mark.parametrize(
    "arguments",
    [{"bits": 7}, {"members": 0}, {"percentile": 50}, {"fixed_range": (0.5, 1.0)}],
)
def test_arguments_out_of_range(arguments):
    with pytest.raises(ConfigError):
        FakeQuantize(**arguments)
    with pytest.raises(UnknownNameError, match="moving_average"):
        FakeQuantize(ranges="moving")
