"""InvertedResidual against the blocks of `keras.applications`, weight by weight."""

import keras
import numpy as np
import pytest
from keras.src.applications import efficientnet, mobilenet_v2, mobilenet_v3

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import InvertedResidual


def mobilenet_v2_block(inputs, filters, strides, expand_ratio=6):
    # Block 0 is the one without an expansion.
    block_id = 0 if expand_ratio == 1 else 1
    return mobilenet_v2._inverted_res_block(inputs, expand_ratio, strides, 1.0, filters, block_id)


def mobilenet_v3_block(inputs, filters, strides, expand_ratio, kernel_size):
    return mobilenet_v3._inverted_res_block(
        inputs, expand_ratio, filters, kernel_size, strides, 0.25, mobilenet_v3.hard_swish, 1
    )


def efficientnet_block(inputs, filters, strides, expand_ratio, kernel_size, se_ratio=0.25):
    return efficientnet.block(
        inputs,
        filters_in=inputs.shape[-1],
        filters_out=filters,
        strides=strides,
        expand_ratio=expand_ratio,
        kernel_size=kernel_size,
        se_ratio=se_ratio,
        drop_rate=0.2,
    )


V3 = {
    "activation": "hard_swish",
    "se_activation": "relu",
    "se_gate_activation": "hard_sigmoid",
    "momentum": 0.999,
}
CASES = {  # the block, its arguments, and more for ours
    "V2": (mobilenet_v2_block, {"filters": 16, "strides": 1}, {"momentum": 0.999}),
    "V2, half the size": (mobilenet_v2_block, {"filters": 24, "strides": 2}, {}),
    "V2, wider": (mobilenet_v2_block, {"filters": 24, "strides": 1}, {}),
    "V2, first": (mobilenet_v2_block, {"filters": 16, "strides": 1, "expand_ratio": 1}, {}),
    "V3": (
        mobilenet_v3_block,
        {"filters": 16, "strides": 1, "expand_ratio": 6, "kernel_size": 5},
        {"se_ratio": 6 / 4, **V3},
    ),
    "V3, half the size": (
        mobilenet_v3_block,
        {"filters": 24, "strides": 2, "expand_ratio": 4, "kernel_size": 3},
        {"se_ratio": 4 / 4, **V3},
    ),
    "EfficientNet": (
        efficientnet_block,
        {"filters": 16, "strides": 1, "expand_ratio": 6, "kernel_size": 5},
        {"se_ratio": 0.25, "activation": "silu", "drop_path_rate": 0.2},
    ),
    "EfficientNet, half the size": (
        efficientnet_block,
        {"filters": 24, "strides": 2, "expand_ratio": 6, "kernel_size": 5},
        {"se_ratio": 0.25, "activation": "silu"},
    ),
    "EfficientNet, first": (
        efficientnet_block,
        {"filters": 16, "strides": 1, "expand_ratio": 1, "kernel_size": 3},
        {"se_ratio": 0.25, "activation": "silu"},
    ),
}


@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
@pytest.mark.parametrize("name", CASES)
def test_outputs_are_those_of_keras_applications(name, size, scatter):
    block, arguments, more = CASES[name]
    inputs = keras.Input((*size, 16))
    theirs = scatter(keras.Model(inputs, block(inputs, **arguments)))
    ours = InvertedResidual(**arguments, **more)
    images = np.random.default_rng(1).normal(size=(2, *size, 16)).astype("float32")
    ours.build(images.shape)
    ours.set_weights(theirs.get_weights())
    assert ours.count_params() == theirs.count_params()
    expected = keras.ops.convert_to_numpy(theirs(images))
    assert expected.std() > 0.1
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(ours(images)), expected, rtol=1e-4, atol=1e-5 * expected.std()
    )


@pytest.mark.parametrize(
    ("arguments", "channels", "parameters"),
    [
        # By hand: 1 x 1 up, 3 x 3 each, 1 x 1 down, and 4 per normalized channel.
        ({"filters": 32}, 32, 32 * 192 + 9 * 192 + 192 * 32 + 4 * (192 + 192 + 32)),
        ({"filters": 16, "expand_ratio": 1}, 32, 9 * 32 + 32 * 16 + 4 * (32 + 16)),
        # EfficientNet-B0, stage 3, second block: 24 to 24, with squeeze and excitation to 24 / 4.
        (
            {"filters": 24, "se_ratio": 0.25, "activation": "silu"},
            24,
            24 * 144 + 9 * 144 + 144 * 24 + 4 * (144 + 144 + 24) + 144 * 6 + 6 + 6 * 144 + 144,
        ),
    ],
)
def test_parameters_are_those_of_the_papers(arguments, channels, parameters):
    layer = InvertedResidual(**arguments)
    layer.build((None, 14, 14, channels))
    assert layer.count_params() == parameters


@pytest.mark.parametrize(
    ("arguments", "added"),
    [({"filters": 4}, True), ({"filters": 6}, False), ({"filters": 4, "strides": 2}, False)],
)
def test_the_input_is_added_only_where_shapes_agree(arguments, added):
    layer = InvertedResidual(**arguments)
    images = np.random.default_rng(1).normal(size=(2, 6, 6, 4)).astype("float32")
    layer.build(images.shape)
    gamma = layer.project.normalize.gamma
    gamma.assign(np.zeros(gamma.shape))  # the branch gives zeros
    outputs = keras.ops.convert_to_numpy(layer(images))
    np.testing.assert_array_equal(outputs, images if added else np.zeros_like(outputs))


def test_a_dropped_branch_leaves_the_input(scatter):
    layer = InvertedResidual(4, drop_path_rate=0.5, seed=1)
    images = np.random.default_rng(1).normal(size=(40, 3, 3, 4)).astype("float32")
    layer.build(images.shape)
    scatter(layer)
    outputs = keras.ops.convert_to_numpy(layer(images, training=True))
    dropped = (outputs == images).all(axis=(1, 2, 3))
    assert 10 <= dropped.sum() <= 30
    assert np.abs(outputs - images)[~dropped].max(axis=(1, 2, 3)).min() > 0.01


def test_open_height_and_width():
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, InvertedResidual(6, strides=2, se_ratio=0.5)(inputs))
    assert model.output.shape == (None, None, None, 6)
    assert tuple(model(np.ones((1, 7, 4, 4))).shape) == (1, 4, 2, 6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"filters": 0}, "`filters` must be an integer of 1 or above"),
        ({"strides": (2, 1)}, "`strides` must be an integer of 1 or above"),
        ({"kernel_size": 0}, "`kernel_size` must be"),
        ({"expand_ratio": 0}, "`expand_ratio` must be a finite number above 0"),
        ({"se_ratio": -0.25}, "`se_ratio` must be a finite number of at least 0"),
        (
            {"drop_path_rate": 1},
            "`drop_path_rate` must be .* of at least 0 and below 1",
        ),
    ],
)
def test_arguments_out_of_range_are_one_line(arguments, words):
    with pytest.raises(ConfigError, match=f"{words}.* Received: "):
        InvertedResidual(**{"filters": 4, **arguments})


def test_the_bottleneck_is_rounded_down_but_for_the_error_of_a_float():
    layer = InvertedResidual(98, se_ratio=1 / 49)
    layer.build((None, 8, 8, 98))
    assert layer.squeeze_excite.bottleneck_filters == 2


def test_an_expansion_to_nothing_is_one_line():
    with pytest.raises(DataError, match="`expand_ratio`=0.1 leaves none of the 4 channels"):
        InvertedResidual(4, expand_ratio=0.1).build((None, 8, 8, 4))
