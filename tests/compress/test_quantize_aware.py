"""What quantize_aware builds: where ranges stand, what it computes, and that it stays whole."""

import keras
import numpy as np
import pytest
from keras import layers

import kerazoo
from kerazoo.compress import FakeQuantize, calibrate, quantize_aware, strip
from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.errors import ConfigError, DataError, ExportError, UnknownNameError


@pytest.fixture(autouse=True)
def _tensorflow(tensorflow_backend):
    """Fake-quant is an operation of TensorFlow's."""
    keras.utils.set_random_seed(0)


def randomized(model):
    """`model` with batch normalization that does something: negative factors, offsets, ..."""
    rng = np.random.default_rng(1)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            size = layer.gamma.shape
            layer.gamma.assign(rng.uniform(0.3, 1.7, size) * rng.choice([-1, 1], size))
            layer.beta.assign(rng.normal(0, 0.5, size))
            layer.moving_mean.assign(rng.normal(0, 0.5, size))
            layer.moving_variance.assign(rng.uniform(0.3, 2, size))
    return model


def small_net():
    """Scaling, conv-BN-ReLU6, own activations, residual add, pooling, concat, dense."""
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-1, name="scale")(inputs)
    x = layers.Conv2D(6, 3, use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(6, name="relu6")(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
    x = layers.ReLU(name="relu")(layers.Add(name="add")([x, y]))
    x = layers.Concatenate(name="join")([layers.MaxPooling2D(2, 1, "same", name="pool")(x), y])
    x = layers.Dense(5, name="logits")(layers.Flatten(name="flat")(x))
    return randomized(keras.Model(inputs, x, name="net"))


def images(count=32, shape=(8, 8, 3)):
    return np.random.default_rng(2).integers(0, 256, (count, *shape)).astype("float32")


def ranges(model):
    return {layer.name: layer.members for layer in model.layers if isinstance(layer, FakeQuantize)}


def test_where_ranges_stand():
    model = quantize_aware(small_net())
    # The Concatenate joins what comes out of `pool` (the ReLU's) and of `depthwise`.
    assert ranges(model) == {
        "image_range": 1,
        "scale_range": 1,
        "relu6_range": 1,
        "depthwise_range": 2,
        "logits_range": 1,
    }
    assert model.get_layer("conv").normalization.name == "norm"
    assert "norm" not in [layer.name for layer in model.layers]
    assert model.output_names == ["logits"]


def test_original_stays_as_it_is():
    original = small_net()
    before = [weight.numpy() for weight in original.weights]
    model = quantize_aware(original)
    model.compile("sgd", "mse", run_eagerly=True)
    model.train_on_batch(images(), np.ones((32, 5)))
    for weight, value in zip(original.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert not {id(w) for w in original.weights} & {id(w) for w in model.weights}


def test_stays_near_the_float_model():
    original, x = small_net(), images()
    model = calibrate(quantize_aware(original), x)
    error = np.abs(model(x) - original(x))
    assert 0 < error.max() < 0.03 * np.abs(original(x)).max()


def test_frozen_normalization_gives_in_training_what_inference_gives():
    model, x = calibrate(quantize_aware(small_net()), images()), images()
    for layer in model._flatten_layers():
        layer.trainable = False  # ranges and statistics stand still
    np.testing.assert_allclose(model(x, training=True), model(x, training=False), atol=1e-5)


def test_folded_kernel_commutes_with_the_normalization():
    conv = calibrate(quantize_aware(small_net()), images()).get_layer("conv")
    x = np.random.default_rng(3).normal(size=(4, 8, 8, 3)).astype("float32")
    kernel = conv.plain_weights()["kernel"]
    apart = conv.normalization(keras.ops.conv(x, kernel), training=False)
    np.testing.assert_allclose(conv(x, training=False), apart, atol=1e-5)


def test_kernel_has_the_integers_of_its_channel():
    conv = quantize_aware(small_net()).get_layer("conv")
    kernel = np.asarray(conv.quantized_weights()["kernel"])
    scale = np.asarray(
        conv.normalization.gamma / np.sqrt(conv.normalization.moving_variance + 1e-3)
    )
    folded = np.asarray(conv.layer.kernel) * scale
    step = np.abs(folded).max((0, 1, 2)) / 127
    np.testing.assert_allclose(kernel, np.round(folded / step) * step, atol=1e-6)


def test_trains_saves_loads_and_strips(tmp_path):
    model, x = quantize_aware(small_net()), images()
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    model.fit(x, np.tile(np.eye(5), (7, 1))[:32], epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(again(x), model(x))
    plain = strip(again)
    assert [layer.name for layer in plain.layers] == [layer.name for layer in small_net().layers]
    kinds = (FakeQuantize, QuantizedLayer)
    assert not [layer for layer in plain._flatten_layers() if isinstance(layer, kinds)]
    kernel = model.get_layer("conv").plain_weights()["kernel"]
    np.testing.assert_allclose(plain.get_layer("conv").kernel, kernel, atol=1e-6)
    assert np.abs(plain(x) - model(x)).max() < 0.05 * np.abs(model(x)).max()


def test_shared_layers_stay_shared_and_normalizations_are_not_lost():
    inputs = keras.Input((6, 6, 3), name="x")
    conv = layers.Conv2D(4, 3, name="conv")
    y = conv(inputs)
    y = layers.Add(name="add")([layers.BatchNormalization(name=f"bn{i}")(y) for i in (1, 2)])
    original = randomized(keras.Model(inputs, y))
    x = images(shape=(6, 6, 3)) / 255
    model = calibrate(quantize_aware(original), x)
    names = [layer.name for layer in model.layers]
    assert {"conv", "bn1", "bn2"} <= set(names)
    assert names.count("conv") == 1
    assert np.abs(model(x) - original(x)).max() < 0.05 * np.abs(original(x)).max()


def test_convolution_called_twice_keeps_both_normalizations():
    inputs = keras.Input((6, 6, 3), name="x")
    conv = layers.Conv2D(3, 3, padding="same", name="conv")
    once = layers.BatchNormalization(name="bn1")(conv(inputs))
    twice = layers.BatchNormalization(name="bn2")(conv(layers.Conv2D(3, 1, name="between")(inputs)))
    original = randomized(keras.Model(inputs, layers.Add(name="add")([once, twice])))
    x = images(shape=(6, 6, 3)) / 255
    model = calibrate(quantize_aware(original), x)
    assert model.get_layer("conv").normalization is None
    assert np.abs(model(x) - original(x)).max() < 0.05 * np.abs(original(x)).max()


def test_nested_models_several_inputs_and_outputs():
    inner = keras.Sequential(
        [keras.Input((6,)), layers.Dense(4, "relu", name="hidden")], name="inner"
    )
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    outputs = {"sum": layers.Add()([inner(a), inner(b)]), "one": layers.Dense(2, name="one")(a)}
    original = keras.Model({"a": a, "b": b}, outputs)
    model = quantize_aware(original)
    x = dict(zip("ab", np.random.default_rng(0).normal(size=(2, 40, 6)), strict=True))
    calibrate(model, x)
    got, want = model(x), original(x)
    assert got.keys() == want.keys() == {"sum", "one"}
    for name in got:
        assert np.abs(got[name] - want[name]).max() < 0.05 * np.abs(want[name]).max()
    assert sum(layer.name == "hidden" for layer in model.layers) == 1
    assert {"hidden_range", "hidden_1_range"} <= set(ranges(model))


def test_sigmoid_and_softmax_have_fixed_ranges_unless_joined_with_others():
    inputs = keras.Input((6,), name="x")
    gate = layers.Dense(6, activation="sigmoid", name="gate")(inputs)
    joined = layers.Concatenate()([inputs, layers.Activation("sigmoid", name="other")(inputs)])
    x = layers.Concatenate()([layers.Multiply(name="gated")([inputs, gate]), joined])
    model = quantize_aware(keras.Model(inputs, layers.Dense(3, "softmax", name="scores")(x)))
    fixed = {q.name: q.fixed_range for q in model.layers if isinstance(q, FakeQuantize)}
    assert fixed["gate_range"] == fixed["scores_range"] == (0.0, 255 / 256)
    assert fixed["x_range"] is None
    assert ranges(model)["x_range"] == 3


def test_skip_schemes_and_patterns():
    model = quantize_aware(
        small_net(), scheme={"*": "int8", "depth*": "int4_weights"}, skip=["logits"]
    )
    assert model.get_layer("depthwise").bits == 4
    assert model.get_layer("conv").bits == 8
    assert type(model.get_layer("logits")) is layers.Dense
    with pytest.raises(UnknownNameError, match="'logits'"):
        quantize_aware(small_net(), skip=["logit"])
    weights_only = quantize_aware(small_net(), scheme="int8_weights")
    assert not ranges(weights_only)
    assert weights_only.get_layer("conv").normalization is not None


def test_what_stays_in_float_is_named(caplog):
    inputs = keras.Input((4, 6), name="x")
    x = layers.LayerNormalization(axis=1, name="odd")(layers.Dense(3, name="first")(inputs))
    quantize_aware(keras.Model(inputs, layers.Dense(2, name="last")(x), name="with_float"))
    assert "Left in float in 'with_float': 'odd' (" in caplog.text


def test_models_that_cannot_be_quantized():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ConfigError, match="keras.Model"):
        quantize_aware(Own())
    with pytest.raises(ConfigError, match="quantized already"):
        quantize_aware(quantize_aware(small_net()))
    with pytest.raises(ConfigError, match="16 bits"):
        quantize_aware(small_net(), scheme={"*": "int8", "conv": "int16x8"})


def test_calibration_data_and_models_that_do_not_fit():
    with pytest.raises(ConfigError, match="no ranges"):
        calibrate(small_net(), images())
    with pytest.raises(DataError, match="'image'"):
        calibrate(quantize_aware(small_net()), np.zeros((4, 7, 7, 3)))


@pytest.mark.slow
def test_mixed_precision_trains_and_is_raised_to_float32():
    from kerazoo.exporters.precision import in_float32

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        original = small_net()
    finally:
        keras.config.set_dtype_policy("float32")
    model, x = quantize_aware(original), images()
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    model.fit(x, np.ones((32, 5)), verbose=0)
    assert model.get_layer("conv").layer.kernel.dtype == "float32"
    raised = in_float32(model)
    assert {layer.compute_dtype for layer in raised._flatten_layers()} == {"float32"}
    lowered = np.asarray(model(x), "float32")
    assert np.abs(raised(x) - lowered).max() < 0.05 * np.abs(raised(x)).max()


def test_uncalibrated_ranges_and_other_modes_are_refused(tmp_path):
    model = quantize_aware(small_net())
    with pytest.raises(ExportError, match="'image_range'"):
        kerazoo.export(model, tmp_path / "x.tflite")
    calibrate(model, images())
    with pytest.raises(ExportError, match="carries its quantization"):
        kerazoo.export(model, tmp_path / "x.tflite", quantize="float16")
    with pytest.raises(ExportError, match="quantize_aware"):
        kerazoo.export(small_net(), tmp_path / "x.tflite", quantize="int4_weights")


STORED = {"int8": "INT8", "int4_weights": "INT4", "int16x8": "INT8"}


@pytest.mark.parametrize(
    ("scheme", "quantize"),
    [
        ("int4_weights", None),
        pytest.param("int8", None, marks=pytest.mark.slow),
        pytest.param("int8", "int8_io", marks=pytest.mark.slow),
        pytest.param("int16x8", None, marks=pytest.mark.slow),
    ],
)
def test_files(tmp_path, scheme, quantize):
    from ai_edge_litert import schema_py_generated as schema

    from kerazoo.exporters.flatbuffer import unpack

    model, x = calibrate(quantize_aware(small_net(), scheme=scheme), images()), images()
    path = tmp_path / "model.tflite"
    report = kerazoo.export(model, path, quantize=quantize, calibration=x, labels=list("abcde"))
    assert report.quantize == (quantize or scheme)
    file = kerazoo.load_tflite(path)
    assert file.labels == list("abcde")
    assert file.signature.outputs[0].name == "logits"
    want = np.asarray(model(x))
    low, high = map(float, model.get_layer("logits_range").range())
    step = (high - low) / (65534 if scheme == "int16x8" else 255)
    difference = np.abs(file(x) - want) / step
    assert want.std(0).min() > 5 * step, "the outputs are all but constant"
    if scheme != "int16x8":  # which has no concatenation
        assert report.integer_only
        assert np.mean(difference <= 1.01) >= 0.99
        assert difference.max() <= 3.01
    assert np.abs(file(x) - want).max() < 0.01 * np.abs(want).max()
    graph = unpack(path.read_bytes()).subgraphs[0]
    kinds = {value: name for name, value in vars(schema.TensorType).items() if name[0] != "_"}
    stored = [kinds[t.type] for t in graph.tensors if list(t.shape) == [6, 3, 3, 3]]
    assert stored == [STORED[scheme]]


@pytest.mark.slow
def test_weights_alone_are_stored_in_8_bits(tmp_path):
    inputs = keras.Input((8, 8, 3), name="x")
    x = layers.Conv2D(64, 3, activation="relu", name="conv")(inputs)
    x = layers.Dense(5, name="logits")(layers.Flatten()(x))
    model = quantize_aware(keras.Model(inputs, x), scheme="int8_weights")
    x = np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype("float32")
    report = kerazoo.export(model, tmp_path / "model.tflite", calibration=x)
    floats = sum(weight.shape.num_elements() * 4 for weight in model.weights)
    assert report.quantize == "int8_weights"
    assert report.size_bytes < 0.4 * floats
    assert report.relative_error < 0.02


def test_a_normalization_at_the_end_comes_back():
    """It is folded into the layer before it, and the output has its name all the same."""
    net = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(4, 3, use_bias=False),
            keras.layers.BatchNormalization(name="norm"),
        ]
    )
    plain = strip(quantize_aware(net, scheme="int8_weights"))
    assert [type(layer) for layer in plain.layers[1:]] == [
        keras.layers.Conv2D,
        keras.layers.BatchNormalization,
    ]
    assert plain.layers[-1].name == "norm"
