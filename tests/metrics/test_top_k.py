"""The order of scores: one on every backend, eager and compiled, for ties, zeros, NaN and masks."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerazoo.metrics._top_k import top_k_positions

BACKEND = keras.backend.backend()
LOWEST = float(np.finfo("float32").min)
ROWS, ITEMS = 4, 6


def by_definition(scores, valid, k):
    """Plain Python: NaN and -inf as the lowest number, masked items below it; then by position."""
    keys = [max(LOWEST, score) if score == score else LOWEST for score in scores]
    keys = [key if ok else -np.inf for key, ok in zip(keys, valid, strict=True)]
    return sorted(range(len(keys)), key=lambda i: (-keys[i], i))[:k]


def best_four(scores, valid):
    return top_k_positions(scores, 4, valid)


def ways_to_run():
    if BACKEND == "tensorflow":
        import tensorflow as tf

        xla = tf.function(best_four, jit_compile=True)
        return {"eager": best_four, "graph": tf.function(best_four), "XLA": xla}
    if BACKEND == "jax":
        import jax

        return {"eager": best_four, "jit": jax.jit(best_four)}
    return {"eager": best_four}


WAYS = ways_to_run()
FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, LOWEST, float("nan"), float("inf"), -float("inf")]),
    st.floats(width=32, allow_subnormal=False),
)
SCORES = st.lists(FLOATS, min_size=ROWS * ITEMS, max_size=ROWS * ITEMS)
MASKS = st.lists(st.booleans(), min_size=ROWS * ITEMS, max_size=ROWS * ITEMS)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60)
@given(scores=SCORES, valid=MASKS)
def test_is_its_definition(way, scores, valid):
    scores = np.array(scores, "float32").reshape(ROWS, ITEMS)
    valid = np.array(valid).reshape(ROWS, ITEMS)
    tensors = ops.convert_to_tensor(scores), ops.convert_to_tensor(valid)
    got = ops.convert_to_numpy(WAYS[way](*tensors))
    assert got.tolist() == [by_definition(*row, 4) for row in zip(scores, valid, strict=True)]


@pytest.mark.parametrize("k", [1, 37, 999, 1000])
def test_long_rows_of_ties(k):
    rng = np.random.default_rng(0)
    scores = rng.integers(-5, 6, (8, 1000)).astype("float32")
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(ops.convert_to_numpy(top_k_positions(scores, k)), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32", "int64", "bool"])
def test_other_dtypes(dtype):
    scores = ops.cast([[0, 1, 1, 0, 1], [1, 0, 0, 1, 0]], dtype)
    expected = [[1, 2, 4, 0], [0, 3, 1, 2]]
    assert ops.convert_to_numpy(top_k_positions(scores, 4)).tolist() == expected


def test_no_rows():
    assert tuple(top_k_positions(np.zeros((0, 5), "float32"), 3).shape) == (0, 3)
