"""Attention against Keras's own and its formula, whole and step by step."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import CachedAttention

HEADS, SIZE, FEATURES = 2, 3, 5


def array(tensor):
    return ops.convert_to_numpy(tensor)


def pair(scatter, is_causal=False):
    """The layer, and `keras.layers.MultiHeadAttention` with its weights."""
    own = CachedAttention(HEADS, SIZE, is_causal=is_causal)
    own.build((None, None, FEATURES))
    scatter(own)
    other = keras.layers.MultiHeadAttention(HEADS, SIZE)
    other.build((None, None, FEATURES), (None, None, FEATURES))
    for weight, values in zip(other.weights, own.get_weights(), strict=True):
        weight.assign(values.reshape(weight.shape))
    return own, other


def sequences(*steps, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(3, count, FEATURES)).astype("float32") for count in steps]


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("has_mask", [False, True])
def test_attention_to_itself_is_keras_own(scatter, is_causal, has_mask):
    own, other = pair(scatter, is_causal)
    (inputs,) = sequences(6)
    mask = np.arange(6) < np.array([[6], [4], [1]]) if has_mask else None
    expected = other(
        inputs,
        inputs,
        attention_mask=None if mask is None else mask[:, None],
        use_causal_mask=is_causal,
    )
    np.testing.assert_allclose(array(own(inputs, mask=mask)), array(expected), atol=1e-5)


@pytest.mark.parametrize("has_mask", [False, True])
def test_attention_to_a_context_is_keras_own(scatter, has_mask):
    own, other = pair(scatter)
    inputs, context = sequences(4, 6)
    mask = np.arange(6) < np.array([[6], [4], [1]]) if has_mask else None
    expected = other(inputs, context, attention_mask=None if mask is None else mask[:, None])
    outputs = own(inputs, context=context, context_mask=mask)
    np.testing.assert_allclose(array(outputs), array(expected), atol=1e-5)


def test_kept_keys_and_values_give_the_same(scatter):
    layer, _ = pair(scatter, is_causal=True)
    (inputs,) = sequences(6)
    keys, values = map(array, layer.keys_and_values(inputs))
    steps = [
        array(layer.attend(inputs[:, t : t + 1], keys[:, :, : t + 1], values[:, :, : t + 1]))
        for t in range(6)
    ]
    np.testing.assert_allclose(np.concatenate(steps, axis=1), array(layer(inputs)), atol=1e-5)


def test_dropout_is_for_training():
    layer = CachedAttention(HEADS, SIZE, dropout=0.5, seed=1)
    (inputs,) = sequences(6)
    calm = array(layer(inputs))
    np.testing.assert_array_equal(array(layer(inputs, training=False)), calm)
    assert np.abs(array(layer(inputs, training=True)) - calm).max() > 1e-3


def test_a_mask_of_the_embedding_is_the_mask():
    numbers = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(7, FEATURES, mask_zero=True)(numbers)
    model = keras.Model(numbers, CachedAttention(HEADS, SIZE)(embedded))
    short, padded = np.array([[3, 4, 5]]), np.array([[3, 4, 5, 0, 0]])
    np.testing.assert_allclose(array(model(padded))[:, :3], array(model(short)), atol=1e-6)


def test_inputs_and_context_have_masks_of_their_own():
    """Of other lengths: the context's says what is attended to, the inputs' goes on."""
    asks, asked = (keras.Input((None,), dtype="int32") for _ in "ab")
    embed = keras.layers.Embedding(7, FEATURES, mask_zero=True)
    outputs = CachedAttention(HEADS, SIZE)(embed(asks), context=embed(asked))
    assert outputs._keras_mask.shape == (None, None)
    model = keras.Model([asks, asked], outputs)
    short, padded = np.array([[3, 4, 5]]), np.array([[3, 4, 5, 0, 0]])
    ends = np.array([[1, 0]])
    attended = model([ends, padded])
    np.testing.assert_allclose(array(attended), array(model([ends, short])), atol=1e-6)
    np.testing.assert_array_equal(array(attended._keras_mask), ends > 0)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"num_heads": 0, "key_dim": 2}, "num_heads"),
        ({"num_heads": 2, "key_dim": 1.5}, "key_dim"),
        ({"num_heads": 2, "key_dim": 2, "dropout": 1.0}, "dropout"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, named):
    with pytest.raises(ConfigError, match=f"`{named}`"):
        CachedAttention(**arguments)


@pytest.mark.parametrize("shape", [(3, None), (FEATURES,), (3, 4, FEATURES)])
def test_inputs_are_sequences_of_counted_features(shape):
    with pytest.raises(DataError, match="known number of features"):
        CachedAttention(2, 3)(keras.Input(shape))


@pytest.mark.parametrize("shape", [(3, 6, FEATURES + 1), (3, FEATURES)])
def test_a_context_has_the_features_of_the_inputs(shape):
    layer = CachedAttention(HEADS, SIZE)
    (inputs,) = sequences(4)
    with pytest.raises(DataError, match=rf"steps, {FEATURES}\), .*Received: shape \(3, "):
        layer(inputs, context=np.ones(shape, "float32"))
