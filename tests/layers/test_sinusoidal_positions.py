"""Sines and cosines against the formulas of the paper, number by number."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import SinusoidalPositions


def by_definition(position, feature, features, base):
    angle = position / base ** (2 * (feature // 2) / features)
    return math.cos(angle) if feature % 2 else math.sin(angle)


def table(positions, features, base=10_000.0):
    return np.array(
        [[by_definition(t, f, features, base) for f in range(features)] for t in positions]
    )


@pytest.mark.parametrize("features", [1, 2, 7, 8])
@pytest.mark.parametrize("base", [10_000.0, 50.0])
def test_positions_are_added_as_in_the_paper(features, base):
    inputs = np.random.default_rng(0).normal(size=(2, 30, features)).astype("float32")
    outputs = ops.convert_to_numpy(SinusoidalPositions(base)(inputs))
    np.testing.assert_allclose(outputs, inputs + table(range(30), features, base), atol=1e-5)


def test_an_offset_moves_the_start():
    zeros = np.zeros((2, 4, 6), "float32")
    layer = SinusoidalPositions()
    for offset in (3, np.int64(3), ops.convert_to_tensor(3)):
        outputs = ops.convert_to_numpy(layer(zeros, offset=offset))
        np.testing.assert_allclose(outputs, [table(range(3, 7), 6)] * 2, atol=1e-5)
    each = ops.convert_to_numpy(layer(zeros, offset=np.array([0, 5])))
    np.testing.assert_allclose(each, [table(range(4), 6), table(range(5, 9), 6)], atol=1e-5)


def test_a_model_takes_any_length_and_an_offset_for_each_sample():
    sequence, offset = keras.Input((None, 6)), keras.Input((), dtype="int32")
    model = keras.Model([sequence, offset], SinusoidalPositions()(sequence, offset=offset))
    assert model.output_shape == (None, None, 6)
    for length in (3, 11):
        outputs = model.predict([np.zeros((2, length, 6)), np.array([0, 9])], verbose=0)
        expected = [table(range(length), 6), table(range(9, 9 + length), 6)]
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_masks_pass():
    inputs = keras.Input((None, 6))
    outputs = SinusoidalPositions()(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(outputs))
    sequence = np.ones((1, 5, 6))
    sequence[0, 3:] = 0
    expected = 1 + table(range(3), 6).mean(axis=0)
    np.testing.assert_allclose(model.predict(sequence, verbose=0)[0], expected, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_late_positions_apart(policy):
    """float16 counts to 2048, bfloat16 to 256: positions must not be counted in them."""
    outputs = SinusoidalPositions(dtype=policy)(np.zeros((1, 2, 6)), offset=5001)
    outputs = ops.convert_to_numpy(ops.cast(outputs, "float32"))[0]
    np.testing.assert_allclose(outputs, table([5001, 5002], 6), atol=5e-3)


@pytest.mark.parametrize("base", [0, -1.0, math.inf])
def test_a_base_out_of_range_is_refused(base):
    with pytest.raises(ConfigError, match="`base` must be a finite number above 0"):
        SinusoidalPositions(base)


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        DataError, match="`offset` must be one integer.*Received: offset.shape=\\(2, 1\\)"
    ):
        SinusoidalPositions()(np.zeros((2, 4, 6)), offset=np.zeros((2, 1), "int32"))
    with pytest.raises(DataError, match="known number of features"):
        SinusoidalPositions()(keras.Input((3, None)))
    with pytest.raises(ValueError, match="expected ndim=3"):
        SinusoidalPositions()(np.zeros((4, 6)))
