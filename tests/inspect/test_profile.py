"""`kerazoo.inspect.profile` against TensorFlow's own profiler, and against sums by hand."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from kerazoo.errors import ConfigError, DataError
from kerazoo.inspect import profile
from tools.flops_table import LARGER, flops_of_frozen, flops_with_functions, networks, traced

KL = keras.layers


def profiler_flops(model):
    return flops_of_frozen(traced(model))


def rows(found):
    return {layer.name: layer for layer in found.layers}


def test_every_layer_by_hand(cnn):
    found = profile(cnn)
    conv = 10 * 10 * 4 * (2 * 3 * 3 * 1 + 1)
    # A factor and an offset for each number; both come from four vectors of 4: sum, root (2 each),
    # two products, a difference.
    norm = 2 * 10 * 10 * 4 + 4 * (1 + 2 + 1 + 1 + 1)
    expected = {
        "conv": conv,
        "norm": norm,
        "pool": 5 * 5 * 4 * 4,
        "flat": 0,
        "head": 2 * 100 * 10 + 10,
    }
    assert {name: layer.flops for name, layer in rows(found).items()} == expected
    assert found.flops == sum(expected.values())
    assert found.flops == profiler_flops(cnn)
    assert {name: layer.activation_bytes for name, layer in rows(found).items()} == {
        "conv": 1600,
        "norm": 1600,
        "pool": 400,
        "flat": 0,  # the same memory under another shape
        "head": 40,
    }
    assert [layer.parameters for layer in found.layers] == [40, 16, 0, 0, 1010]
    assert found.parameters == cnn.count_params()
    assert found.trainable_parameters == cnn.count_params() - 8
    assert found.parameter_bytes == 4 * cnn.count_params()
    assert found.uncounted == {"Relu": 1}


def test_the_most_that_is_alive_at_once_by_hand():
    x = inputs = keras.Input((10,))  # 40 bytes
    wide = KL.Dense(100, use_bias=False)(x)  # 400, and the input: 440
    narrow = KL.Dense(20, use_bias=False)(wide)  # 80, and `wide`, which is read later: 480
    back = KL.Dense(100, use_bias=False)(narrow)  # 400, and `narrow` and `wide`: 880
    model = keras.Model(inputs, KL.Add()([wide, back]))  # 400, and its operands: 1200
    assert profile(model).peak_activation_bytes == 1200
    assert profile(model).activation_bytes == 400 + 80 + 400 + 400
    chain = keras.Sequential(
        [keras.Input((10,)), KL.Dense(100, use_bias=False), KL.ReLU(), KL.ReLU()]
    )
    assert profile(chain, batch_size=3).peak_activation_bytes == 3 * 800


def test_a_batch_costs_its_samples(cnn):
    one, many = profile(cnn), profile(cnn, batch_size=7)
    assert rows(many)["conv"].flops == 7 * rows(one)["conv"].flops
    assert many.activation_bytes == 7 * one.activation_bytes
    assert many.parameters == one.parameters
    assert rows(many)["conv"].output_shape == (7, 10, 10, 4)


def test_shared_layers_and_nested_models_count_at_each_call_and_hold_weights_once():
    backbone = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            KL.Conv2D(4, 3, name="conv"),
            KL.GlobalAveragePooling2D(name="mean"),
        ],
        name="backbone",
    )
    left, right = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    head = KL.Dense(5, name="head")
    model = keras.Model([left, right], head(backbone(left)) + head(backbone(right)), name="twin")
    found = profile(model)
    assert {name: (each.calls, each.flops) for name, each in rows(found).items()} == {
        "twin": (1, 5),  # the sum between the layers
        "backbone/conv": (2, 2 * 6 * 6 * 4 * (2 * 27 + 1)),
        "backbone/mean": (2, 2 * 6 * 6 * 4),
        "head": (2, 2 * (2 * 4 * 5 + 5)),
    }
    assert found.parameters == model.count_params()
    assert found.flops == profiler_flops(model)


def test_a_recurrent_layer_counts_every_step(recurrent):
    found = profile(recurrent)
    step = 2 * 5 * 24 + 2 * 6 * 24 + 24 + 24 + 4 * 6  # products, their sum, bias, c and h
    assert rows(found)["lstm/lstm_cell"].flops == 7 * step
    assert rows(found)["lstm/lstm_cell"].calls == 1
    unrolled = keras.Sequential(
        [keras.Input((7, 5)), KL.LSTM(6, unroll=True), KL.Dense(2)]
    )  # which TensorFlow's profiler can count
    assert found.flops == pytest.approx(profiler_flops(unrolled), rel=0.01)


def ten_products(inputs):
    """A loop that ends on its own account, and has a last turn all the same."""

    def turn(count, state):
        return count + 1, state @ keras.ops.ones((4, 4))

    start = (0, inputs)
    return keras.ops.while_loop(lambda n, _: n < 10, turn, start, maximum_iterations=10)[1]


@pytest.mark.parametrize(
    ("call", "flops"),
    [
        (ten_products, 10 * (2 * 8 * 4 * 4)),
        (tf.function(ten_products), 10 * (2 * 8 * 4 * 4)),
        (lambda inputs: keras.ops.map(lambda row: row * 2.0, inputs), 8 * 4),
    ],
    ids=["while_loop", "in a function", "map"],
)
def test_a_loop_in_a_layer_counts_every_turn(call, flops):
    found = profile(keras.Sequential([keras.Input((4,)), KL.Lambda(call)]), batch_size=8)
    assert found.flops == flops
    assert found.uncounted == {}
    if call is ten_products:
        numbers = 8 * 4 * 4
        state, turn = numbers + 3 * 4, numbers + 2 * 4  # two counts and a limit; two new counts
        assert found.peak_activation_bytes == numbers + state + turn


class Block(keras.Layer):
    """Has a layer inside, and makes 1000 numbers of one on the way."""

    def build(self, shape):
        self.inner = KL.Dense(1, name="inner")
        self.inner.build(shape)

    def call(self, inputs):
        wide = self.inner(inputs) * tf.ones((1, 1000))
        return tf.reduce_sum(tf.square(wide), -1, keepdims=True)


class FunctionBlock(Block):
    """Keras traces the function as it builds the layer, for any batch."""

    call = tf.function(Block.call)


def test_a_layer_in_a_function_costs_what_it_costs_outside():
    def build(block):
        x = keras.Input((4,))
        return keras.Model(x, block(block(x) + tf.zeros((4,))), name="twice")

    plain, inside = (
        profile(build(kind(name="block")), batch_size=8) for kind in (Block, FunctionBlock)
    )
    assert inside.flops == plain.flops == 2 * 8 * (2 * 4 + 1 + 3 * 1000 - 1) + 8 * 4
    assert inside.uncounted == {}
    figures = [
        {each.name: (each.calls, each.flops, each.parameters) for each in found.layers}
        for found in (plain, inside)
    ]
    assert figures[0] == figures[1]
    assert rows(inside)["block"].output_shape == (8, 1)
    assert rows(inside)["block"].activation_bytes == 2 * 8 * 4
    # The caller holds a function's argument until it returns.
    assert inside.peak_activation_bytes == plain.peak_activation_bytes + 8 * 4 * 4


def test_a_saved_model_costs_what_it_cost_before(cnn, tmp_path):
    cnn.export(tmp_path / "cnn", verbose=False)
    hub = kerazoo.hub.HubLayer(tmp_path / "cnn", name="hub")
    found = profile(keras.Sequential([keras.Input((12, 12, 1)), hub, KL.Dense(3)]), batch_size=8)
    assert rows(found)["hub"].flops == profile(cnn, batch_size=8).flops
    assert rows(found)["hub"].output_shape == (8, 10)
    assert rows(found)["hub"].activation_bytes == 8 * 10 * 4
    assert found.uncounted == {"Relu": 1}


class Checked(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, 4))])
    def __call__(self, inputs):
        with tf.control_dependencies([tf.debugging.assert_less(inputs, 10.0)]):
            return inputs @ tf.ones((4, 2))


def test_a_saved_model_may_name_what_waits_before_what_it_waits_for(tmp_path):
    tf.saved_model.save(Checked(), tmp_path / "checked")
    hub = kerazoo.hub.HubLayer(tmp_path / "checked")
    found = profile(keras.Sequential([keras.Input((4,)), hub]), batch_size=8)
    assert found.flops == 8 * 4 + 2 * 8 * 4 * 2  # comparisons, products


def test_attention_counts_the_products_that_the_profiler_does_not_see():
    x = keras.Input((6, 8))
    model = keras.Model(x, KL.MultiHeadAttention(2, 4, flash_attention=False)(x, x))
    products = 2 * (2 * 2 * 6 * 6 * 4)  # queries with keys, weights with values; two heads
    assert profile(model).flops == profiler_flops(model) + products


@pytest.mark.parametrize(
    "layer",
    [
        KL.Conv2DTranspose(3, 3, strides=2, padding="same"),
        KL.SeparableConv2D(5, 3),
        KL.DepthwiseConv2D(3, depth_multiplier=2),
        KL.Conv2D(6, 3, dilation_rate=2),
        KL.AveragePooling2D(2),
        KL.LayerNormalization(),
        KL.Softmax(),
        KL.Dense(3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_one_layer_as_the_profiler_counts_it(layer):
    model = keras.Sequential([keras.Input((8, 8, 4)), layer])
    assert profile(model).flops == profiler_flops(model)


def test_grouped_and_three_dimensional_convolutions_by_hand():
    grouped = keras.Sequential(
        [keras.Input((8, 8, 4)), KL.Conv2D(8, 3, groups=4), KL.Conv2D(6, 3, groups=2)]
    )
    # Keras puts them into functions, which have the same name in TensorFlow.
    assert [(layer.calls, layer.flops) for layer in profile(grouped).layers] == [
        (1, 6 * 6 * 8 * (2 * 9 + 1)),
        (1, 4 * 4 * 6 * (2 * 9 * 4 + 1)),
    ]
    cube = keras.Input((4, 4, 4, 2))
    there = keras.Model(cube, KL.Conv3D(5, 2, use_bias=False)(cube))
    assert profile(there).flops == 2 * 27 * 5 * 8 * 2
    back = keras.Model(cube, KL.Conv3DTranspose(5, 2, use_bias=False)(cube))
    assert profile(back).flops == 2 * 64 * 2 * 8 * 5


def test_half_precision_halves_the_memory():
    def build(policy):
        return keras.Sequential([keras.Input((4,), dtype="float32"), KL.Dense(8, dtype=policy)])

    half, full = profile(build("mixed_float16")), profile(build("float32"))
    assert half.activation_bytes == full.activation_bytes / 2
    assert half.peak_activation_bytes == full.peak_activation_bytes / 2  # without cast weights
    assert half.parameter_bytes == full.parameter_bytes
    assert half.flops == full.flops


class OwnCall(keras.Model):
    def __init__(self):
        super().__init__(name="own")
        self.steps = [KL.Dense(4, name="first"), KL.Dense(2, name="second")]

    def call(self, inputs):
        for step in self.steps:
            inputs = step(inputs)
        return inputs


def test_subclassed_models_and_open_sizes_are_told_their_inputs():
    found = profile(OwnCall(), inputs=np.zeros((1, 6), "float32"), batch_size=2)
    assert {name: each.flops for name, each in rows(found).items()} == {
        "first": 2 * (2 * 6 * 4 + 4),
        "second": 2 * (2 * 4 * 2 + 2),
    }
    words = keras.Input((None,), dtype="int32")
    model = keras.Model(words, KL.Dense(3)(KL.Embedding(10, 4)(words)), name="words")
    with pytest.raises(ConfigError, match="'words' takes .*None, None.*Give `inputs`"):
        profile(model)
    found = profile(model, inputs=tf.TensorSpec((None, 9), "int32"))
    assert found.flops == 9 * (2 * 4 * 3 + 3)


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (lambda x: x, {}, ConfigError, "must be a keras.Model"),
        (OwnCall(), {}, ConfigError, "'own' has no inputs of its own"),
        (OwnCall(), {"inputs": 3.0}, DataError, "first axis for the batch"),
        (OwnCall(), {"inputs": np.zeros(6), "batch_size": 0}, ConfigError, "integer of 1 or above"),
        (OwnCall(), {"inputs": np.zeros((1, 6), "S1")}, DataError, "'own' cannot be traced"),
    ],
)
def test_what_cannot_be_profiled_is_one_line(model, options, error, message):
    with pytest.raises(error, match=message) as raised:
        profile(model, **options)
    assert "\n" not in str(raised.value)


def test_it_prints_a_table_and_goes_into_json(cnn):
    found = profile(cnn)
    text = str(found)
    assert "digits, batch of 1" in text
    assert f"{found.flops:,}" in text
    assert "without FLOPs: Relu x1" in text
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["flops"] == found.flops
    assert [layer["name"] for layer in plain["layers"]] == list(rows(found))


def test_a_small_network_as_the_profiler_counts_it():
    """Depthwise convolutions, squeeze-and-excitation, residuals; the slow test has all networks."""
    model = keras.applications.MobileNetV3Small(weights=None, input_shape=(32, 32, 3))
    assert profile(model).flops == pytest.approx(profiler_flops(model), rel=0.01)


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.parametrize("name", networks())
def test_every_network_as_the_profiler_counts_it(name):
    """Functions are looked into: ConvNeXt's depthwise convolutions are in some."""
    side = LARGER.get(name, 32)
    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
    found = profile(model)
    assert found.flops == pytest.approx(flops_with_functions(traced(model).graph), rel=0.01)
    assert found.parameters == model.count_params()
