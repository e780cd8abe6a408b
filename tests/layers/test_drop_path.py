"""DropPath: whole samples are dropped at the promised rate, the mean stays, inference is exact."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError
from kerazoo.layers import DropPath


def train(layer, inputs):
    return keras.ops.convert_to_numpy(layer(inputs, training=True))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_samples_are_kept_and_scaled_or_zero_as_a_whole(rate):
    inputs = np.random.default_rng(0).uniform(1, 2, (4000, 3, 2)).astype("float32")
    outputs = train(DropPath(rate, seed=1), inputs)
    kept = outputs[:, 0, 0] > 0
    np.testing.assert_allclose(outputs[kept], inputs[kept] / (1 - rate), rtol=1e-6)
    assert not outputs[~kept].any()
    deviation = np.sqrt(rate * (1 - rate) / 4000)  # of the fraction kept, a binomial
    assert abs(kept.mean() - (1 - rate)) < 4 * deviation


def test_the_mean_over_many_draws_is_the_input():
    layer = DropPath(0.3, seed=2)
    inputs = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")
    mean = np.mean([train(layer, np.repeat(inputs, 2000, axis=0)) for _ in range(2)], axis=0)
    by_sample = mean.reshape(2, 2000, 2).mean(axis=1)
    np.testing.assert_allclose(by_sample, inputs, rtol=0.05)  # 4 deviations: 0.04


@pytest.mark.parametrize("shape", [(64,), (64, 3), (64, 3, 4, 2)])
def test_any_rank(shape):
    outputs = train(DropPath(0.5, seed=1), np.ones(shape, "float32"))
    assert outputs.shape == shape
    assert set(np.unique(outputs)) == {0, 2}


def test_inference_and_a_rate_of_zero_change_nothing():
    inputs = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    for outputs in (DropPath(0.9)(inputs), DropPath(0.0)(inputs, training=True)):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(outputs), inputs)


def test_a_seed_repeats_the_draws_and_each_call_draws_anew():
    inputs = np.ones((200, 1), "float32")
    first, second = DropPath(0.5, seed=3), DropPath(0.5, seed=3)
    once = train(first, inputs)
    np.testing.assert_array_equal(train(second, inputs), once)
    assert (train(first, inputs) != once).any()


def test_an_infinite_branch_that_is_dropped_leaves_zeros():
    outputs = train(DropPath(0.5, seed=1), np.full((64, 2), np.inf, "float32"))
    assert not np.isnan(outputs).any()


def test_small_rates_survive_half_precision():
    """float16 has 1024 steps below 1: draws in it would round a rate of 1e-4 to none or 1e-3."""
    inputs = np.ones((200_000, 1), "float16")
    dropped = (train(DropPath(1e-4, seed=1, dtype="float16"), inputs) == 0).sum()
    assert 5 <= dropped <= 40  # 20 expected; 4 deviations are 18


def test_masks_pass():
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(9, 2, mask_zero=True)(inputs)
    assert keras.Model(inputs, DropPath()(x)).output._keras_mask is not None


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan"), "0.1", True])
def test_a_rate_out_of_range_is_one_line(rate):
    with pytest.raises(
        ConfigError, match="`rate` must be .* of at least 0 and below 1. Received: "
    ):
        DropPath(rate)
