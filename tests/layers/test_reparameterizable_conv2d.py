"""ReparameterizableConv2D: its branches against NumPy, and fused it computes what it did."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError
from kerazoo.layers import ReparameterizableConv2D

CASES = [
    {"filters": 4},  # all three kinds of branches
    {"filters": 6},  # no identity
    {"filters": 4, "branches": 3},
    {"filters": 4, "kernel_size": 1, "branches": 2},  # no separate 1 x 1 branch
    {"filters": 4, "groups": 2},
    {"filters": 4, "groups": 4, "branches": 2, "activation": "gelu"},  # MobileOne's depthwise part
    {"filters": 8, "groups": 4, "strides": 2},
    {"filters": 4, "strides": 2},
    {"filters": 4, "strides": 2, "padding": "valid"},
    {"filters": 4, "padding": "valid", "kernel_size": 5},
    {"filters": 4, "strides": (2, 1), "kernel_size": (3, 5)},
    {"filters": 4, "strides": 3, "kernel_size": 5, "activation": None},
    {"filters": 5, "epsilon": 0.3, "activation": "silu"},
]
SIZES = [(8, 8), (7, 9), (8, 7)]  # even and odd: the padding of strides depends on it


def images(size, channels=4):
    return np.random.default_rng(1).normal(size=(2, *size, channels)).astype("float32")


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def built(arguments, size, scatter, channels=4):
    layer = ReparameterizableConv2D(**arguments)
    layer.build((None, *size, channels))
    return scatter(layer)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("arguments", CASES)
def test_fused_it_gives_the_same_outputs(arguments, size, scatter):
    layer = built(arguments, size, scatter)
    fused = layer.fuse()
    assert type(fused) is keras.layers.Conv2D
    assert fused.built
    assert fused.use_bias
    expected = array(layer(images(size), training=False))
    assert expected.std() > 0.1
    error = np.abs(array(fused(images(size))) - expected).max()
    assert error <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("arguments", CASES[:2] + CASES[4:5] + CASES[7:9])
def test_outputs_are_the_sum_of_the_branches(arguments, size, by_numpy, scatter):
    """The 1 x 1 branch is a convolution of `kernel_size` with one pixel at its center."""
    layer = built(arguments, size, scatter)
    x, strides = images(size), layer.strides
    expected = 0
    for branch in layer.kernel_branches:
        convolved = by_numpy.convolve(
            x, branch.get_weights()[0], strides, layer.padding, groups=layer.groups
        )
        expected = expected + by_numpy.normalize(convolved, branch.normalize)
    around = np.zeros((*layer.kernel_size, *layer.pointwise_branch.get_weights()[0].shape[2:]))
    around[tuple(side // 2 for side in layer.kernel_size)] = layer.pointwise_branch.get_weights()[0]
    convolved = by_numpy.convolve(x, around, strides, layer.padding, groups=layer.groups)
    expected += by_numpy.normalize(convolved, layer.pointwise_branch.normalize)
    if layer.filters == 4 and strides == (1, 1):
        expected += by_numpy.normalize(x, layer.identity_branch)
    else:
        assert layer.identity_branch is None
    np.testing.assert_allclose(array(layer(x)), np.maximum(expected, 0), atol=1e-4, rtol=1e-4)


def test_branches_start_apart():
    layer = ReparameterizableConv2D(4, branches=3)
    layer.build((None, 8, 8, 4))
    first, second, third = (branch.get_weights()[0] for branch in layer.kernel_branches)
    assert min(np.abs(first - second).max(), np.abs(second - third).max()) > 0.01


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_the_fused_layer_keeps_name_policy_and_activation(policy):
    layer = ReparameterizableConv2D(4, activation="silu", name="stem", dtype=policy)
    layer.build((None, 8, 8, 3))
    fused = layer.fuse()
    assert (fused.name, fused.dtype_policy.name) == ("stem", policy)
    assert fused.activation is keras.activations.silu
    assert fused.kernel.dtype == "float32"


def fuse_model(model):
    """As the docstring of the class says."""
    return keras.models.clone_model(
        model,
        clone_function=lambda layer: layer.fuse() if hasattr(layer, "fuse") else layer,
        recursive=True,
    )


def test_a_whole_model_is_fused_nested_and_shared_layers_included(scatter):
    inputs = keras.Input((8, 8, 3), name="pixels")
    shared = ReparameterizableConv2D(6, name="shared")
    x = ReparameterizableConv2D(6, strides=2, name="stem")(inputs)
    x = keras.layers.Add()([x, shared(shared(x))])
    block = keras.Sequential([keras.Input((4, 4, 6)), ReparameterizableConv2D(6, name="inner")])
    x = keras.layers.GlobalAveragePooling2D()(block(x))
    model = scatter(keras.Model(inputs, keras.layers.Dense(5, name="logits")(x)))

    fused = fuse_model(model)
    kinds = {type(layer).__name__ for layer in fused._flatten_layers()}
    assert "Conv2D" in kinds
    assert not kinds & {"ReparameterizableConv2D", "BatchNormalization"}
    expected = array(model(images((8, 8), 3)))
    np.testing.assert_allclose(
        array(fused(images((8, 8), 3))), expected, atol=1e-5 * np.abs(expected).max()
    )
    assert len(fused.weights) == 2 * 4  # stem, shared, inner, logits: kernel and bias


def test_training_sees_batch_statistics_and_inference_does_not(scatter):
    layer = built(CASES[0], (8, 8), scatter)
    in_training, at_inference = (array(layer(images((8, 8)), training=t)) for t in (True, False))
    assert np.abs(in_training - at_inference).max() > 0.1


def test_open_height_and_width():
    inputs = keras.Input((None, None, 4))
    x = keras.layers.ZeroPadding2D(1)(inputs)
    x = ReparameterizableConv2D(4, strides=2, padding="valid")(x)
    model = keras.Model(inputs, ReparameterizableConv2D(4)(x))
    assert tuple(model(images((9, 8))).shape) == (2, 5, 4, 4)


def test_strides_need_a_known_size_when_padding_depends_on_it():
    with pytest.raises(ConfigError, match="must know the height and width.*padding=.valid"):
        ReparameterizableConv2D(4, strides=2)(keras.Input((None, 8, 3)))


@pytest.mark.parametrize(("size", "other"), [((8, 8), (7, 8)), ((7, 7), (7, 8))])
def test_another_size_than_the_one_it_was_built_for_is_refused(size, other, scatter):
    layer = built({"filters": 4, "strides": 2}, size, scatter)
    with pytest.raises(ValueError, match="expected axis . of input shape to have value"):
        layer(images(other))


def test_fusing_needs_weights():
    with pytest.raises(ConfigError, match="has no weights yet"):
        ReparameterizableConv2D(4).fuse()


def test_an_initializer_may_be_a_registered_function():
    @keras.saving.register_keras_serializable(package="tests")
    def halves(shape, dtype=None):
        return keras.ops.full(shape, 0.5, dtype)

    layer = ReparameterizableConv2D(4, branches=2, kernel_initializer=halves)
    layer.build((None, 8, 8, 3))
    assert float(keras.ops.max(layer.kernel_branches[1].convolve.kernel)) == 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"filters": None}, "`filters` must be an integer of 1 or above"),
        ({"kernel_size": 4}, "`kernel_size` must be odd"),
        ({"branches": 0}, "`branches` must be an integer of 1 or above"),
        ({"padding": "full"}, '`padding` must be "same" or "valid"'),
        (
            {"branches": 2, "kernel_initializer": keras.initializers.HeNormal(seed=1)},
            "`kernel_initializer` must have no seed",
        ),
    ],
)
def test_arguments_out_of_range_are_one_line(arguments, words):
    with pytest.raises(ConfigError, match=f"{words}.* Received"):
        ReparameterizableConv2D(**{"filters": 4, **arguments})
