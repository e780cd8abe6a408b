"""Pooling against the formula, head by head and step by step in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import AttentionPooling


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.fixture
def layer():
    """3 heads of 4 for 6 features, all weights random."""
    pooling = AttentionPooling(num_heads=3, key_dim=4)
    pooling.build((None, None, 6))
    rng = np.random.default_rng(0)
    pooling.set_weights([rng.normal(size=w.shape) for w in pooling.get_weights()])
    return pooling


def by_definition(layer, steps):
    """One sequence, `(time, features)`, of the steps that count: scores and result."""
    query = ops.convert_to_numpy(layer.query)
    heads_of = (-1, layer.num_heads, layer.key_dim)
    key = layer.key.get_weights()[0].reshape(heads_of)
    value, bias = (weights.reshape(heads_of) for weights in layer.value.get_weights())
    scores, heads = [], []
    for h in range(layer.num_heads):
        products = np.array([query[h] @ (x @ key[:, h]) for x in steps]) / np.sqrt(layer.key_dim)
        weights = np.exp(products) / np.exp(products).sum()
        heads.append(
            sum(a * (x @ value[:, h] + bias[0, h]) for a, x in zip(weights, steps, strict=True))
        )
        scores.append(weights)
    kernel, output_bias = layer.output_map.get_weights()
    return np.array(scores).T, np.concatenate(heads) @ kernel + output_bias


def test_the_result_is_that_of_the_formula(layer):
    inputs = random(2, 5, 6)
    outputs = ops.convert_to_numpy(layer(inputs))
    scores = ops.convert_to_numpy(layer.attention_scores(inputs))
    for i, sequence in enumerate(inputs):
        expected_scores, expected = by_definition(layer, sequence)
        np.testing.assert_allclose(outputs[i], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(scores[i], expected_scores, rtol=1e-4, atol=1e-6)


def test_masked_steps_count_for_nothing(layer):
    inputs = random(2, 5, 6)
    mask = np.array([[True, False, True, True, False], [False, True, False, False, False]])
    outputs = ops.convert_to_numpy(layer(inputs, mask=mask))
    scores = ops.convert_to_numpy(layer.attention_scores(inputs, mask=mask))
    for i in range(2):
        expected_scores, expected = by_definition(layer, inputs[i][mask[i]])
        np.testing.assert_allclose(outputs[i], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(scores[i][mask[i]], expected_scores, rtol=1e-4, atol=1e-6)
        assert not scores[i][~mask[i]].any()


def test_masked_steps_may_be_nan_in_training_too(layer):
    steps, mask = random(2, 5, 6), np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0]], bool)
    holes = np.where(mask[..., None], steps, np.nan)
    inputs, which = keras.Input((5, 6)), keras.Input((5,), dtype="bool")
    model = keras.Model([inputs, which], layer(inputs, mask=which))
    expected = keras.ops.convert_to_numpy(layer(steps, mask=mask))
    np.testing.assert_allclose(model.predict([holes, mask], verbose=0), expected, rtol=1e-5)
    model.compile("sgd", "mse")
    model.fit([holes, mask], np.ones(expected.shape), verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_a_sample_without_steps_gives_the_bias(layer):
    mask = np.array([[False] * 5])
    outputs = ops.convert_to_numpy(layer(random(1, 5, 6), mask=mask))
    np.testing.assert_array_equal(outputs[0], ops.convert_to_numpy(layer.output_map.bias))


def test_a_model_takes_any_length_and_the_mask_ends_here(layer):
    inputs = keras.Input((None, 6))
    pooled = layer(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, pooled)
    assert model.output_shape == (None, 6)
    assert layer.compute_mask(inputs, mask=np.ones((1, 3))) is None
    for length in (3, 8):
        sequence = random(1, length, 6)
        padded = np.concatenate([sequence, np.zeros((1, 4, 6), "float32")], axis=1)
        expected = by_definition(layer, sequence[0])[1]
        outputs = model.predict(padded, verbose=0)[0]
        np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)


def test_other_layers_still_see_the_mask():
    """Keras's MultiHeadAttention takes the mask off its inputs."""
    inputs = keras.Input((None, 6))
    masked = keras.layers.Masking()(inputs)
    pooled = AttentionPooling(num_heads=1, key_dim=2)(masked)
    mean = keras.layers.GlobalAveragePooling1D()(masked)
    model = keras.Model(inputs, [pooled, mean])
    sequence = np.ones((1, 4, 6))
    sequence[0, 1:] = 0
    np.testing.assert_allclose(model.predict(sequence, verbose=0)[1], np.ones((1, 6)))


def test_scores_are_float32_under_half_precision():
    """4,000 equal steps: their scores of 1 / 4,000 must sum to 1."""
    layer = AttentionPooling(num_heads=1, key_dim=2, dtype="mixed_float16")
    steps = np.ones((1, 4000, 3), "float16")
    assert keras.backend.standardize_dtype(layer(steps).dtype) == "float16"
    scores = ops.convert_to_numpy(layer.attention_scores(ops.convert_to_tensor(steps)))
    assert scores.dtype == "float32"
    assert scores.sum() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("name", ["num_heads", "key_dim"])
def test_arguments_out_of_range_are_refused(name):
    with pytest.raises(ConfigError, match=f"`{name}` must be an integer of 1 or above"):
        AttentionPooling(**{"num_heads": 2, "key_dim": 3, name: 0})


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="known number of features"):
        AttentionPooling(1, 2)(keras.Input((3, None)))
    with pytest.raises(ValueError, match="expected ndim=3"):
        AttentionPooling(1, 2)(np.zeros((1, 4, 4, 6)))
