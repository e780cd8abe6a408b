"""Small models for agents. TF-Agents cannot live with torch: .ci/run has an environment for these.

Each test file begins with `pytest.importorskip("gymnasium", reason="needs the extra rl")`.
"""

import pytest

import kerazoo.rl  # noqa: F401  it chooses Keras 2 for `tf.keras` before TF-Agents is imported


@pytest.fixture
def small_model():
    """Call it with the number of outputs: a dense model of four features."""

    def make(outputs=2, activation="relu"):
        import keras

        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(8, activation)(inputs)
        return keras.Model(inputs, keras.layers.Dense(outputs)(hidden))

    return make
