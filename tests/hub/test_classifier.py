"""`classifier`: what stands before and behind the SavedModel."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConfigError
from kerazoo.hub import HubLayer

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


def test_pixels_are_scaled_and_maps_are_averaged(saved_models):
    model = kerazoo.hub.classifier(
        saved_models("several"), 5, input_shape=(8, 8, 3), output_key=0, input_range=(-1, 1)
    )
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype("float32")
    maps = np.array(HubLayer(saved_models("several"), output_key=0)(pixels / 127.5 - 1))
    kernel, bias = map(np.array, model.get_layer("logits").weights)
    expected = maps.mean((1, 2)) @ kernel + bias
    np.testing.assert_allclose(model.predict(pixels, verbose=0), expected, rtol=0, atol=1e-5)
    assert len(model.trainable_variables) == 2  # the head alone


def test_texts_are_classified(saved_models):
    import tensorflow as tf

    model = kerazoo.hub.classifier(saved_models("text"), 2, input_shape=(), trainable=True)
    assert len(model.trainable_variables) == 3
    model.compile(
        keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    texts, labels = tf.constant(["good good", "bad", "good", "bad ugly"] * 8), [0, 1, 0, 1] * 8
    losses = model.fit(texts, np.array(labels), epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_vectors_need_no_pooling_and_no_scaling(saved_models, rows):
    model = kerazoo.hub.classifier(
        saved_models("reusable"), 3, input_shape=(4,), input_range=None, arguments={"scale": 2.0}
    )
    features = np.array(HubLayer(saved_models("reusable"), arguments={"scale": 2.0})(rows()))
    kernel, bias = map(np.array, model.get_layer("logits").weights)
    np.testing.assert_allclose(
        model.predict(rows(), verbose=0), features @ kernel + bias, rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"num_classes": 1}, "`num_classes` must be an integer of 2 or above"),
        ({"dropout": 1.0}, "`dropout` must be a finite number"),
        ({"output_key": None}, "one feature vector or feature map"),
    ],
)
def test_wrong_arguments_are_refused(changed, words, saved_models):
    arguments = {"num_classes": 3, "input_shape": (8, 8, 3), "output_key": 0, **changed}
    with pytest.raises(ConfigError, match=words):
        kerazoo.hub.classifier(saved_models("several"), **arguments)
