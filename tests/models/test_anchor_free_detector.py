"""The detector: its backbone is EfficientNet-Lite0's, its cells see what is under them."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConfigError
from kerazoo.models.anchor_free_detector import STRIDE, anchor_free_detector
from kerazoo.models.efficientnet_lite import efficientnet_lite
from kerazoo.zoo.build import build_with_layers_of
from kerazoo.zoo.catalogue import find_config


@pytest.fixture(scope="module")
def detector():
    keras.utils.set_random_seed(0)
    return anchor_free_detector((48, 64, 3), 3, filters=16)


def test_a_cell_for_each_eight_pixels_and_class(detector):
    assert detector.output_shape == (None, 48 // STRIDE * 64 // STRIDE, 3 + 5)
    assert detector.output.dtype == "float32"


def test_its_size_is_that_of_its_parts(detector):
    """Kernels by hand, four numbers a channel for each normalization; biases in the last ones."""
    whole = efficientnet_lite((48, 64, 3), 1)
    cut = keras.Model(whole.input, whole.get_layer("stage_5_3_add").output)
    neck = (40 + 112) * 16 + 9 * 16 * 16 + 3 * 4 * 16
    branches = 2 * (9 * 16 * 16 + 4 * 16)
    last = (9 * 16 + 1) * (3 + 4 + 1)
    assert detector.count_params() == cut.count_params() + neck + branches + last


def test_fresh_cells_hold_everything_to_be_rare_and_boxes_to_be_some_strides_wide(detector):
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), dtype=np.uint8)
    cells = np.asarray(detector(images, training=False))
    assert np.abs(1 / (1 + np.exp(-cells[..., :3])) - 0.01).max() < 0.01
    assert np.abs(cells[..., 3:7] - 1).max() < 0.5


def test_cells_are_row_by_row():
    """The change of one pixel changes most the cell that it is in."""
    keras.utils.set_random_seed(1)
    model = anchor_free_detector((96, 128, 3), 1, filters=8)
    for layer in model.layers:  # the coarse features reach far: leave them out
        if layer.name == "neck_coarse_norm":
            layer.gamma.assign(np.zeros(8))
    image = np.full((1, 96, 128, 3), 127.0, "float32")
    changed = image.copy()
    changed[:, 8 * 7 + 2 : 8 * 7 + 6, 8 * 10 + 2 : 8 * 10 + 6] = 255.0
    before, after = (np.asarray(model(pixels, training=False)) for pixels in (image, changed))
    difference = np.abs(after - before)
    row, column = divmod(int(difference[0].sum(axis=-1).argmax()), 128 // 8)
    assert abs(row - 7) <= 1
    assert abs(column - 10) <= 1


def test_the_recipe_begins_with_the_weights_of_lite0():
    model = build_with_layers_of(find_config("bccd_detector"), "efficientnet_lite0")
    lite0 = kerazoo.get("efficientnet_lite0", compile=False)
    for name in ("stem", "stage_3_2_project", "stage_5_3_project_norm"):
        ours, theirs = model.get_layer(name).get_weights(), lite0.get_layer(name).get_weights()
        assert all(np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))


@pytest.mark.slow
@pytest.mark.release
def test_it_learns_a_box_and_its_file_loads(tmp_path):
    """A white square on black; after some steps its middle cell says where it ends."""
    keras.utils.set_random_seed(2)
    model = anchor_free_detector((48, 64, 3), 2, filters=8)
    images = np.zeros((2, 48, 64, 3), np.uint8)
    images[0, 8:32, 16:40], images[1, 16:40, 24:48] = 255, 255
    targets = np.array([[[0, 16, 8, 40, 32]], [[0, 24, 16, 48, 40]]], "float32")
    model.compile(keras.optimizers.Adam(3e-3), kerazoo.losses.AnchorFreeLoss([6, 8]))
    losses = model.fit(images, targets, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    paths = [variable.path for variable in model.weights]
    assert len(set(paths)) == len(paths)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), expected, atol=1e-5)
    floats = model.predict(images.astype("float32"), verbose=0)
    np.testing.assert_array_equal(floats, expected)


@pytest.mark.parametrize("shape", [(40, 64, 3), (48, 60, 3)])
def test_sizes_that_do_not_divide_are_refused(shape):
    with pytest.raises(ConfigError, match=r"multiples of 16. Received: \("):
        anchor_free_detector(shape, 3)
