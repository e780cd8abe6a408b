"""Masks of pruning against NumPy and against tfmot's own examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from keras import ops

from kerazoo.compress import ConstantSparsity, MagnitudePruning
from kerazoo.compress._pruning_masks import largest, largest_of_each
from kerazoo.errors import ConfigError, UnknownNameError

# Few different values: many ties and zeros.
COARSE = st.sampled_from([0.0, 1e-30, 0.25, 0.5, 1.0, 3.0])
FINE = st.floats(0, 2.0**99, width=32, allow_subnormal=False)


def numpy_largest(scores, count):
    order = np.argsort(-scores.ravel(), kind="stable")
    mask = np.zeros(scores.size, bool)
    mask[order[:count]] = True
    return mask.reshape(scores.shape)


@settings(max_examples=25)
@given(
    scores=st.one_of(
        *(arrays.arrays(np.float32, st.integers(1, 12), elements=e) for e in (COARSE, FINE))
    ),
    data=st.data(),
)
def test_the_largest_are_those_of_a_stable_sort(scores, data):
    scores = scores + np.float32(0)  # no negative zeros
    count = data.draw(st.integers(1, scores.size))
    np.testing.assert_array_equal(
        largest(ops.convert_to_tensor(scores), count), numpy_largest(scores, count)
    )


def test_the_largest_of_many():
    scores = np.abs(np.random.default_rng(0).normal(size=(200, 70))).astype("float32")
    mask = ops.convert_to_numpy(largest(ops.convert_to_tensor(scores), 2801))
    np.testing.assert_array_equal(mask, numpy_largest(scores, 2801))


@settings(max_examples=25)
@given(
    scores=arrays.arrays(
        np.float32, st.tuples(st.integers(1, 9), st.integers(1, 3)), elements=COARSE
    ),
    group=st.integers(2, 5),
    data=st.data(),
)
def test_m_of_n_are_the_largest_of_each_group(scores, group, data):
    kept = data.draw(st.integers(1, group - 1))
    expected = np.zeros(scores.shape, bool)
    for column in range(scores.shape[1]):
        for start in range(0, len(scores), group):
            part = scores[start : start + group, column]
            expected[start : start + group, column] = numpy_largest(part, min(kept, len(part)))
    mask = largest_of_each(ops.convert_to_tensor(scores), kept, group)
    np.testing.assert_array_equal(mask, expected)


def pruned(weight, sparsity=0.5, **arguments):
    pruning = MagnitudePruning(ConstantSparsity(sparsity, begin_step=0), **arguments)
    pruning.build(weight.shape)
    return ops.convert_to_numpy(pruning.project(weight))


# tfmot, pruning_impl_test.py: testBlockMaskingAvg, testBlockMaskingMax
BLOCKS = np.array(
    [[0.1, 0.1, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2], [0.3, 0.3, 0.4, 0.4], [0.3, 0.3, 0.4, 0.4]],
    "float32",
)
PEAKS = np.array(
    [[0.1, 0.0, 0.2, 0.0], [0.0, -0.1, 0.0, -0.2], [0.3, 0.0, 0.4, 0.0], [0.0, -0.3, 0.0, -0.4]],
    "float32",
)


@pytest.mark.parametrize(("weight", "pooling"), [(BLOCKS, "avg"), (PEAKS, "max")])
def test_blocks_of_two_by_two(weight, pooling):
    expected = weight * np.repeat([[0.0], [1.0]], 2, axis=0)
    result = pruned(weight, pattern="block", block_size=(2, 2), block_pooling=pooling)
    np.testing.assert_array_equal(result, expected)


def test_pooling_decides_which_block_stays():
    weight = np.array([[0.9, 0.0, 0.5, 0.6]], "float32")
    options = {"pattern": "block", "block_size": (1, 2)}
    assert pruned(weight, block_pooling="max", **options)[0, 0] != 0
    assert pruned(weight, block_pooling="avg", **options)[0, 0] == 0


def test_a_block_at_the_edge_is_averaged_over_what_it_has():
    weight = np.array([[1.0, 1.0, 1.5]], "float32")  # 1.5 / 2 would lose against 1
    result = pruned(weight, pattern="block", block_size=(1, 2))
    np.testing.assert_array_equal(result, [[0, 0, 1.5]])


def test_two_of_four_along_the_inputs():
    weight = np.array([[0.1, 4], [-0.4, 3], [0.2, 2], [0.3, 1]], "float32")
    expected = np.array([[0, 4], [-0.4, 3], [0, 0], [0.3, 0]], "float32")
    np.testing.assert_array_equal(pruned(weight, pattern="2:4"), expected)
    np.testing.assert_array_equal(pruned(weight.T, pattern="2:4", input_axis=-1), expected.T)


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.8, 0.99])
def test_the_number_of_zeros_is_exact_even_for_equal_weights(sparsity):
    for weight in (np.ones((7, 11), "float32"), np.arange(1, 78, dtype="float32").reshape(7, 11)):
        assert (pruned(weight, sparsity) != 0).sum() == max(1, round(77 * (1 - sparsity)))


@pytest.mark.parametrize("pattern", ["4:2", "2:100", "0:4"])
def test_m_of_n_out_of_range(pattern):
    with pytest.raises(ConfigError, match="0 < m < n"):
        pruned(np.ones((4, 4), "float32"), pattern=pattern)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match="'blok'.*'block'"):
        pruned(np.ones((4, 4), "float32"), pattern="blok")
    with pytest.raises(UnknownNameError, match="Did you mean 'max'"):
        pruned(np.ones((4, 4), "float32"), pattern="block", block_pooling="mean")
