"""Running sums beyond what a float32 can count, eager and compiled."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.metrics import MeanReciprocalRank, PrecisionAtK, TokenAccuracy
from kerazoo.metrics._compensated_sum import add_to, value_of

BACKEND = keras.backend.backend()


def adder(state, mode):
    """A function of the amount that adds it, as eager code or as the backend compiles it."""
    if BACKEND == "tensorflow" and mode != "eager":
        import tensorflow as tf

        return tf.function(lambda amount: add_to(state, amount), jit_compile=mode == "XLA")
    if BACKEND == "jax" and mode != "eager":
        import jax

        @jax.jit
        def new_value(value, amount):
            with keras.StatelessScope([(state, value)]) as scope:
                add_to(state, amount)
            return scope.get_current_value(state)

        return lambda amount: state.assign(new_value(state.value, amount))
    return lambda amount: add_to(state, amount)


@pytest.mark.parametrize("mode", ["eager", "compiled", "XLA"])
def test_adds_what_float32_rounds_away(mode):
    start = np.array([2.0**24, 2.0**30, 0.0], "float32")
    state = keras.Variable(np.stack([start, np.zeros(3, "float32")]), trainable=False)
    add = adder(state, mode)
    for _ in range(250):
        add(ops.convert_to_tensor(np.array([1.0, 3.0, 0.1], "float32")))
    total, lost = ops.convert_to_numpy(state.value).astype("float64")
    assert total[0] == 2.0**24  # float32 alone has not moved
    np.testing.assert_array_equal((total + lost)[:2], [2.0**24 + 250, 2.0**30 + 750])
    assert (total + lost)[2] == pytest.approx(250 * float(np.float32(0.1)), rel=1e-9)
    np.testing.assert_allclose(ops.convert_to_numpy(value_of(state)), total + lost, rtol=1e-7)


@pytest.mark.parametrize(
    ("metric", "hit", "miss"),
    [
        (PrecisionAtK(1), ([0], [[0.9, 0.1]]), ([1], [[0.9, 0.1]])),
        (MeanReciprocalRank(1), ([[1, 0]], [[0.9, 0.1]]), ([[0, 1]], [[0.9, 0.1]])),
        (TokenAccuracy(), ([0], [[0.9, 0.1]]), ([1], [[0.9, 0.1]])),
    ],
)
def test_a_metric_goes_on_beyond_2_to_the_24(metric, hit, miss):
    """One sample of weight 2 ** 24, then single misses: 50 of them must show."""
    metric.update_state(*hit, [2.0**24])
    for _ in range(50):
        metric.update_state(*miss)
    for _ in range(2):  # and the other way: heavy misses bring the share near 0
        metric.update_state(*miss, [2.0**34])
    exact = 2.0**24 / (2.0**24 + 50 + 2.0**35)
    assert float(metric.result()) == pytest.approx(exact, rel=1e-6)
    totals = ops.convert_to_numpy(metric.sums.value).astype("float64").sum(axis=0)
    assert totals.tolist() == [2.0**24, 2.0**24 + 50 + 2.0**35]
