"""Models of kerazoo's layers as TFLite files: run, and compared with Keras."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import layers


def sequence_classifier():
    """A small Vision Transformer's beginning and end, with rotations as in attention."""
    inputs = keras.Input((8, 12, 3))
    tokens = layers.PatchEmbedding(8, patch_size=4)(inputs)
    tokens = layers.SinusoidalPositions()(tokens)
    tokens = layers.RotaryEmbedding()(tokens)
    tokens = layers.RotaryEmbedding(pairing="half")(tokens, offset=2)
    # Six patches and the class token, in two heads.
    heads = layers.RotaryEmbedding()(keras.layers.Reshape((7, 2, 4))(tokens))
    tokens = keras.layers.Reshape((7, 8))(heads)
    pooled = layers.AttentionPooling(num_heads=2, key_dim=4)(tokens)
    features = layers.GradientReversal()(pooled)
    return keras.Model(inputs, layers.CosineClassifier(5, scale=4.0, margin=0.5)(features))


def pyramids():
    inputs = keras.Input((8, 8, 3))
    maps = layers.SpatialPyramidPooling(4, dilation_rates=(2, 3))(inputs)
    maps = layers.SpatialPyramidPooling(4, dilation_rates=(2, 3), separable=True)(maps)
    return keras.Model(inputs, layers.GeneralizedMeanPooling()(maps))


def temporal_net():
    inputs = keras.Input((16, 3))
    x = layers.TemporalConvBlock(6, dilation_rate=1)(inputs)
    return keras.Model(inputs, layers.TemporalConvBlock(6, dilation_rate=2)(x))


MODELS = {
    "sequence": sequence_classifier,
    "pyramids": pyramids,
    "temporal": temporal_net,
}


@pytest.mark.usefixtures("tensorflow_backend")
@pytest.mark.parametrize("name", MODELS)
def test_the_file_gives_the_numbers_of_the_model(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    report = kerazoo.export(model, tmp_path / "model.tflite")
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(3, *model.input_shape[1:])).astype("float32")
    expected = np.asarray(model(inputs))
    assert np.std(expected) > 1e-3
    outputs = kerazoo.load_tflite(report.path).predict(inputs)
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
    assert not [op for op in report.ops if op.startswith("Flex")]
