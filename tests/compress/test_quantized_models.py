"""Models of many shapes made quantization-aware: they keep their numbers, names and outputs."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerazoo
from kerazoo.compress import FakeQuantize, calibrate, quantize_aware, strip
from kerazoo.errors import ConfigError, DataError, UnknownNameError


@pytest.fixture(autouse=True)
def _tensorflow(tensorflow_backend):
    """Fake-quant is an operation of TensorFlow's."""
    keras.utils.set_random_seed(0)


def values(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def nearly(model, x, *, part=0.05, **arguments):
    """The quantization-aware `model`, once its outputs have been found to be those of the model."""
    quantized = quantize_aware(model, **arguments)
    exact, rounded = (keras.tree.flatten(net(x, training=False)) for net in (model, quantized))
    for one, other in zip(exact, rounded, strict=True):
        one, other = (np.asarray(ops.cast(y, "float32")) for y in (one, other))
        assert np.abs(one - other).max() <= part * np.abs(one).max()
    assert quantized.output_names == model.output_names
    return quantized


# A layer may have been called before, in another model and on another shape.


def test_recurrent_layer_is_unrolled_for_the_steps_of_this_model():
    lstm = layers.LSTM(4, name="lstm")
    lstm(keras.Input((2, 2)))
    inputs = keras.Input((4, 2))
    quantized = nearly(keras.Model(inputs, lstm(inputs)), values(5, 4, 2))
    assert quantized.get_layer("lstm_layer").steps == 4


def test_recurrent_layer_called_with_two_lengths_is_left_in_float(notices):
    lstm, inputs = layers.LSTM(4, name="lstm"), keras.Input((6, 2))
    model = keras.Model(inputs, lstm(inputs) + lstm(inputs[:, :3]))
    nearly(model, values(5, 6, 2))
    assert "called with 2 numbers of steps" in notices()[-1]


@pytest.mark.slow
def test_nested_model_made_for_open_sizes_is_seen_with_those_it_is_called_with():
    inner = keras.Input((None, 2))
    inner = keras.Model(inner, layers.LSTM(4, name="lstm")(inner))
    inputs = keras.Input((6, 2))
    outputs = layers.Dense(1, name="y")(inner(inputs))
    assert nearly(keras.Model(inputs, outputs), values(5, 6, 2)).get_layer("lstm").steps == 6


def test_shared_average_of_two_and_of_three_tensors_is_left_in_float(notices):
    inputs, average = keras.Input((4,)), layers.Average(name="average")
    x, y, z = (layers.Dense(3)(inputs) for _ in range(3))
    nearly(keras.Model(inputs, average([average([x, y]), y, z])), values(5, 4))
    assert "another number of tensors" in notices()[-1]


def test_open_sizes(notices):
    inputs = keras.Input((None, 6, 6, 2))
    x = layers.Conv3D(2, 3, name="volume")(inputs)
    nearly(keras.Model(inputs, layers.GlobalAveragePooling3D()(x)), values(2, 5, 6, 6, 2))
    assert "'volume' (the size of its input is open)" in notices()[-1]


# Names and outputs


def test_layers_of_the_same_name_in_three_nested_models_are_stripped():
    first = keras.Sequential([keras.Input((6,)), layers.Dense(6, "relu", name="dense")], name="a")
    inputs = keras.Input((6,))
    second = keras.Model(inputs, first(first(inputs)), name="b")
    inputs = keras.Input((6,))
    outputs = layers.Dense(2, name="dense")(second(inputs) + inputs)
    model, x = keras.Model(inputs, outputs), values(4, 6)
    plain = strip(nearly(model, x))
    np.testing.assert_allclose(plain(x), model(x), atol=0.05)
    assert plain.get_layer("dense").units == 2


def test_layers_that_are_called_like_the_ranges():
    inputs = keras.Input((4,), name="x")
    y = layers.Dense(4, name="y_layer")(layers.Dense(4, name="x_range")(inputs))
    model = nearly(keras.Model(inputs, layers.Dense(2, name="y")(y)), values(5, 4))
    assert [layer.name for layer in strip(model).layers] == ["x", "x_range", "y_layer", "y"]


def test_inputs_and_tensors_returned_twice_are_outputs_as_they_were():
    words, inputs = keras.Input((3,), dtype="int32", name="words"), keras.Input((4,), name="x")
    embedded = layers.Flatten()(layers.Embedding(10, 2)(words))
    y = layers.Dense(2, name="y")(layers.Concatenate()([embedded, inputs]))
    model = keras.Model([words, inputs], [y, words, inputs, y])
    x = [np.arange(6).reshape(2, 3), values(2, 4)]
    outputs = calibrate(nearly(model, x), x)(x)
    np.testing.assert_array_equal(outputs[2], x[1])


def test_dict_of_outputs_and_inner_tensors():
    inputs = {"a": keras.Input((8, 8, 2), name="a"), "b": keras.Input((8, 8, 2), name="b")}
    x = layers.Conv2D(3, 3, name="conv")(layers.Concatenate()(list(inputs.values())))
    y = layers.BatchNormalization(name="norm")(x)
    model = keras.Model(inputs, {"before": x, "norm": y, "after": layers.ReLU(name="after")(y)})
    quantized = nearly(model, {name: values(3, 8, 8, 2) for name in "ab"})
    assert list(quantized.output) == ["before", "norm", "after"]


# Layers


@keras.saving.register_keras_serializable(package="test_quantized_models")
class WithoutBuild(keras.layers.Layer):
    """As many users' layers: its sublayer is built by its first call."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


def test_layers_without_a_build_of_their_own_keep_their_weights():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(WithoutBuild()(inputs)))
    nearly(model, values(5, 4), part=0.01)


def test_lambda_layers_are_refused_with_a_way_out():
    inputs = keras.Input((4,))
    model = keras.Model(
        inputs, layers.Dense(2)(layers.Lambda(lambda x: 2 * x, name="twice")(inputs))
    )
    with pytest.raises(ConfigError, match="'twice' .*keras.ops"):
        quantize_aware(model)


def test_activations_that_are_layers():
    inputs = keras.Input((8,))
    x = layers.Dense(8, activation=layers.ReLU(6), name="clipped")(inputs)
    x = layers.Dense(8, activation=layers.LeakyReLU(), name="leaky")(x)
    x = layers.Dense(8, activation=layers.ELU(), name="elu")(x)
    model = nearly(keras.Model(inputs, layers.Dense(2, name="y")(x)), values(5, 8))
    names = [layer.name for layer in model.layers if layer.name.endswith("_range")]
    assert "clipped_linear_range" not in names  # a ReLU6 is fused
    assert not [name for name in names if name.endswith("_in_float")]
    model = keras.Model(inputs, layers.Dense(8, activation=layers.PReLU(), name="own")(inputs))
    with pytest.raises(ConfigError, match="'own' has weights of its own"):
        quantize_aware(model)


def test_random_layers_do_nothing_in_a_file_and_are_not_called_float(notices):
    inputs = keras.Input((8, 8, 3))
    x = layers.RandomRotation(0.1)(layers.RandomFlip()(inputs))
    x = kerazoo.layers.DropPath(0.1)(layers.GaussianNoise(0.1)(x))
    nearly(keras.Model(inputs, layers.Conv2D(2, 3)(x)), values(3, 8, 8, 3))
    assert not notices()


def test_blocks_of_kerazoo(notices):
    inputs = keras.Input((8, 8, 4))
    x = kerazoo.layers.SpatialPyramidPooling(4, (1, 2))(inputs)
    nearly(keras.Model(inputs, kerazoo.layers.GhostModule(4)(x)), values(2, 8, 8, 4))
    assert not notices()


def test_rescaling_of_other_axes_is_left_in_float(notices):
    inputs = keras.Input((4, 4, 3))
    x = layers.Rescaling(np.arange(16.0).reshape(4, 4, 1), name="rows")(inputs)
    nearly(keras.Model(inputs, layers.Conv2D(2, 3)(x)), values(3, 4, 4, 3))
    assert "other axes" in notices()[-1]


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_other_precisions(dtype):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        inputs = keras.Input((8, 2))
        x = layers.Conv1D(3, 3, activation="relu")(layers.LayerNormalization()(inputs))
        outputs = layers.Dense(2)(layers.BatchNormalization()(layers.Dense(4)(x)))
        model = keras.Model(inputs, outputs)
    finally:
        keras.config.set_dtype_policy(before)
    assert calibrate(nearly(model, values(5, 8, 2)), values(5, 8, 2)).output.dtype == outputs.dtype


def test_masked_attention_is_stripped():
    words = keras.Input((5,), dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True)(words)
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    model = keras.Model(words, layers.GlobalAveragePooling1D()(x))
    x = np.random.default_rng(0).integers(0, 10, (6, 5))
    np.testing.assert_allclose(strip(nearly(model, x))(x), model(x), atol=0.01)


def test_ranges_of_a_frozen_model_stay_once_it_is_loaded(tmp_path):
    inputs = keras.Input((5, 4))
    x = layers.LayerNormalization()(inputs)
    x = layers.GroupNormalization(2)(layers.MultiHeadAttention(2, 4)(x, x))
    quantized = calibrate(quantize_aware(keras.Model(inputs, x)), values(8, 5, 4))
    quantized.trainable = False
    quantized.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    before = loaded.get_weights()
    loaded(3 * values(8, 5, 4), training=True)
    for weight, old in zip(loaded.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old, err_msg=weight.path)


def test_masked_steps_are_not_in_the_statistics_of_a_folded_normalization():
    words = keras.Input((5,), dtype="int32")
    x = layers.Dense(4, name="dense")(layers.Embedding(10, 4, mask_zero=True)(words))
    model = keras.Model(words, layers.BatchNormalization(momentum=0.0, name="norm")(x))
    quantized = quantize_aware(model)
    x = np.random.default_rng(0).integers(0, 3, (64, 5))
    model(x, training=True), quantized(x, training=True)
    found = quantized.get_layer("dense").normalization
    exact = model.get_layer("norm").moving_mean
    np.testing.assert_allclose(found.moving_mean, exact, atol=2e-3)


@pytest.mark.parametrize("kind", [layers.LSTM, pytest.param(layers.GRU, marks=pytest.mark.slow)])
def test_stripped_recurrent_layers_have_rounded_weights(kind):
    inputs = keras.Input((2, 2))
    quantized = quantize_aware(keras.Model(inputs, layers.Dense(1)(kind(3, name="cell")(inputs))))
    cell = strip(quantized).get_layer("cell").cell
    for name in ("kernel", "recurrent_kernel"):
        kernel = quantized.get_layer("cell").quantized_weights()[f"cell/{name}"]
        np.testing.assert_array_equal(getattr(cell, name), kernel)


def test_stripped_separable_convolutions_have_rounded_kernels_and_their_normalization():
    inputs = keras.Input((6, 6, 2))
    x = layers.SeparableConv2D(3, 3, depth_multiplier=2, name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    model.get_layer("norm").moving_variance.assign([4.0, 9.0, 0.25])
    x = values(4, 6, 6, 2)
    quantized = nearly(model, x, scheme="int8_weights")
    plain = strip(quantized)
    np.testing.assert_allclose(plain(x), quantized(x), atol=1e-6)
    assert not np.array_equal(
        plain.get_layer("conv").pointwise_kernel, model.get_layer("conv").pointwise_kernel
    )


def test_stripped_rescalings_by_channel_have_their_exact_numbers():
    adapted = layers.Normalization()
    adapted.adapt(values(16, 3) * [1.0, 2.0, 3.0])
    model = keras.Sequential(
        [keras.Input((3,)), layers.Rescaling([0.3, 2.0, 1.0]), adapted, layers.Dense(2)]
    )
    x = values(4, 3)
    plain = strip(quantize_aware(model))
    scaled = keras.Model(plain.input, plain.layers[-1].input)(x)
    np.testing.assert_allclose(scaled, adapted(x * np.float32([0.3, 2.0, 1.0])), rtol=1e-6)


# Arguments


def dense_net():
    inputs = keras.Input((4,), name="x")
    return keras.Model(inputs, layers.Dense(2, name="y")(layers.Dense(3, name="hidden")(inputs)))


@pytest.mark.parametrize("arguments", [{"scheme": {}}, {"scheme": None}, {"skip": "*"}])
def test_nothing_to_quantize(arguments):
    with pytest.raises(ConfigError, match="Nothing in 'functional"):
        quantize_aware(dense_net(), **arguments)


def test_skipped_weights_that_the_converter_rounds_are_named(notices):
    quantize_aware(dense_net(), scheme="int8_weights", skip=["hidden"])
    assert "weights of hidden in 8 bits as well" in notices()[-1]
    quantize_aware(dense_net(), skip=["y"])
    assert len(notices()) == 1


@pytest.mark.parametrize("skip", [None, 3, [1], layers.Dense])
def test_skip_that_is_no_list_of_names(skip):
    with pytest.raises(ConfigError, match="`skip` must be a list of names"):
        quantize_aware(dense_net(), skip=skip)


def test_an_input_is_no_layer_to_skip():
    with pytest.raises(UnknownNameError, match="Unknown layer 'x'"):
        quantize_aware(dense_net(), skip=["x"])


def test_schemes_that_are_none(tmp_path):
    with pytest.raises(ConfigError, match="`scheme` must map layer names"):
        quantize_aware(dense_net(), scheme={1: "int8"})
    (tmp_path / "scheme.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no YAML"):
        quantize_aware(dense_net(), scheme=tmp_path / "scheme.yaml")


def test_calibration_takes_any_model_around_and_refuses_what_is_none():
    quantized = quantize_aware(dense_net())
    around = keras.Sequential([keras.Input((4,)), quantized, layers.Softmax()])
    calibrate(around, values(8, 4))
    assert quantized.get_layer("hidden_range").is_calibrated
    with pytest.raises(ConfigError, match="`model` must be a keras.Model"):
        calibrate("mnist_cnn", values(8, 4))


@pytest.mark.parametrize(
    "data", [[None], [values(3, 4), values(3, 5)], [np.array([["a"] * 4])], np.array([["a"] * 4])]
)
def test_calibration_data_that_do_not_fit(data):
    with pytest.raises(DataError):
        calibrate(quantize_aware(dense_net()), data)


def test_other_backends_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    for refused in (lambda: quantize_aware(dense_net()), FakeQuantize):
        with pytest.raises(ConfigError, match="needs the TensorFlow backend.*'jax'"):
            refused()
