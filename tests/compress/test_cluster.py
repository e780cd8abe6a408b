"""Clustered models: tfmot's acceptance cases, written anew."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import cluster, prune, strip
from kerazoo.compress._weights_of import compressible_weights
from kerazoo.compress.constrained_layer import ConstrainedLayer
from kerazoo.errors import ConfigError, UnknownNameError
from kerazoo.layers import InvertedResidual
from kerazoo.training import Loop

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(48, 8, 8, 2)).astype("float32")
SEQUENCES = RNG.normal(size=(48, 5, 6)).astype("float32")
LABELS = RNG.integers(0, 3, 48)
SLOW = pytest.mark.slow


def compiled(model, optimizer="sgd"):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=True)
    return model


def images_model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(6, 3, activation="relu", name="conv"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.BatchNormalization(name="norm"),
            layers.SeparableConv2D(5, 3, name="separable"),
            layers.Flatten(),
            layers.Dense(3, name="head"),
        ]
    )


def kernels(model):
    """Name -> value of all that clustering is for, wrapped or not."""
    found = {}
    for layer in model.layers:
        plain = layer.layer if isinstance(layer, ConstrainedLayer) else layer
        for weight in compressible_weights(plain):
            found[f"{layer.name}/{weight.path}"] = weight.variable.numpy()
    return found


def distinct(values):
    return max(len(np.unique(value)) for value in values.values())


def test_values_stay_clustered_and_learn():
    clustered = compiled(cluster(images_model(), clusters=4), keras.optimizers.Adam(0.01))
    before = kernels(clustered)
    assert distinct(before) == 4
    assert len(before) == 3
    history = clustered.fit(IMAGES, LABELS, epochs=8, verbose=0).history["loss"]
    after = kernels(clustered)
    assert distinct(after) <= 4
    assert history[-1] < 0.8 * history[0]
    for name, value in before.items():
        assert not np.intersect1d(value, after[name]).size
        changed = (
            np.unique(value, return_inverse=True)[1]
            != np.unique(after[name], return_inverse=True)[1]
        )
        assert changed.any()  # weights change their cluster, too
    assert len(np.unique(clustered.get_layer("depthwise").get_weights()[0])) > 4


def test_the_model_given_is_not_changed():
    model = images_model()
    weights = model.get_weights()
    compiled(cluster(model, clusters=2)).train_on_batch(IMAGES, LABELS)
    for value, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(value, before)


def test_per_channel_and_skip():
    clustered = compiled(cluster(images_model(), clusters=2, per_channel=True, skip=["he*"]))
    clustered.fit(IMAGES, LABELS, epochs=2, verbose=0)
    kernel = clustered.get_layer("conv").layer.kernel.numpy()
    assert [len(np.unique(kernel[..., c])) for c in range(6)] == [2] * 6
    assert len(np.unique(kernel)) == 12
    assert isinstance(clustered.get_layer("head"), layers.Dense)


SEQUENCE_LAYERS = {
    "lstm": lambda: layers.LSTM(4),
    "stacked": lambda: layers.RNN([layers.GRUCell(4), layers.SimpleRNNCell(4)]),
    "bidirectional": lambda: layers.Bidirectional(layers.GRU(4)),
    "conv_1d": lambda: lambda x: layers.Flatten()(layers.Conv1D(4, 3)(x)),
    "separable_1d": lambda: lambda x: layers.Flatten()(layers.SeparableConv1D(4, 3)(x)),
    "attention": lambda: lambda x: layers.Flatten()(layers.MultiHeadAttention(2, 3)(x, x)),
    "einsum": lambda: lambda x: layers.Flatten()(layers.EinsumDense("abc,cd->abd", (5, 4))(x)),
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind in ("bidirectional", "attention") else SLOW)
        for kind in SEQUENCE_LAYERS
    ],
)
def test_sequence_layers_stay_clustered(kind):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5, 6))
    model = keras.Model(inputs, layers.Dense(3)(SEQUENCE_LAYERS[kind]()(inputs)))
    plain = kernels(model)
    clustered = compiled(cluster(model, clusters=4))
    clustered.train_on_batch(SEQUENCES, LABELS)
    clustered.train_on_batch(SEQUENCES, LABELS)
    after = kernels(clustered)
    assert after.keys() == plain.keys()
    assert distinct(after) <= 4
    expected = {"stacked": 5, "bidirectional": 5, "attention": 5, "lstm": 3}.get(kind, 2)
    assert len(after) == expected


def test_embeddings_and_nested_models():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(6, name="deep")], name="inner")
    inputs = keras.Input((5,), dtype="int32")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(20, 4, name="table")(inputs))
    clustered = compiled(cluster(keras.Model(inputs, layers.Dense(3)(inner(x))), clusters=3))
    clustered.fit(RNG.integers(0, 20, (48, 5)), LABELS, verbose=0)
    deep = clustered.get_layer("inner").get_layer("deep")
    for layer in (clustered.get_layer("table"), deep):
        assert len(np.unique(layer.get_weights()[0])) <= 3


def test_saved_loaded_and_trained_on(tmp_path):
    clustered = compiled(
        cluster(images_model(), clusters=3, init="density", per_channel=True), "adam"
    )
    clustered.train_on_batch(IMAGES, LABELS)
    clustered.save(tmp_path / "few.keras")
    loaded = keras.models.load_model(tmp_path / "few.keras", safe_mode=True)
    for model in (clustered, loaded):
        model.train_on_batch(IMAGES, LABELS)
    for one, other in zip(clustered.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@SLOW  # three compilations
def test_a_broken_run_resumes_exactly(tmp_path):
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(16)
    whole, broken, resumed = (
        compiled(cluster(images_model(), clusters=4), "adam") for _ in range(3)
    )
    Loop(whole).fit(batches, epochs=4, progress=False)
    Loop(broken, checkpoints=tmp_path).fit(batches, epochs=2, progress=False)
    Loop(resumed, checkpoints=tmp_path).fit(batches, epochs=4, progress=False)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_averaged_weights_are_clustered_by_strip():
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
    clustered = compiled(cluster(images_model(), clusters=4), optimizer)
    clustered.fit(IMAGES, LABELS, epochs=2, batch_size=16, verbose=0)
    assert distinct(kernels(clustered)) > 4  # Keras has assigned averages
    assert distinct(kernels(strip(clustered))) <= 4


def sparse_model():
    model = images_model()
    pruned = compiled(prune(model, sparsity=0.5))
    pruned.train_on_batch(IMAGES, LABELS)
    return pruned


def zeros(model):
    return {name: value == 0 for name, value in kernels(model).items()}


@pytest.mark.parametrize("is_stripped", [True, pytest.param(False, marks=SLOW)])
def test_pruned_then_clustered_keeps_both(is_stripped):
    pruned = sparse_model()
    before = zeros(pruned)
    clustered = compiled(cluster(strip(pruned) if is_stripped else pruned, clusters=4))
    for _ in range(2):
        after = zeros(clustered)
        assert all(np.array_equal(after[name], before[name]) for name in before)
        assert distinct(kernels(clustered)) == 4
        clustered.fit(IMAGES, LABELS, epochs=2, verbose=0)
    plain = strip(clustered)
    assert type(plain.get_layer("conv")) is layers.Conv2D
    assert distinct(kernels(plain)) == 4
    assert all(np.array_equal(zeros(plain)[name], before[name]) for name in before)
    np.testing.assert_array_equal(plain(IMAGES, training=False), clustered(IMAGES, training=False))


@SLOW
@pytest.mark.release
def test_digits_are_learnt_with_eight_values():
    from sklearn.datasets import load_digits

    keras.utils.set_random_seed(0)
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32")
    model = keras.Sequential(
        [keras.Input((64,)), layers.Dense(48, activation="relu"), layers.Dense(10)]
    )
    compiled(model, keras.optimizers.Adam(0.01)).fit(images, labels, 128, 15, verbose=0)
    clustered = compiled(cluster(model, clusters=8), keras.optimizers.Adam(1e-3))
    clustered.fit(images, labels, 128, 5, verbose=0)
    assert distinct(kernels(clustered)) <= 8
    assert clustered.evaluate(images, labels, verbose=0)[1] > 0.95


def normalized(layer, *, mirrored):
    """`layer` with a normalization half of whose channels have a negative factor, if mirrored."""
    keras.utils.set_random_seed(0)
    norm = layers.BatchNormalization(name="norm")
    model = keras.Sequential([keras.Input((8, 8, 2)), layer, norm, layers.Flatten()])
    rng = np.random.default_rng(1)
    gamma = rng.uniform(0.5, 2, 6) * np.where(np.arange(6) % 2, -1, 1)
    norm.gamma.assign(gamma if mirrored else abs(gamma))
    for variable in (norm.beta, norm.moving_mean):
        variable.assign(rng.normal(size=6))
    if layer.use_bias:
        layer.bias.assign(rng.normal(size=6))
    return model


@pytest.mark.parametrize("kind", ["conv", "separable"])
def test_negative_factors_of_a_normalization_change_their_form_alone(kind):
    layer = layers.Conv2D(6, 3, use_bias=False) if kind == "conv" else layers.SeparableConv2D(6, 3)
    model = normalized(layer, mirrored=True)
    before = model.get_weights()
    all_values = sum(variable.numpy().size for variable in layer.weights)
    clustered = cluster(model, clusters=all_values)  # a value for each weight: nothing is lost
    for training in (False, True):
        outputs = (each(IMAGES, training=training) for each in (clustered, model))
        np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, outputs), atol=1e-4)
        model.set_weights(before)  # training=True has moved the averages
    assert clustered.get_layer("norm").gamma.numpy().min() > 0
    unlike = cluster(normalized(layer, mirrored=True), clusters=3, per_channel=True)
    assert unlike.get_layer("norm").gamma.numpy().min() < 0


@pytest.mark.parametrize("mirrored", [False, True])
def test_integers_of_a_folded_kernel_are_as_few(tensorflow_backend, mirrored):
    """q(g K) in steps of max|K| |g| / 127, the one range that a clustered kernel keeps."""
    from kerazoo.compress import quantize_aware

    model = normalized(layers.Conv2D(6, 3, name="conv"), mirrored=mirrored)
    quantized = quantize_aware(cluster(model, clusters=5))
    conv, norm = quantized.get_layer("conv"), quantized.get_layer("conv").normalization
    factor = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    step = np.abs(conv.inner.kernel.numpy()).max() * np.abs(factor) / 127
    integers = np.asarray(conv.quantized_weights()["kernel"]) / step
    np.testing.assert_allclose(integers, np.round(integers), atol=1e-3)
    assert len(np.unique(np.round(integers))) <= 5


def block_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 6))
    block = InvertedResidual(6, name="block")
    x = layers.GlobalAveragePooling2D()(block(block(inputs)))  # shared
    return keras.Model(inputs, layers.Dense(3, name="head")(x))


def test_constraints_inside_of_a_block_are_kept_and_counted_once(tensorflow_backend):
    from kerazoo.compress import quantize_aware

    rows = RNG.normal(size=(8, 8, 8, 6)).astype("float32")
    clustered = compiled(cluster(prune(block_model(), sparsity=0.5), clusters=4))
    quantized = compiled(quantize_aware(clustered))
    wrapped = [each for each in quantized.layers if hasattr(each, "inner")]
    assert len([each for each in wrapped if isinstance(each.layer, ConstrainedLayer)]) == 3
    for model in (clustered, quantized):
        model.train_on_batch(rows, LABELS[:8])
    for model in (clustered, quantized):  # asking what is in the block attached nothing twice
        steps = [v for v in model.variables if v.path.endswith("/step")]
        assert steps
        assert all(int(v) == 1 for v in steps)
    for layer in wrapped:
        if isinstance(layer.layer, ConstrainedLayer):
            kernel = layer.inner.kernel.numpy()
            assert len(np.unique(kernel)) <= 4
            assert np.mean(kernel == 0) >= 0.5


def test_bad_arguments():
    with pytest.raises(ConfigError, match="clusters"):
        cluster(images_model(), clusters=0)
    with pytest.raises(UnknownNameError, match="kmeans"):
        cluster(images_model(), init="kmeans")
    with pytest.raises(UnknownNameError, match="skip"):
        cluster(images_model(), skip=["haed"])


def test_channels_of_a_transposed_convolution_have_values_of_their_own():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4, 4, 3)), layers.Conv2DTranspose(5, 3, name="up")])
    kernel = kernels(cluster(model, clusters=2, per_channel=True))["up/kernel"]
    assert kernel.shape == (3, 3, 5, 3)
    assert [len(np.unique(kernel[:, :, channel])) for channel in range(5)] == [2] * 5
    assert len(np.unique(kernel)) == 10
