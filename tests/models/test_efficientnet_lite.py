"""EfficientNet-Lite against the release's table and the arithmetic of its stages."""

import math

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.models.efficientnet_lite import efficientnet_lite

SIZES = {  # width and depth coefficient, and million parameters as the release's README says
    0: (1.0, 1.0, 4.7),
    1: (1.0, 1.1, 5.4),
    2: (1.1, 1.2, 6.1),
    3: (1.2, 1.4, 8.2),
    4: (1.4, 1.8, 13.0),
}
KERNELS, FILTERS, BLOCKS = (
    (3, 3, 5, 3, 5, 5, 3),
    (16, 24, 40, 80, 112, 192, 320),
    (1, 2, 2, 3, 3, 4, 1),
)


def parameters_by_hand(width, depth):
    """1x1, stem and depthwise kernels, and four numbers a channel for each normalization."""
    total, channels = 27 * 32 + 4 * 32, 32
    for stage in range(7):
        filters = math.floor(FILTERS[stage] * width / 8 + 0.5) * 8
        blocks = BLOCKS[stage] if stage in (0, 6) else math.ceil(BLOCKS[stage] * depth)
        for _ in range(blocks):
            inner = channels * (6 if stage else 1)
            total += (channels * inner + 4 * inner) if stage else 0
            total += (KERNELS[stage] ** 2 + 4 + filters) * inner + 4 * filters
            channels = filters
    return total + (channels + 4) * 1280 + 1281 * 1000


@pytest.mark.parametrize("size", [0, 4])
def test_sizes_are_those_of_the_release(size):
    width, depth, millions = SIZES[size]
    model = efficientnet_lite((32, 32, 3), 1000, width, depth)
    assert model.count_params() == parameters_by_hand(width, depth)
    assert model.count_params() / 1e6 == pytest.approx(millions, rel=0.02)


def test_the_card_of_lite0_is_the_network():
    card = kerazoo.info("efficientnet_lite0")
    assert card.parameters == parameters_by_hand(1.0, 1.0)
    assert card.metrics == {}  # nothing here was measured by kerazoo
    assert (card.trained["published_top_1"], card.trained["published_top_1_int8"]) == (0.751, 0.744)
    assert "not measured" in card.trained["published_by"]


@pytest.fixture(scope="module")
def lite0():
    return kerazoo.get("efficientnet_lite0", compile=False)


def test_it_knows_what_is_on_a_photograph(lite0):
    """scikit-learn's sample images: a dahlia, and a Chinese temple."""
    images = pytest.importorskip("sklearn.datasets").load_sample_images().images
    pixels = np.stack([keras.ops.image.resize(image[:, 100:527], (224, 224)) for image in images])
    temple, flower = kerazoo.predict(lite0, pixels)
    assert set(flower.scores) & {"daisy", "bee", "pot", "cardoon"}, flower.scores
    assert set(temple.scores) & {"palace", "monastery", "bell cote", "stupa"}, temple.scores


def test_pixels_are_scaled_inside(lite0):
    outputs = keras.Model(lite0.input, lite0.get_layer("scale").output)(
        np.full((1, 224, 224, 3), 255.0)
    )
    np.testing.assert_allclose(np.asarray(outputs), (255 - 127) / 128, rtol=1e-6)


def test_weights_fit_other_sizes_and_classes():
    model = kerazoo.get("efficientnet_lite0", input_shape=(64, 96, 3), num_classes=3)
    assert model.output_shape == (None, 3)
    kernel = kerazoo.get("efficientnet_lite0", compile=False).get_layer("stem").kernel
    np.testing.assert_array_equal(model.get_layer("stem").kernel, kernel)


def test_small_images_may_be_enlarged_inside():
    images = np.random.RandomState(0).randint(0, 256, (2, 32, 48, 3)).astype("float32")
    keras.utils.set_random_seed(0)
    small = {"width_coefficient": 0.5, "depth_coefficient": 0.2}
    inside = efficientnet_lite((32, 48, 3), 10, resize_to=(64, 96), **small)
    beforehand = efficientnet_lite((64, 96, 3), 10, **small)
    beforehand.set_weights(inside.get_weights())
    enlarged = keras.ops.image.resize(images, (64, 96), interpolation="bilinear")
    ours = np.asarray(inside(images, training=False))
    expected = np.asarray(beforehand(enlarged, training=False))
    scale = expected.std()  # fresh weights leave next to nothing
    np.testing.assert_allclose(ours / scale, expected / scale, atol=1e-3)


def test_blocks_are_left_out_more_often_further_down():
    model = efficientnet_lite((32, 32, 3), 10, drop_connect=0.2)
    rates = [layer.rate for layer in model.layers if "drop_connect" in layer.name]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(0.2 * 2 / 16)  # the first block with a sum is the third
    assert rates[-1] == pytest.approx(0.2 * 14 / 16)
    plain = efficientnet_lite((32, 32, 3), 10, depth_coefficient=0.5, drop_connect=0.0)
    assert not [layer for layer in plain.layers if "drop_connect" in layer.name]


def test_class_names_are_imagenets():
    names = kerazoo.datasets.info("imagenet").class_names
    assert len(set(names)) == 1000
    assert (names[0], names[207], names[985]) == ("tench", "golden retriever", "daisy")
    with pytest.raises(kerazoo.errors.DataError, match="cannot be read by name"):
        kerazoo.datasets.load_numpy("imagenet", "test")
