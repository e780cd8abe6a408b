"""Rotations against multiplication by e^(i w t) in complex numbers."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError, UnknownNameError
from kerazoo.layers import RotaryEmbedding

PAIRINGS = ("interleaved", "half")


def by_definition(sequence, positions, pairing, base=10_000.0):
    """One sequence, `(time, ..., features)`, with the position of each step."""
    features = sequence.shape[-1]
    pairs = features // 2
    first = [2 * i if pairing == "interleaved" else i for i in range(pairs)]
    second = [2 * i + 1 if pairing == "interleaved" else i + pairs for i in range(pairs)]
    rotated = np.empty_like(sequence, dtype="float64")
    for t, position in enumerate(positions):
        for i, (a, b) in enumerate(zip(first, second, strict=True)):
            turn = np.exp(1j * position / base ** (2 * i / features))
            number = (sequence[t, ..., a] + 1j * sequence[t, ..., b]) * turn
            rotated[t, ..., a], rotated[t, ..., b] = number.real, number.imag
    return rotated


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("shape", [(2, 9, 6), (2, 9, 3, 8)])
@pytest.mark.parametrize("base", [10_000.0, 20.0])
def test_pairs_are_rotated(pairing, shape, base):
    inputs = random(*shape)
    outputs = ops.convert_to_numpy(RotaryEmbedding(base, pairing)(inputs))
    expected = [by_definition(sequence, range(9), pairing, base) for sequence in inputs]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("shape", [(2, 4, 6), (2, 4, 3, 6)])
def test_an_offset_moves_the_start(pairing, shape):
    inputs, layer = random(*shape), RotaryEmbedding(pairing=pairing)
    outputs = ops.convert_to_numpy(layer(inputs, offset=7))
    expected = [by_definition(sequence, range(7, 11), pairing) for sequence in inputs]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    each = ops.convert_to_numpy(layer(inputs, offset=np.array([0, 7])))
    np.testing.assert_allclose(each[1], expected[1], atol=1e-5)
    np.testing.assert_allclose(each[0], by_definition(inputs[0], range(4), pairing), atol=1e-5)


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_products_depend_on_the_distance_alone(pairing):
    """The point of it: (query at m) . (key at n) is the same for all m - n = 5."""
    query, key = random(1, 1, 16, seed=1), random(1, 1, 16, seed=2)
    layer = RotaryEmbedding(pairing=pairing)
    products = [
        float(ops.sum(layer(query, offset=n + 5) * layer(key, offset=n))) for n in (0, 3, 400)
    ]
    assert products == pytest.approx([products[0]] * 3, abs=1e-3)
    assert abs(float(ops.sum(layer(query, offset=4) * layer(key))) - products[0]) > 0.1


def test_a_model_takes_any_length():
    inputs = keras.Input((None, 2, 4))
    model = keras.Model(inputs, RotaryEmbedding()(inputs))
    assert model.output_shape == (None, None, 2, 4)
    for length in (2, 7):
        sequence = random(1, length, 2, 4)
        expected = by_definition(sequence[0], range(length), "interleaved")
        np.testing.assert_allclose(model.predict(sequence, verbose=0)[0], expected, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_late_positions_apart(policy):
    inputs = random(1, 2, 8)
    outputs = RotaryEmbedding(dtype=policy)(inputs, offset=5001)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    outputs = ops.convert_to_numpy(ops.cast(outputs, "float32"))[0]
    rounded = ops.convert_to_numpy(ops.cast(ops.cast(inputs[0], policy[6:]), "float32"))
    expected = by_definition(rounded, [5001, 5002], "interleaved")
    np.testing.assert_allclose(outputs, expected, atol=2e-3 if policy[6:] == "float16" else 1e-2)


def test_masks_pass():
    inputs = keras.Input((None, 4))
    pooled = keras.layers.GlobalAveragePooling1D()(
        RotaryEmbedding()(keras.layers.Masking()(inputs))
    )
    sequence = random(1, 5, 4)
    sequence[0, 3:] = 0
    expected = by_definition(sequence[0, :3], range(3), "interleaved").mean(axis=0)
    outputs = keras.Model(inputs, pooled).predict(sequence, verbose=0)[0]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="number of features must be even.*\\(2, 3, 5\\)"):
        RotaryEmbedding()(np.zeros((2, 3, 5)))
    with pytest.raises(ConfigError, match="`base` must be a finite number above 0"):
        RotaryEmbedding(base=0)
    with pytest.raises(UnknownNameError, match="Unknown pairing 'halves'. Did you mean 'half'"):
        RotaryEmbedding(pairing="halves")
    with pytest.raises(ValueError, match="max_ndim=4"):
        RotaryEmbedding()(np.zeros((1, 2, 3, 4, 6)))
