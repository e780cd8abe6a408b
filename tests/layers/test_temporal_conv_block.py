"""The block against sums over the taps in NumPy; it never looks ahead, and padding is nothing."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import TemporalConvBlock


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def make(features=5, filters=4, **arguments):
    """A built block with random weights, biases too."""
    block = TemporalConvBlock(filters, **arguments)
    block.build((None, None, features))
    rng = np.random.default_rng(3)
    block.set_weights([rng.normal(size=w.shape) for w in block.get_weights()])
    return block


def convolve(sequence, layer, rate):
    kernel, bias = layer.get_weights()
    taps = len(kernel)
    result = np.tile(bias.astype("float64"), (len(sequence), 1))
    for t in range(len(sequence)):
        for tap in range(taps):
            past = t - (taps - 1 - tap) * rate
            if past >= 0:
                result[t] += sequence[past] @ kernel[tap]
    return result


def by_definition(sequence, block):
    hidden = sequence
    for layer in (block.first, block.second):
        hidden = np.maximum(convolve(hidden, layer, block.dilation_rate), 0)
    if block.shortcut is not None:
        sequence = convolve(sequence, block.shortcut, 1)
    return np.maximum(sequence + hidden, 0)


@pytest.mark.parametrize("features", [4, 5])  # as many as filters, and not
@pytest.mark.parametrize(("kernel_size", "dilation_rate"), [(1, 1), (2, 1), (3, 4)])
def test_the_block_is_that_of_the_paper(features, kernel_size, dilation_rate):
    block = make(features, kernel_size=kernel_size, dilation_rate=dilation_rate)
    assert (block.shortcut is None) == (features == 4)
    inputs = random(2, 12, features)
    expected = [by_definition(sequence, block) for sequence in inputs]
    outputs = ops.convert_to_numpy(block(inputs))
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)


def test_an_output_depends_on_the_past_alone_and_as_far_as_it_says():
    block = make(kernel_size=3, dilation_rate=2, activation="tanh")  # ReLU would hide changes
    inputs = random(1, 20, 5)
    plain = ops.convert_to_numpy(block(inputs))[0]
    for t in range(20):
        changed = inputs.copy()
        changed[0, t] += 3
        differs = np.any(ops.convert_to_numpy(block(changed))[0] != plain, axis=-1)
        assert set(np.flatnonzero(differs)) == {t, t + 2, t + 4, t + 6, t + 8} & set(range(20))


@pytest.mark.parametrize("features", [4, 5])
def test_padding_changes_nothing_wherever_it_is(features):
    block, sequence = make(features, kernel_size=2, dilation_rate=2), random(1, 6, features)
    expected = by_definition(sequence[0], block)
    for before, after in ((0, 3), (3, 0), (2, 1)):
        padded = np.full((1, 9, features), 7.0, "float32")
        padded[:, before : 9 - after] = sequence
        mask = np.arange(9)[None] >= before
        mask &= np.arange(9)[None] < 9 - after
        outputs = ops.convert_to_numpy(block(padded, mask=mask))[0]
        np.testing.assert_allclose(outputs[mask[0]], expected, rtol=1e-4, atol=1e-4)
        assert not outputs[~mask[0]].any()


def test_a_model_takes_any_length_and_hands_the_mask_on():
    block, inputs = make(), keras.Input((None, 5))
    outputs = block(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, [outputs, keras.layers.GlobalAveragePooling1D()(outputs)])
    assert model.output_shape[0] == (None, None, 4)
    for length in (3, 8):
        sequence = random(1, length, 5)
        padded = np.concatenate([sequence, np.zeros((1, 2, 5), "float32")], axis=1)
        expected = by_definition(sequence[0], block)
        steps, mean = model.predict(padded, verbose=0)
        np.testing.assert_allclose(steps[0, :length], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(mean[0], expected.mean(axis=0), rtol=1e-4, atol=1e-4)


def test_training_drops_whole_features():
    """With kernels of 0 and a bias of 1, what the second dropout leaves shows."""
    block = TemporalConvBlock(400, dropout=0.25, seed=5)
    inputs = np.zeros((2, 6, 400))
    block.build(inputs.shape)
    block.second.set_weights([np.zeros(block.second.kernel.shape), np.ones(400)])
    dropped = ops.convert_to_numpy(block(inputs, training=True))
    assert set(np.unique(dropped.round(5))) == {0.0, np.float32(4 / 3).round(5)}
    assert (dropped == dropped[:, :1]).all(), "the same at all steps"
    assert (dropped[0] != dropped[1]).any(), "another draw for each sample"
    assert np.mean(dropped == 0) == pytest.approx(0.25, abs=0.05)
    np.testing.assert_array_equal(ops.convert_to_numpy(block(inputs)), np.ones((2, 6, 400)))


def test_the_two_dropouts_draw_for_themselves():
    """K2 hands feature i on to feature i; equal draws would leave 0 or 16 / 9 and nothing else."""
    block = TemporalConvBlock(200, kernel_size=1, dropout=0.25, seed=5)
    inputs = np.zeros((1, 1, 200))
    block.build(inputs.shape)
    block.first.set_weights([np.zeros((1, 200, 200)), np.ones(200)])
    block.second.set_weights([np.eye(200)[None], np.zeros(200)])
    kept = np.mean(ops.convert_to_numpy(block(inputs, training=True)) > 0)
    assert kept == pytest.approx(0.75**2, abs=0.08)


def test_equal_seeds_give_equal_draws():
    inputs = np.ones((2, 3, 50))
    results = []
    for seed in (1, 1, 2):
        block = TemporalConvBlock(50, dropout=0.5, seed=seed)
        block.build(inputs.shape)
        rng = np.random.default_rng(0)
        for convolution in (block.first, block.second):
            convolution.set_weights([rng.normal(size=w.shape) for w in convolution.get_weights()])
        results.append(ops.convert_to_numpy(block(inputs, training=True)))
    np.testing.assert_array_equal(results[0], results[1])
    assert np.any(results[0] != results[2])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"filters": 0}, "`filters` must be an integer of 1 or above"),
        ({"kernel_size": 0}, "`kernel_size` must be an integer of 1 or above"),
        ({"dilation_rate": 1.5}, "`dilation_rate` must be an integer of 1 or above"),
        ({"dropout": 1.0}, "`dropout` must be a finite number of at least 0 and below 1"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        TemporalConvBlock(**{"filters": 4, **arguments})


def test_unknown_features_are_refused():
    with pytest.raises(DataError, match="known number of features"):
        TemporalConvBlock(4)(keras.Input((3, None)))
