"""What the proof runs on, and what it counts as equal."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.convert._proof import difference, prove_equal, random_inputs
from kerazoo.errors import ConversionError

inf, nan = np.inf, np.nan


@pytest.mark.parametrize(
    ("expected", "actual", "apart"),
    [
        ([1.0, -4.0], [1.0, -5.0], 0.25),
        ([0.0], [0.5], 0.5),
        ([inf, 1.0], [inf, 5.0], 4.0),
        ([nan, 4.0], [nan, 5.0], 0.25),
        ([nan, inf, 1.0], [nan, inf, 1.0], 0.0),
        ([inf, 1.0], [-inf, 1.0], inf),
        ([inf, 1.0], [3.0, 1.0], inf),
        ([nan, 1.0], [3.0, 1.0], inf),
        ([3.0, 1.0], [nan, 1.0], inf),
        ([inf, nan], [nan, inf], inf),
        ([1.0], [1.0, 1.0], inf),
    ],
)
def test_difference(expected, actual, apart):
    assert difference(np.array(expected), np.array(actual)) == pytest.approx(apart)


def nested(inputs):
    embedding = keras.Sequential([keras.Input((6,)), layers.Embedding(5, 2)])
    return embedding(inputs)


def deeply_nested(inputs):
    inside = keras.Input((6,))
    return keras.Model(inside, nested(inside))(inputs)


def reshaped(inputs):
    x = layers.Flatten()(layers.Reshape((3, 2))(inputs))
    return layers.Embedding(5, 2)(keras.ops.cast(x[:, :4], "int32"))


def joined(inputs):
    return layers.Embedding(5, 2)(layers.Concatenate()([inputs, layers.Dropout(0.5)(inputs)]))


def shared(inputs):
    """Two readers: the smaller knows five values, whichever comes last."""
    return [layers.Embedding(size, 2)(inputs) for size in (50, 5, 70)]


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("read", [nested, deeply_nested, reshaped, joined, shared])
def test_inputs_are_indices_that_all_their_readers_know(read, dtype):
    inputs = keras.Input((6,), batch_size=50, dtype=dtype)
    model = keras.Model(inputs, read(inputs))
    (array,) = random_inputs(model, np.random.default_rng(0))
    assert set(np.unique(array)) == {0, 1, 2, 3, 4}
    model(array)


def test_other_inputs_stay_normal_numbers():
    words, image = keras.Input((6,), batch_size=50), keras.Input((6,), batch_size=50)
    embedded = layers.GlobalAveragePooling1D()(layers.Embedding(5, 6)(words))
    model = keras.Model([words, image], layers.Dense(2)(embedded + layers.Dense(6)(image)))
    indices, numbers = random_inputs(model, np.random.default_rng(0))
    assert set(np.unique(indices)) == {0, 1, 2, 3, 4}
    assert abs(numbers.mean()) < 0.2
    assert abs(numbers.std() - 1) < 0.2


def test_a_converted_model_that_alone_refuses_made_up_inputs_is_an_error():
    inputs = keras.Input((64,))
    old = keras.Model(inputs, layers.Embedding(5, 2)(0 * inputs))
    new = keras.Model(inputs, layers.Embedding(5, 2)(100 * inputs))
    with pytest.raises(ConversionError, match="as the original does: .* is not in .0, 5.*verify="):
        prove_equal(old, new, name="old.h5")


def test_a_model_that_refuses_made_up_inputs_is_said_to_be_not_compared(notices):
    inputs = keras.Input((64,))
    model = keras.Model(inputs, layers.Embedding(5, 2)(100 * inputs))
    prove_equal(model, model, name="old.h5")
    (line,) = notices()
    assert line.startswith("old.h5 was converted, but not compared with its original, which cannot")
    assert "is not in [0, 5)" in line
    assert "\n" not in line
