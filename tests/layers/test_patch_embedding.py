"""Patches against the paper's equation 1, patch by patch in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import PatchEmbedding


def fill(layer, seed=0):
    """Random numbers in all weights: the initial zeros would hide the class vector."""
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])


def by_definition(images, layer):
    kernel = ops.convert_to_numpy(layer.projection.kernel)
    bias = ops.convert_to_numpy(layer.projection.bias)
    height, width = kernel.shape[:2]
    matrix = kernel.reshape(-1, kernel.shape[-1])
    sequences = []
    for image in images:
        tokens = []
        for top in range(0, image.shape[0], height):
            for left in range(0, image.shape[1], width):
                patch = image[top : top + height, left : left + width]
                tokens.append(patch.reshape(-1) @ matrix + bias)
        if layer.class_token:
            tokens.insert(0, ops.convert_to_numpy(layer.class_embedding)[0, 0])
        if layer.learned_positions:
            table = ops.convert_to_numpy(layer.position_embedding)[0]
            tokens = [token + row for token, row in zip(tokens, table, strict=True)]
        sequences.append(tokens)
    return np.array(sequences)


@pytest.mark.parametrize("class_token", [False, True])
@pytest.mark.parametrize("learned_positions", [False, True])
@pytest.mark.parametrize("patch_size", [4, (2, 3)])
def test_the_sequence_is_that_of_the_paper(class_token, learned_positions, patch_size):
    images = np.random.default_rng(1).normal(size=(3, 8, 12, 2)).astype("float32")
    layer = PatchEmbedding(5, patch_size, class_token, learned_positions)
    layer.build((None, 8, 12, 2))
    fill(layer)
    outputs = ops.convert_to_numpy(layer(images))
    assert outputs.shape == layer.compute_output_shape(images.shape)
    np.testing.assert_allclose(outputs, by_definition(images, layer), rtol=1e-4, atol=1e-5)


def test_initial_values_are_those_of_the_authors():
    layer = PatchEmbedding(400, 4)
    layer.build((None, 32, 32, 3))
    assert not ops.convert_to_numpy(layer.class_embedding).any()
    assert np.std(ops.convert_to_numpy(layer.position_embedding)) == pytest.approx(0.02, rel=0.05)
    deviation = np.std(ops.convert_to_numpy(layer.projection.kernel))
    assert deviation == pytest.approx((4 * 4 * 3) ** -0.5, rel=0.05)


@pytest.mark.parametrize("shape", [(None, 9, 8, 3), (None, 8, 10, 3), (1, 8, 0, 3)])
def test_a_patch_that_does_not_divide_the_picture_is_refused(shape):
    with pytest.raises(DataError, match="`patch_size` must divide.*patch_size=\\(4, 4\\)"):
        PatchEmbedding(5, 4).build(shape)


def test_so_is_a_later_picture_of_another_size():
    layer = PatchEmbedding(5, 4, learned_positions=False)
    layer(np.zeros((1, 8, 8, 3)))
    with pytest.raises(DataError, match="`patch_size` must divide"):
        layer(np.zeros((1, 8, 9, 3)))
    assert tuple(layer(np.zeros((1, 12, 8, 3))).shape) == (1, 7, 5)
    fixed = PatchEmbedding(5, 4)
    fixed(np.zeros((1, 8, 8, 3)))
    with pytest.raises(ValueError, match="expected shape=\\(None, 8, 8, 3\\)"):
        fixed(np.zeros((1, 12, 8, 3)))


def test_without_positions_a_model_takes_pictures_of_any_size():
    inputs = keras.Input((None, None, 3))
    layer = PatchEmbedding(5, 4, learned_positions=False)
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, 5)
    fill(layer)
    for size in ((8, 8), (4, 12)):
        images = np.random.default_rng(2).normal(size=(2, *size, 3)).astype("float32")
        np.testing.assert_allclose(
            model.predict(images, verbose=0), by_definition(images, layer), rtol=1e-4, atol=1e-5
        )


def test_positions_need_a_size():
    with pytest.raises(DataError, match="`learned_positions` needs pictures of one size"):
        PatchEmbedding(5, 4)(keras.Input((None, 8, 3)))


@pytest.mark.parametrize("arguments", [{"units": 0}, {"units": 4, "patch_size": (4, 0)}])
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ConfigError, match=f"`{list(arguments)[-1]}` must be"):
        PatchEmbedding(**arguments)
