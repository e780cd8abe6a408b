"""Removing channels equals setting them to zero, wherever zero stays zero on its way.

Every layer here that makes channels has a bias, or a batch normalization's beta, in which no
number occurs twice. So the test sees from the pruned model's weights alone which channels stayed.
"""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import kerazoo
from kerazoo.compress._channel_pruning import prune_channels
from kerazoo.errors import ConfigError, UnknownNameError
from kerazoo.layers import ConvNormAct, DropPath, InvertedResidual, MonteCarloDropout

MARKS = {"bias", "beta"}


def randomize(model, seed=0):
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        low = 0.5 if "variance" in weight.name or "gamma" in weight.name else -1.0
        weight.assign(rng.uniform(low, 1.0, weight.shape))


def without_removed(model, pruned):
    """A copy of `model` in which the channels that `pruned` lacks are zero where they are made."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in copy.layers:
        marks = [w for w in layer.weights if w.name in MARKS and len(w.shape) == 1]
        if not marks:
            continue
        left = next(w for w in pruned.get_layer(layer.name).weights if w.name in MARKS).numpy()
        gone = ~np.isin(marks[0].numpy(), left)
        assert np.count_nonzero(~gone) == len(left)
        for weight in layer.weights:
            value = weight.numpy()
            if weight.name in ("moving_mean", "depthwise_kernel", "alpha"):
                continue
            if isinstance(layer, layers.DepthwiseConv2D) and weight.name == "kernel":
                flat = value.reshape(*value.shape[:2], -1)
                flat[..., gone] = 0
                value = flat.reshape(value.shape)
            elif isinstance(layer, layers.Conv2DTranspose) and weight.name == "kernel":
                value[..., gone, :] = 0
            elif weight.name != "moving_variance":
                value[..., gone] = 0
            if weight.name == "gamma" or weight.name in MARKS or "kernel" in weight.name:
                weight.assign(value)
    return copy


def check(model, seed=0, **arguments):
    """The pruned model, which gave what the model gives with the removed channels at zero."""
    randomize(model, seed)
    pruned = prune_channels(model, **arguments)
    assert pruned.count_params() < model.count_params()
    x = [
        np.random.default_rng(7).normal(size=(2, *t.shape[1:])).astype("float32")
        for t in model.inputs
    ]
    x = x if len(x) > 1 else x[0]
    for y, z in zip(
        keras.tree.flatten(without_removed(model, pruned)(x)),
        keras.tree.flatten(pruned(x)),
        strict=True,
    ):
        assert np.std(y) > 0
        np.testing.assert_allclose(z, y, rtol=1e-4, atol=1e-4 * float(np.abs(y).max()))
    return pruned


def conv(x, filters, size=3, **kwargs):
    return layers.Conv2D(filters, size, padding="same", **{"activation": "relu", **kwargs})(x)


def width(model, name):
    return model.get_layer(name).output.shape[-1]


def test_chain_into_a_dense_layer():
    x = keras.Input((6, 6, 3))
    y = conv(layers.MaxPooling2D()(conv(x, 8, name="first")), 6, name="second")
    y = layers.Dense(10, activation="relu", name="hidden")(layers.Flatten()(y))
    pruned = check(keras.Model(x, layers.Dense(4, name="logits")(y)), sparsity=0.5)
    assert width(pruned, "first") + width(pruned, "second") + width(pruned, "hidden") == 12
    assert width(pruned, "logits") == 4


def test_normalization_without_bias_before_it():
    x = keras.Input((6, 6, 3))
    y = layers.Conv2D(8, 3, use_bias=False, name="conv")(x)
    y = layers.ReLU(6.0)(layers.BatchNormalization(name="norm")(y))
    y = layers.GlobalAveragePooling2D()(y)
    pruned = check(keras.Model(x, layers.Dense(4)(y)), sparsity=0.5)
    assert width(pruned, "conv") == width(pruned, "norm") == 4


def test_residual_sum_ties_both_branches():
    x = keras.Input((6, 6, 3))
    stem = conv(x, 8, name="stem")
    branch = conv(conv(stem, 5, name="inner"), 8, name="outer")
    y = layers.GlobalAveragePooling2D()(layers.Add()([stem, branch]))
    model = keras.Model(x, layers.Dense(2)(y))
    pruned = check(model, sparsity=0.5)
    stem_left, outer_left = (pruned.get_layer(n).bias.numpy() for n in ("stem", "outer"))
    places = [
        np.flatnonzero(np.isin(model.get_layer(name).bias.numpy(), left)).tolist()
        for name, left in (("stem", stem_left), ("outer", outer_left))
    ]
    assert places[0] == places[1]
    assert width(pruned, "inner") >= 1


def test_concatenation_of_three():
    x = keras.Input((6, 6, 3))
    y = layers.Concatenate()([conv(x, 4), conv(x, 6, 1), layers.AveragePooling2D(1)(x)])
    check(keras.Model(x, layers.Dense(3)(layers.Flatten()(conv(y, 5)))), sparsity=0.5)


def test_concatenation_added_to_a_whole():
    x = keras.Input((6, 6, 3))
    y = layers.Concatenate()([conv(x, 4, name="left"), conv(x, 4, name="right")])
    y = layers.Add()([y, conv(x, 8, name="whole")])
    pruned = check(keras.Model(x, conv(y, 2)), sparsity=0.5)
    assert width(pruned, "whole") == width(pruned, "left") + width(pruned, "right")


def test_depthwise_with_multiplier_and_separable():
    x = keras.Input((6, 6, 3))
    y = conv(x, 8, name="first")
    y = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu", name="depth")(y)
    y = layers.SeparableConv2D(6, 3, depth_multiplier=2, activation="relu", name="separable")(y)
    pruned = check(keras.Model(x, layers.Dense(2)(layers.Flatten()(y))), sparsity=0.5)
    assert width(pruned, "depth") == 2 * width(pruned, "first")


@pytest.mark.parametrize("keepdims", [True, False])
def test_squeeze_and_excitation(keepdims):
    x = keras.Input((6, 6, 3))
    y = conv(x, 8, name="wide")
    gate = layers.GlobalAveragePooling2D(keepdims=keepdims)(y)
    if not keepdims:
        gate = layers.Reshape((1, 1, 8))(gate)
    gate = conv(conv(gate, 4, 1), 8, 1, activation="sigmoid", name="gate")
    pruned = check(keras.Model(x, conv(layers.Multiply()([y, gate]), 2)), sparsity=0.5)
    assert width(pruned, "gate") == width(pruned, "wide")


def test_gate_of_one_channel_stays():
    x = keras.Input((6, 6, 3))
    y = conv(x, 8)
    gate = conv(y, 1, activation="sigmoid", name="gate")
    pruned = check(keras.Model(x, conv(layers.Multiply()([y, gate]), 2)), sparsity=0.5)
    assert width(pruned, "gate") == 1


def test_groups_go_as_a_whole():
    x = keras.Input((6, 6, 3))
    y = conv(conv(x, 8, name="before"), 12, groups=4, name="grouped")
    pruned = check(keras.Model(x, conv(y, 2)), sparsity=0.5)
    grouped = pruned.get_layer("grouped")
    assert (grouped.groups, grouped.filters, width(pruned, "before")) == (2, 6, 4)


def test_transposed_convolution_prelu_and_resizing():
    x = keras.Input((4, 4, 3))
    y = layers.Conv2DTranspose(6, 3, strides=2, padding="same", name="up")(x)
    y = layers.PReLU(shared_axes=[1, 2])(y)
    y = layers.UpSampling2D()(layers.PReLU()(conv(y, 5, activation=None)))
    check(keras.Model(x, layers.Conv2D(2, 3)(layers.ZeroPadding2D()(y))), sparsity=0.5)


def test_one_dimension_into_a_recurrent_layer():
    x = keras.Input((12, 3))
    y = layers.Conv1D(8, 3, activation="relu", name="first")(x)
    y = layers.Conv1D(6, 3, activation="relu", name="second")(layers.MaxPooling1D()(y))
    y = layers.GRU(6, use_bias=False)(y)
    pruned = check(keras.Model(x, layers.Dense(2)(y)), sparsity=0.5)
    assert y.shape[-1] == 6
    assert width(pruned, "first") + width(pruned, "second") == 7


def test_operations_and_shared_layers():
    x = keras.Input((6, 6, 4))
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    y = conv(x, 4, name="first") * 2
    y = keras.ops.relu(shared(y) + shared(shared(y)))
    pruned = check(keras.Model(x, layers.Dense(2)(keras.ops.mean(y, axis=(1, 2)))), sparsity=0.5)
    assert width(pruned, "first") == pruned.get_layer("shared").filters == 2


def test_two_outputs_of_a_nested_model():
    inner_x = keras.Input((6, 6, 3))
    inner = keras.Model(inner_x, conv(inner_x, 8, name="inner_conv"), name="inner")
    x = keras.Input((6, 6, 3))
    y = inner(x)
    outputs = {"mask": conv(y, 1), "label": layers.Dense(2)(layers.GlobalMaxPooling2D()(y))}
    model = keras.Model(x, outputs)
    randomize(model)
    pruned = prune_channels(model, sparsity=0.5)
    assert {name: t.shape for name, t in pruned.output.items()} == {
        name: t.shape for name, t in model.output.items()
    }
    assert pruned.get_layer("inner_conv").filters == 4


def test_what_is_not_understood_stays():
    x = keras.Input((6, 6, 3))
    y = conv(x, 8, name="before_norm")
    y = conv(layers.LayerNormalization()(y), 8, name="soft", activation="softmax")
    y = conv(y, 8, name="free")
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))
    randomize(model)
    pruned = prune_channels(model, sparsity=0.5)
    assert [width(pruned, n) for n in ("before_norm", "soft", "free")] == [8, 8, 4]


def test_kerazoo_blocks_are_taken_apart():
    x = keras.Input((8, 8, 3))
    y = ConvNormAct(8, name="stem")(x)
    y = InvertedResidual(8, se_ratio=0.5, name="block")(y)
    model = keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))
    pruned = prune_channels(model, sparsity=0.5)
    assert width(pruned, "block_project_convolve") == width(pruned, "stem_convolve") < 8


def test_the_weakest_filters_go():
    x = keras.Input((6, 6, 3))
    model = keras.Model(x, conv(conv(x, 6, name="first"), 2))
    randomize(model)
    layer = model.get_layer("first")
    strength = np.array([5.0, 0.1, 4.0, 3.0, 0.2, 0.3], "float32")
    layer.kernel.assign(layer.kernel / np.sqrt((layer.kernel**2).numpy().sum((0, 1, 2))) * strength)
    pruned = prune_channels(model, sparsity=0.5).get_layer("first")
    np.testing.assert_array_equal(pruned.kernel, layer.kernel.numpy()[..., [0, 2, 3]])


def test_gamma_counts():
    x = keras.Input((6, 6, 3))
    y = layers.Conv2D(4, 3, name="conv")(x)
    y = layers.ReLU()(layers.BatchNormalization(name="norm")(y))
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))
    layer, norm = model.get_layer("conv"), model.get_layer("norm")
    layer.kernel.assign(layer.kernel / np.sqrt((layer.kernel**2).numpy().sum((0, 1, 2))))
    norm.gamma.assign([0.1, 1.0, -2.0, 1.0])
    norm.moving_variance.assign([1.0, 100.0, 1.0, 1.0])
    pruned = prune_channels(model, sparsity=0.5)
    np.testing.assert_array_equal(pruned.get_layer("norm").gamma, [-2.0, 1.0])


def flops_of(model):
    """Multiplications and additions of convolutions and dense layers, from the shapes."""
    total = 0
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            total += 2 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:-1])
    return total


@pytest.mark.parametrize("share", [0.7, 0.4, 0.1])
def test_flops_that_remain(share):
    model = kerazoo.get("mnist_cnn", weights=None)
    pruned = prune_channels(model, flops=share)
    assert 0.9 * share <= flops_of(pruned) / flops_of(model) <= share


def test_multiples():
    x = keras.Input((6, 6, 3))
    model = keras.Model(x, conv(conv(conv(x, 24, name="first"), 5, name="small"), 2))
    pruned = prune_channels(model, sparsity=0.6, multiple_of=8)
    assert width(pruned, "first") in (8, 16)
    assert width(pruned, "small") == 5


def test_skipped_layers_stay_and_the_model_too():
    x = keras.Input((6, 6, 3))
    model = keras.Model(x, conv(conv(conv(x, 8, name="a_1"), 8, name="b_1"), 2))
    before = model.get_weights()
    pruned = prune_channels(model, sparsity=0.5, skip=["a_*"])
    assert (width(pruned, "a_1"), width(pruned, "b_1")) == (8, 4)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_frozen_layers_stay_frozen_and_the_rest_trains(tmp_path):
    x = keras.Input((6, 6, 3))
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(conv(x, 8, name="conv"))), name="net")
    model.get_layer("conv").trainable = False
    pruned = prune_channels(model, sparsity=0.5)
    assert pruned.name == "net"
    assert [v.path for v in pruned.trainable_variables] == ["dense/kernel", "dense/bias"] or len(
        pruned.trainable_variables
    ) == 2
    pruned.compile("sgd", "mse")
    pruned.fit(np.ones((4, 6, 6, 3)), np.ones((4, 2)), verbose=0)
    pruned.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    image = np.ones((1, 6, 6, 3))
    np.testing.assert_allclose(again.predict(image, verbose=0), pruned.predict(image, verbose=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either `sparsity` or `flops`"),
        ({"sparsity": 0.5, "flops": 0.5}, "either `sparsity` or `flops`"),
        ({"sparsity": 1.0}, "`sparsity` must be"),
        ({"flops": 0.0}, "`flops` must be"),
        ({"flops": 1e-4}, "cannot be reached"),
        ({"sparsity": 0.5, "multiple_of": 0}, "`multiple_of` must be"),
        ({"sparsity": 0.5, "skip": "*"}, "no channels that can be removed"),
    ],
)
def test_wrong_arguments(arguments, message):
    x = keras.Input((6, 6, 3))
    with pytest.raises(ConfigError, match=message):
        prune_channels(keras.Model(x, conv(conv(x, 4), 2)), **arguments)


def test_unknown_layer_to_skip():
    x = keras.Input((6, 6, 3))
    model = keras.Model(x, conv(conv(x, 4, name="first"), 2))
    with pytest.raises(UnknownNameError, match="first"):
        prune_channels(model, sparsity=0.5, skip=["frist"])


def test_flops_of_unknown_sizes():
    x = keras.Input((None, None, 3))
    model = keras.Model(x, conv(conv(x, 4), 2))
    assert prune_channels(model, sparsity=0.5).count_params() < model.count_params()
    with pytest.raises(ConfigError, match="known size"):
        prune_channels(model, flops=0.5)


BLOCKS = ("conv", "norm", "depthwise", "residual", "concat", "gate", "pool", "grouped", "shuffle")


def grown(x, kind):
    """`x` after one more block."""
    channels = x.shape[-1]
    if kind == "conv":
        return conv(x, channels + 2)
    if kind == "norm":
        y = layers.Conv2D(6, 1, use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization()(y))
    if kind == "depthwise":
        return layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    if kind == "residual":
        return layers.Add()([x, conv(conv(x, 5), channels)])
    if kind == "concat":
        return layers.Concatenate()([x, conv(x, 3), x])
    if kind == "gate":
        gate = layers.Reshape((1, 1, channels))(layers.GlobalMaxPooling2D()(x))
        return layers.Multiply()([x, conv(gate, channels, 1, activation="sigmoid")])
    if kind == "pool":
        return layers.AveragePooling2D(2, padding="same")(x)
    if kind == "grouped":
        return conv(conv(x, 6, 1), 9, groups=3)
    return layers.Permute((2, 1, 3))(layers.Maximum()([x, conv(x, channels)]))


@pytest.mark.slow
@settings(max_examples=8)
@given(
    kinds=st.lists(st.sampled_from(BLOCKS), min_size=2, max_size=5),
    sparsity=st.floats(0.2, 0.9),
    flat=st.booleans(),
)
def test_any_net_of_blocks(kinds, sparsity, flat):
    keras.utils.clear_session()
    x = keras.Input((5, 5, 2))
    y = conv(x, 6)
    for kind in kinds:
        y = grown(y, kind)
    y = layers.Flatten()(y) if flat else layers.GlobalAveragePooling2D()(y)
    check(keras.Model(x, layers.Dense(3)(y)), sparsity=sparsity)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["MobileNetV2", "MobileNetV3Small", "ResNet50", "DenseNet121", "EfficientNetB0", "Xception"],
)
def test_keras_applications_at_half_the_flops(name):
    size = 96 if name == "Xception" else 64
    builder = getattr(keras.applications, name)
    model = builder(weights=None, input_shape=(size, size, 3), classes=10)
    pruned = prune_channels(model, flops=0.5)
    assert pruned.count_params() < 0.75 * model.count_params()
    scores = pruned(np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)))
    np.testing.assert_allclose(np.sum(scores, axis=-1), 1, rtol=1e-5)


def test_prune_reaches_it():
    x = keras.Input((6, 6, 3))
    model = keras.Model(x, conv(conv(x, 8, name="first"), 2))
    pruned = kerazoo.compress.prune(model, pattern="channel", flops=0.5)
    assert width(pruned, "first") == 4
    assert width(kerazoo.compress.prune(model, pattern="channel"), "first") == 4
    sixes = kerazoo.compress.prune(model, pattern="channel", multiple_of=6)
    assert width(sixes, "first") == 6
    with pytest.raises(ConfigError, match="`flops` and `multiple_of` are for"):
        kerazoo.compress.prune(model, flops=0.5)
    with pytest.raises(ConfigError, match="`flops` and `multiple_of` are for"):
        kerazoo.compress.prune(model, multiple_of=8)


@keras.saving.register_keras_serializable(package="test_channel_pruning")
class Scaled(layers.Dense):
    """A dense layer with a factor for each of its outputs."""

    def build(self, input_shape):
        super().build(input_shape)
        self.g = self.add_weight(shape=(self.units,), initializer="ones", name="g")

    def call(self, inputs):
        return super().call(inputs) * self.g


def test_a_subclass_of_ones_own_stays_whole():
    x = keras.Input((5,))
    y = layers.Dense(8, activation="relu", name="hidden")(layers.Dense(7, name="before")(x))
    y = Scaled(6, name="own")(y)
    y = layers.Dense(8, activation="relu", name="behind")(y)
    model = keras.Model(x, layers.Dense(2)(y))
    pruned = check(model, sparsity=0.5)
    assert (width(pruned, "hidden"), width(pruned, "own")) == (8, 6)
    assert width(pruned, "before") + width(pruned, "behind") == 15 - 8  # half, rounded to even
    for now, then in zip(
        pruned.get_layer("own").get_weights(), model.get_layer("own").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(now, then)


def test_dropout_that_stays_on_passes_channels():
    x = keras.Input((5,))
    y = layers.Dense(8, activation="relu", name="hidden")(x)
    model = keras.Model(x, layers.Dense(2)(DropPath(0.1)(MonteCarloDropout(0.0)(y))))
    assert width(check(model, sparsity=0.5), "hidden") == 4


@pytest.mark.parametrize("length", [10, None])
@pytest.mark.parametrize("reader", ["average", "norm", "lstm"])
def test_masks_are_no_channels(length, reader):
    x = keras.Input((length,), dtype="int32", name="ids")
    y = layers.Embedding(20, 8, mask_zero=True, name="table")(x)
    if reader == "norm":
        y = layers.BatchNormalization(name="norm")(y)
    y = layers.LSTM(3)(y) if reader == "lstm" else layers.GlobalAveragePooling1D()(y)
    y = layers.Dense(6, activation="relu", name="hidden")(y)
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    pruned = prune_channels(model, sparsity=0.5)
    is_open = length is None  # then the table stays, like all around values of open size
    assert width(pruned, "table") + width(pruned, "hidden") == (8 + 3 if is_open else 7)
    expected = without_removed(model, pruned)
    tables = [each.get_layer("table").embeddings for each in (expected, pruned)]
    stays = np.isin(tables[0].numpy()[0], tables[1].numpy()[0])
    tables[0].assign(tables[0].numpy() * stays)
    ids = np.random.default_rng(0).integers(0, 20, (4, 10)) * (np.arange(10) < 7)
    np.testing.assert_allclose(pruned(ids), expected(ids), rtol=1e-4, atol=1e-5)
