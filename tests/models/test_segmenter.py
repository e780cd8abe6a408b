"""The segmenter: sizes by arithmetic, its encoder against the classifier that it is taken from."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.models.segmenter import _gate, segmenter
from kerazoo.training.compression import make_model
from kerazoo.zoo.catalogue import find_config


def decoder_parameters(classes=11, filters=64, fine=32):
    """Kernels, and four numbers a channel for each normalization; widths of Lite0's stages."""
    total = 192 * filters + 4 * filters + (filters + 1) * filters  # top and gate
    for skip in (112, 40, 24):
        total += skip * filters + 4 * filters + 9 * filters * filters + 4 * filters
    total += filters * fine + 4 * fine + 16 * fine + 4 * fine + 9 * fine * fine + 4 * fine
    return total + (fine + 1) * classes


def test_it_has_as_many_parameters_as_its_description_says():
    arguments = find_config("camvid_segmenter").model.arguments
    model = segmenter(**{**arguments, "input_shape": (64, 64, 3)})
    whole = kerazoo.get("efficientnet_lite0", weights=None, input_shape=(32, 32, 3))
    encoder = {layer.name: layer for layer in whole.layers}
    shared = [layer for layer in model.layers if layer.name in encoder and layer.name != "logits"]
    counted = sum(encoder[layer.name].count_params() for layer in shared)
    assert model.count_params() == counted + decoder_parameters()
    assert model.count_params() <= 3_000_000


@pytest.mark.parametrize("size", [(180, 240), (33, 47)])
def test_outputs_are_as_large_as_the_images(size):
    model = segmenter((*size, 3), 5, filters=8, fine_filters=8)
    assert model.output_shape == (None, *size, 5)
    assert tuple(model(np.zeros((1, *size, 3), np.uint8)).shape) == (1, *size, 5)


def test_logits_are_enlarged_bilinearly():
    """Against SciPy, inside: half a pixel beside the corners is where the two treat edges apart."""
    from scipy.ndimage import map_coordinates

    model = segmenter((36, 64, 3), 2, filters=8, fine_filters=8)
    both = keras.Model(model.input, [model.get_layer("logits").output, model.output])
    image = np.random.default_rng(0).integers(0, 256, (1, 36, 64, 3), np.uint8)
    small, large = (np.asarray(outputs)[0] for outputs in both(image, training=False))
    rows, columns = np.indices((36, 64))
    at = [(rows + 0.5) / 2 - 0.5, (columns + 0.5) / 2 - 0.5]
    for number in range(2):
        expected = map_coordinates(small[..., number], at, order=1, mode="nearest")
        np.testing.assert_allclose(large[..., number], expected, rtol=1e-4, atol=1e-5)


def test_the_recipe_begins_with_the_encoder_of_lite0(notices):
    """Layer for layer, and so in what it sees: the sixth stage's output for a photograph."""
    model = make_model(find_config("camvid_segmenter"), steps=1)
    assert any("begin with the published weights of 'efficientnet_lite0'" in n for n in notices())
    lite0 = kerazoo.get("efficientnet_lite0", compile=False, input_shape=(180, 240, 3))
    photograph = pytest.importorskip("sklearn.datasets").load_sample_images().images[:1]
    photograph = np.stack(photograph)[:, :180, :240]
    ours, theirs = (
        np.asarray(
            keras.Model(m.input, m.get_layer("stage_6_4_add").output)(photograph, training=False)
        )
        for m in (model, lite0)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert ours.std() > 0.1


def test_the_gate_is_a_sigmoid_of_the_means():
    inputs = keras.Input((3, 5, 4))
    model = keras.Model(inputs, _gate(inputs))
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    kernel, bias = model.get_layer("decoder_gate").get_weights()
    gates = 1 / (1 + np.exp(-(x.mean(axis=(1, 2)) @ kernel[0, 0] + bias)))
    expected = x * gates[:, None, None]
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
