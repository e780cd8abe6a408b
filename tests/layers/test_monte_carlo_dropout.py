"""Dropout that stays on: what it draws, and the mean and deviation of many passes."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError
from kerazoo.layers import MonteCarloDropout


@pytest.mark.parametrize("training", [None, False, True])
def test_numbers_are_dropped_at_inference_too(training):
    layer = MonteCarloDropout(0.25, seed=3)
    outputs = ops.convert_to_numpy(layer(np.full((50, 100), 3.0), training=training))
    assert set(np.unique(outputs.round(4))) == {0.0, 4.0}
    assert np.mean(outputs == 0) == pytest.approx(0.25, abs=0.03)


def test_passes_of_a_model_have_the_mean_and_deviation_of_the_draws():
    """The sum of 8 inputs of 1: mean 8, variance 8 rate / (1 - rate); samples do not correlate."""
    inputs = keras.Input((8,))
    sums = keras.layers.Dense(1, kernel_initializer="ones")(MonteCarloDropout(0.2, seed=1)(inputs))
    model = keras.Model(inputs, sums)
    passes = np.stack([model.predict(np.ones((40, 8)), verbose=0)[:, 0] for _ in range(20)])
    assert passes.mean() == pytest.approx(8, abs=0.2)
    assert passes.std() == pytest.approx((8 * 0.2 / 0.8) ** 0.5, rel=0.1)
    assert (passes.std(axis=0) > 0.5).all(), "each pass draws anew"
    assert (passes.std(axis=1) > 0.5).all(), "and so does each sample"


def test_the_mean_of_evaluation_is_reproducible():
    def outputs():
        layer = MonteCarloDropout(0.5, seed=11)
        return [ops.convert_to_numpy(layer(np.ones((3, 9)))) for _ in range(3)]

    np.testing.assert_array_equal(outputs(), outputs())
    assert np.any(outputs()[0] != outputs()[1])


def test_draws_can_be_shared_along_an_axis():
    layer = MonteCarloDropout(0.5, noise_shape=(None, 1, 30), seed=2)
    outputs = ops.convert_to_numpy(layer(np.ones((2, 7, 30))))
    assert (outputs == outputs[:, :1]).all()
    assert (outputs[0] != outputs[1]).any()


def test_masks_pass():
    inputs = keras.Input((None, 4))
    outputs = MonteCarloDropout(0.0)(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(outputs))
    sequence = np.ones((1, 5, 4))
    sequence[0, 2:] = 0
    np.testing.assert_allclose(model.predict(sequence, verbose=0), np.ones((1, 4)))


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(
        ConfigError, match="`rate` must be .* of at least 0 and below 1. Received: "
    ):
        MonteCarloDropout(rate)
