"""What every layer must do, whatever it computes: a row of `CASES` is all that a new one needs.

Runs on TensorFlow, JAX and PyTorch (KERAS_BACKEND). What a layer computes is checked against its
formula in a file of its own.
"""

import inspect
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

import kerazoo.layers


class Case(NamedTuple):
    """A layer to test: its name, arguments, the shape of a sample, and what more `call` takes."""

    layer: str
    arguments: Mapping[str, Any]
    shape: tuple[int, ...]
    call: Mapping[str, Any] = MappingProxyType({})
    draws_at_inference: bool = False  # outputs differ from call to call by design
    is_composite: bool = False  # `layer.call` on a keras.Input is a graph of Keras layers


# Each argument of a layer is away from its default in one of its rows; a test below counts.
CASES = [
    Case("DropPath", {"rate": 0.4, "seed": 7}, (4, 6)),
    Case("LayerScale", {"initial_value": 0.3}, (4, 6)),
    Case(
        "SqueezeExcite",
        {
            "ratio": 0.25,
            "bottleneck_filters": 3,
            "activation": "silu",
            "gate_activation": "hard_sigmoid",
            "kernel_initializer": "he_uniform",
        },
        (5, 4, 8),
        is_composite=True,
    ),
    Case(
        "EfficientChannelAttention",
        {"kernel_size": 5, "gamma": 1.0, "b": 2.0, "gate_activation": "hard_sigmoid"},
        (5, 4, 8),
        is_composite=True,
    ),
    Case(
        "ConvNormAct",
        {
            "filters": 6,
            "kernel_size": (3, 2),
            "strides": 2,
            "padding": "valid",
            "groups": 2,
            "activation": "gelu",
            "momentum": 0.9,
            "epsilon": 1e-2,
            "kernel_initializer": "glorot_uniform",
        },
        (7, 8, 4),
        is_composite=True,
    ),
    Case(
        "ConvNormAct",
        {"filters": None, "dilation_rate": 2, "activation": None},
        (7, 8, 4),
        is_composite=True,
    ),
    Case(
        "InvertedResidual",
        {
            "filters": 4,
            "kernel_size": 5,
            "expand_ratio": 3,
            "se_ratio": 0.5,
            "activation": "silu",
            "se_activation": "gelu",
            "se_gate_activation": "hard_sigmoid",
            "drop_path_rate": 0.3,
            "momentum": 0.9,
            "epsilon": 1e-2,
            "kernel_initializer": "glorot_uniform",
            "seed": 5,
        },
        (6, 5, 4),
        is_composite=True,
    ),
    Case(
        "InvertedResidual",
        {"filters": 6, "strides": 2, "expand_ratio": 1},
        (6, 5, 4),
        is_composite=True,
    ),
    Case(
        "ReparameterizableConv2D",
        {
            "filters": 6,
            "kernel_size": (5, 3),
            "strides": 2,
            "groups": 2,
            "branches": 2,
            "activation": "gelu",
            "momentum": 0.9,
            "epsilon": 1e-2,
            "kernel_initializer": "glorot_uniform",
        },
        (8, 7, 4),
        is_composite=True,
    ),
    Case(
        "ReparameterizableConv2D", {"filters": 4, "padding": "valid"}, (6, 5, 4), is_composite=True
    ),
    Case(
        "GhostModule",
        {
            "filters": 6,
            "kernel_size": 3,
            "strides": 2,
            "ratio": 3,
            "ghost_kernel_size": 5,
            "activation": "silu",
            "momentum": 0.9,
            "epsilon": 1e-2,
            "kernel_initializer": "glorot_uniform",
        },
        (6, 5, 4),
        is_composite=True,
    ),
    Case(
        "PatchEmbedding",
        {"units": 6, "patch_size": (4, 2), "class_token": False, "learned_positions": False},
        (8, 6, 3),
    ),
    Case("PatchEmbedding", {"units": 6, "patch_size": 4}, (8, 12, 3)),
    Case("SinusoidalPositions", {"base": 50.0}, (5, 6), {"offset": 3}),
    Case("RotaryEmbedding", {"base": 50.0, "pairing": "half"}, (5, 2, 6), {"offset": 3}),
    Case("AttentionPooling", {"num_heads": 2, "key_dim": 3}, (5, 6)),
    Case("GeneralizedMeanPooling", {"p": 2.0, "epsilon": 1e-3}, (5, 4, 3)),
    Case(
        "SpatialPyramidPooling",
        {
            "filters": 4,
            "dilation_rates": (1, 3),
            "separable": True,
            "activation": "gelu",
            "momentum": 0.9,
            "epsilon": 1e-2,
            "kernel_initializer": "glorot_uniform",
        },
        (6, 5, 3),
    ),
    Case(
        "TemporalConvBlock",
        {
            "filters": 4,
            "kernel_size": 2,
            "dilation_rate": 3,
            "dropout": 0.3,
            "activation": "gelu",
            "seed": 5,
        },
        (7, 3),
        is_composite=True,
    ),
    Case(
        "CosineClassifier",
        {
            "units": 4,
            "scale": 8.0,
            "margin": 0.3,
            "margin_type": "cosface",
            "kernel_initializer": "he_normal",
        },
        (6,),
        {"labels": np.array([0, 1, 2], "int32")},  # of use in training, with its batches of 3
    ),
    Case(
        "MonteCarloDropout",
        {"rate": 0.4, "noise_shape": (None, 1, 6), "seed": 7},
        (4, 6),
        draws_at_inference=True,
    ),
    Case("GradientReversal", {"strength": 0.3}, (4, 6)),
    Case(
        "LogMelSpectrogram",
        {
            "rate": 4000,
            "frame_length": 100,
            "frame_step": 50,
            "bands": 8,
            "lowest": 30.0,
            "highest": 1900.0,
            "floor": 1e-4,
        },
        (320,),
    ),
    Case(
        "SpecAugment",
        {"time_masks": 1, "time_width": 3, "band_masks": 1, "band_width": 2, "seed": 7},
        (9, 6),
    ),
    Case("DecodeBoxes", {"grid": [2, 3], "stride": 4}, (6, 7)),
    Case(
        "NonMaximumSuppression",
        {"max_detections": 3, "candidates": 5, "overlap": 0.3, "least_score": 0.1},
        (7, 6),
    ),
    Case(
        "CachedAttention",
        {"num_heads": 2, "key_dim": 3, "dropout": 0.2, "is_causal": True, "seed": 5},
        (5, 6),
    ),
    Case(
        "TransformerBlock",
        {
            "num_heads": 2,
            "hidden_units": 5,
            "dropout": 0.2,
            "is_causal": True,
            "has_context": True,
            "activation": "gelu",
            "seed": 5,
        },
        (5, 6),
        {
            "context": np.ones((1, 4, 6), "float32"),
            "context_mask": np.array([[True, True, False, True]]),
        },
    ),
    # Rows of further layers go here.
]
# The others hand them to layers of Keras, of which the convolutions refuse them, or pass them on.
TAKE_INTEGERS = {
    "AttentionPooling",
    "CosineClassifier",
    "DecodeBoxes",
    "DropPath",
    "GeneralizedMeanPooling",
    "LayerScale",
    "NonMaximumSuppression",
    "RotaryEmbedding",
    "SinusoidalPositions",
}
DRAW_FOR_EACH_SAMPLE = {"DropPath", "MonteCarloDropout", "SpecAugment"}
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.layer)
every_repeatable_case = pytest.mark.parametrize(
    "case", [case for case in CASES if not case.draws_at_inference], ids=lambda case: case.layer
)


def make(case, **arguments):
    return getattr(kerazoo.layers, case.layer)(**case.arguments, **arguments)


def samples(case, count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *case.shape)).astype("float32")


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def scatter_weights(layer):
    """Move every weight off its start, where scales of 1 and shifts of 0 hide mistakes."""
    rng = np.random.default_rng(3)
    for weight in layer.weights:
        weight.assign(array(weight) + rng.uniform(0.1, 0.5, weight.shape))


@pytest.fixture(scope="module")
def models():
    """`models(case)`: the model of a case, built once; for tests that leave it as it is."""
    built = {}

    def once(case):
        if id(case) not in built:
            built[id(case)] = model_of(case)
        return built[id(case)]

    return once


def model_of(case, **arguments):
    """A functional model of the layer alone, open batch, weights scattered."""
    inputs = keras.Input(case.shape)
    model = keras.Model(inputs, make(case, **arguments)(inputs, **case.call))
    scatter_weights(model)
    return model


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def test_every_public_layer_has_a_case():
    assert {case.layer for case in CASES} == set(kerazoo.layers.__all__)


@pytest.mark.parametrize("layer", kerazoo.layers.__all__)
def test_no_argument_stays_at_its_default(layer):
    parameters = inspect.signature(getattr(kerazoo.layers, layer).__init__).parameters
    for name in parameters.keys() - {"self", "kwargs"}:
        rows = [case.arguments for case in CASES if case.layer == layer]
        assert any(
            row.get(name, parameters[name].default) != parameters[name].default for row in rows
        ), name


@every_case
def test_config_comes_back_through_json(case):
    config = make(case, name="layer").get_config()
    text = json.dumps(config)
    again = getattr(kerazoo.layers, case.layer).from_config(json.loads(text)).get_config()
    assert json.loads(json.dumps(again)) == json.loads(text)
    assert set(case.arguments) <= set(config)


@every_repeatable_case
def test_a_saved_model_gives_equal_outputs(case, models, tmp_path):
    model = models(case)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    inputs = samples(case, 3)
    np.testing.assert_array_equal(array(loaded(inputs)), array(model(inputs)))


@every_case
def test_shapes_are_those_promised(case, models):
    model = models(case)
    promised = tuple(make(case).compute_output_shape((None, *case.shape)))  # before it is built
    assert tuple(model.output.shape) == promised
    for batch in (1, 3):
        outputs = model(samples(case, batch))
        assert tuple(outputs.shape) == (batch, *promised[1:])
        assert tuple(make(case).compute_output_shape((batch, *case.shape))) == (
            batch,
            *promised[1:],
        )


@every_repeatable_case
def test_samples_do_not_depend_on_their_batch(case, models):
    model = models(case)
    inputs = samples(case, 3)
    alone = [array(model(inputs[row : row + 1])) for row in range(3)]
    np.testing.assert_allclose(array(model(inputs)), np.concatenate(alone), atol=1e-5, rtol=1e-5)


@every_repeatable_case
@pytest.mark.parametrize(
    ("policy", "tolerance"), [("mixed_float16", 5e-3), ("mixed_bfloat16", 4e-2)]
)
def test_mixed_precision_comes_near_float32(case, models, policy, tolerance):
    exact = models(case)
    mixed = model_of(case, dtype=policy)
    mixed.set_weights(exact.get_weights())
    inputs = samples(case, 3)
    expected, outputs = array(exact(inputs)), mixed(inputs)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    assert mixed.output.dtype == policy.removeprefix("mixed_")
    assert {weight.dtype for weight in mixed.weights} <= {"float32"}
    error = array(keras.ops.cast(outputs, "float32")) - expected
    assert np.linalg.norm(error) <= tolerance * np.linalg.norm(expected)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.layer in TAKE_INTEGERS], ids=lambda case: case.layer
)
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_integers_give_what_their_floats_give(case, models, dtype):
    layer = models(case).layers[-1]
    inputs = np.random.default_rng(0).integers(0, 5, (3, *case.shape)).astype(dtype)
    outputs = layer(inputs, **case.call)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    expected = array(layer(inputs.astype("float32"), **case.call))
    np.testing.assert_allclose(array(outputs), expected, atol=1e-6, rtol=1e-6)


@every_case
def test_sublayers_have_the_policy_of_the_layer(case):
    layer = make(case, dtype="mixed_bfloat16")
    layer.build((None, *case.shape))
    assert {part.dtype_policy.name for part in layer._flatten_layers()} == {"mixed_bfloat16"}


@every_case
def test_a_step_of_training_reaches_every_weight(case):
    model = model_of(case)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = [array(weight) for weight in model.trainable_weights]
    targets = np.random.default_rng(1).normal(size=(3, *model.output.shape[1:]))
    if case.layer in DRAW_FOR_EACH_SAMPLE:  # whose number is open in `fit`
        model.fit(samples(case, 3), targets, verbose=0)
    else:  # a third quicker to trace
        model.train_on_batch(samples(case, 3), targets)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.isfinite(array(weight)).all(), weight.path
        # A bias of the keys adds the same to all scores of a query: the softmax takes it away.
        assert (array(weight) != old).any() or weight.path.endswith("key/bias"), weight.path


@every_repeatable_case
def test_inference_repeats_itself_compiled_or_not(case, models):
    model = models(case)
    inputs = samples(case, 3)
    once, twice = (array(model(inputs, training=False)) for _ in range(2))
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_allclose(model.predict(inputs, verbose=0), once, atol=1e-5, rtol=1e-5)


@every_case
def test_a_frozen_layer_is_frozen_all_through(case, tmp_path):
    """Keras hands on `trainable` where it is set, not what comes by a constructor."""
    frozen = model_of(case, trainable=False)
    frozen.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for model in (frozen, keras.models.clone_model(frozen), loaded):
        before = model.get_weights()
        model(samples(case, 3), training=True)
        for weight, old in zip(model.weights, before, strict=True):
            np.testing.assert_array_equal(array(weight), old, err_msg=weight.path)
        assert model.trainable_weights == []
        layer = model.layers[-1]
        layer.trainable = True
        assert all(part.trainable for part in layer._flatten_layers())


@every_case
def test_build_makes_all_weights(case):
    layer = make(case)
    layer.build((None, *case.shape))
    built = [id(variable) for variable in layer.variables]
    mode = {"training": True} if "training" in inspect.signature(layer.call).parameters else {}
    layer(samples(case, 3), **mode, **case.call)
    assert [id(variable) for variable in layer.variables] == built


@every_repeatable_case
def test_one_layer_serves_two_inputs(case):
    layer = make(case)
    first, second = keras.Input(case.shape), keras.Input(case.shape)
    model = keras.Model([first, second], [layer(first, **case.call), layer(second, **case.call)])
    scatter_weights(model)
    assert len(model.weights) == len(layer.weights)
    left, right = samples(case, 3), samples(case, 3, seed=1)
    for outputs, inputs in zip(model([left, right]), (left, right), strict=True):
        expected = layer(inputs, **case.call)
        np.testing.assert_allclose(array(outputs), array(expected), atol=1e-6, rtol=1e-6)


@every_repeatable_case
def test_the_image_data_format_of_keras_changes_nothing(case, models):
    expected = models(case)
    keras.config.set_image_data_format("channels_first")
    try:
        model = model_of(case)
    finally:
        keras.config.set_image_data_format("channels_last")
    model.set_weights(expected.get_weights())
    inputs = samples(case, 3)
    np.testing.assert_array_equal(array(model(inputs)), array(expected(inputs)))


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.is_composite], ids=lambda c: c.layer
)
def test_a_composite_is_a_graph_of_layers(case, models):
    """What quantization and pruning see: the layer's `call` taken apart, no bare operator."""
    model = models(case)
    layer = model.layers[-1]
    inputs = keras.Input(case.shape)
    graph = keras.Model(inputs, layer.call(inputs))
    assert len(graph.operations) > 2
    assert [op.name for op in graph.operations if not isinstance(op, keras.layers.Layer)] == []
    assert {id(weight) for weight in graph.weights} == {id(weight) for weight in layer.weights}
    images = samples(case, 3)
    np.testing.assert_allclose(array(graph(images)), array(model(images)), atol=1e-6, rtol=1e-6)
