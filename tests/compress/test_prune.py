"""`prune` in training: the acceptance cases of tfmot's prune_integration_test.py, and more."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import (
    ConstantSparsity,
    ConstrainedLayer,
    MagnitudePruning,
    PolynomialDecay,
    cluster,
    prune,
    strip,
)
from kerazoo.compress._constrained_model import weights_of_model
from kerazoo.errors import ConfigError, UnknownNameError
from kerazoo.exporters.carried import constrained

SHAPE = (6, 8)
EVERY_STEP = {"begin_step": 0, "frequency": 1}


def dense_model(units=(8, 4), **arguments):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8,))
    outputs = inputs
    for index, width in enumerate(units):
        outputs = layers.Dense(width, name=f"dense_{index}", **arguments)(outputs)
    return keras.Model(inputs, outputs)


def data(model, samples=16):
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(samples, *model.input_shape[1:])).astype("float32")
    return inputs, rng.normal(size=(samples, *model.output_shape[1:])).astype("float32")


def train(model, steps=2, optimizer="sgd", eagerly=True):
    """Tracing costs more than a few steps: `eagerly` where the compiled step is not the point."""
    if not model.compiled:
        model.compile(optimizer, "mse", run_eagerly=eagerly)
    x, y = data(model)
    for _ in range(steps):
        model.train_on_batch(x, y)
    return model


def sparsities(model):
    """Layer name -> fraction of zeros in the variables themselves; all kernels of it have it."""
    fractions: dict = {}
    for entry in weights_of_model(model):
        zeros = float((entry.weight.variable.numpy() == 0).mean())
        assert fractions.setdefault(entry.layer.name, zeros) == zeros
    return fractions


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Dense(8),
        lambda: layers.EinsumDense("abc,cd->abd", (6, 8)),
        lambda: layers.Conv1D(8, 3),
        lambda: layers.Conv1DTranspose(8, 3),
        lambda: layers.SeparableConv1D(8, 3),
        lambda: layers.LSTM(4),
        lambda: layers.GRU(4),
        lambda: layers.SimpleRNN(4),
        lambda: layers.RNN([layers.LSTMCell(4), layers.GRUCell(4)]),
        lambda: layers.Bidirectional(layers.LSTM(4)),
        lambda: layers.TimeDistributed(layers.Dense(8)),
        lambda: keras.Sequential([layers.Dense(8), layers.BatchNormalization()]),
    ],
)
def test_a_layer_reaches_its_target_and_keeps_it_when_loaded_and_trained(layer, tmp_path):
    model = keras.Sequential([keras.Input(SHAPE), layer()])
    pruned = train(prune(model, sparsity=0.5), steps=1)
    pruned.save(tmp_path / "model.keras")
    loaded = train(keras.models.load_model(tmp_path / "model.keras", safe_mode=True))
    for each in (pruned, loaded, strip(loaded)):
        constrained = [w for w in each.weights if w.name in ("kernel", "recurrent_kernel")]
        constrained += [w for w in each.weights if w.name == "pointwise_kernel"]
        assert constrained
        for weight in constrained:
            assert (weight.numpy() == 0).mean() == 0.5, weight.path


def test_attention_reaches_its_target_in_all_four_projections():
    inputs = keras.Input(SHAPE)
    outputs = layers.MultiHeadAttention(2, 4, name="attention")(inputs, inputs)
    pruned = train(prune(keras.Model(inputs, outputs), pattern="2:4"), eagerly=False)
    assert set(pruned.get_layer("attention").constraints) == {
        "query/kernel", "key/kernel", "value/kernel", "attention_output/kernel"
    }  # fmt: skip
    assert sparsities(pruned) == {"attention": 0.5}
    query = pruned.get_layer("attention").constrained_variables()["query/kernel"].numpy()
    assert ((query.reshape(2, 4, 8) != 0).sum(axis=1) == 2).all()  # of each 4 inputs


def test_m_of_n_along_the_inputs_of_every_kind_of_kernel():
    """tfmot's testMbyNSparsityPruning_SupportedLayers, and the layers that it does not support."""
    inputs = keras.Input((6, 6, 4))
    x = layers.SeparableConv2D(8, 1)(layers.Conv2DTranspose(8, 1)(layers.Conv2D(8, 3)(inputs)))
    x = layers.Conv3D(4, 1)(layers.Reshape((4, 4, 1, 8))(x))
    x = layers.Conv1DTranspose(8, 1)(layers.Conv1D(8, 1)(layers.Reshape((16, 4))(x)))
    x = layers.LSTM(4)(layers.EinsumDense("abc,cd->abd", (None, 8))(x))
    pruned = train(prune(keras.Model(inputs, layers.Dense(4)(x)), pattern="2:4"), steps=1)
    entries = weights_of_model(pruned)
    assert len(entries) == 10
    for entry in entries:
        kernel = np.moveaxis(entry.weight.variable.numpy(), entry.weight.input_axis, -1)
        assert ((kernel.reshape(-1, 4) != 0).sum(axis=1) == 2).all(), entry.name


def test_tables_are_pruned_and_depthwise_kernels_biases_and_scales_are_not():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Embedding(10, 6), layers.DepthwiseConv1D(2, name="depth"),
         layers.LayerNormalization()]
    )  # fmt: skip
    pruned = prune(model)
    assert [type(layer) is ConstrainedLayer for layer in pruned.layers] == [True, False, False]
    model = keras.Sequential([keras.Input((4, 2)), layers.DepthwiseConv1D(2)])
    with pytest.raises(ConfigError, match="no weight to prune"):
        prune(model)


def test_a_pretrained_model_computes_the_same_until_its_first_step():
    model = train(dense_model())
    x, _ = data(model)
    pruned = prune(model, sparsity=0.5)
    np.testing.assert_array_equal(pruned(x), model(x))
    assert not pruned.compiled
    assert model.compiled  # and untouched
    assert "ConstrainedLayer" not in str(model.layers)


def test_steps_follow_the_schedule_and_zeros_stay_past_its_end():
    schedule = PolynomialDecay(0.25, 0.75, begin_step=2, end_step=6, power=1, frequency=2)
    pruned = prune(dense_model((8,)), schedule=schedule)
    seen = []
    for _ in range(10):
        train(pruned, steps=1, optimizer="adam", eagerly=False)
        seen.append(sparsities(pruned)["dense_0"])
    assert seen == [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75]


def test_stop_and_restart_is_the_unbroken_run(tmp_path):
    schedule = PolynomialDecay(0.0, 0.75, begin_step=0, end_step=8, frequency=2)
    unbroken, first = (
        train(
            prune(dense_model((8,)), schedule=schedule),
            steps=steps,
            optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
            eagerly=False,
        )
        for steps in (10, 5)
    )
    first.save(tmp_path / "half.keras")
    second = train(keras.models.load_model(tmp_path / "half.keras"), steps=5)
    for one, other in zip(unbroken.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert sparsities(second)["dense_0"] == 0.75


def test_shared_layers_nested_models_and_constraints_of_the_layer(tmp_path):
    inner = keras.Sequential([keras.Input(SHAPE), layers.Dense(8, name="inside")], name="inner")
    shared = layers.Dense(8, name="shared", kernel_constraint="non_neg")
    inputs = keras.Input(SHAPE)
    model = keras.Model(inputs, inner(shared(inner(shared(inputs)))))
    pruned = train(prune(model, sparsity=0.25))
    assert len(pruned.layers) == 3
    assert pruned.get_layer("inner").get_layer("inside").layer.name == "inside"
    kernel = pruned.get_layer("shared").layer.kernel.numpy()
    assert kernel.min() >= 0  # and its own constraint makes zeros as well
    assert sparsities(pruned)["inside"] == 0.25
    assert [layer.name for layer in strip(pruned).layers] == [layer.name for layer in model.layers]


def test_zeros_are_held_by_a_custom_training_loop(tensorflow_backend):
    import tensorflow as tf

    pruned = prune(dense_model(), sparsity=0.5)
    optimizer = keras.optimizers.Adam(0.1)
    x, y = data(pruned)
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((pruned(x, training=True) - y) ** 2)
        gradients = tape.gradient(loss, pruned.trainable_variables)
        optimizer.apply_gradients(zip(gradients, pruned.trainable_variables, strict=True))
    assert set(sparsities(pruned).values()) == {0.5}


def test_averaged_weights_get_their_zeros_when_stripped():
    optimizer = keras.optimizers.Adam(0.1, use_ema=True)
    pruned = prune(dense_model((8,)), schedule=ConstantSparsity(0.5, begin_step=3))
    pruned.compile(optimizer, "mse")
    x, y = data(pruned)
    pruned.fit(x, y, batch_size=4, epochs=3, verbose=0)
    assert (pruned.layers[1].layer.kernel.numpy() == 0).mean() < 0.5  # the averages
    assert (strip(pruned).layers[1].kernel.numpy() == 0).mean() == 0.5
    plain = constrained(pruned)  # what an export takes
    assert plain.name == pruned.name
    assert (plain.layers[1].kernel.numpy() == 0).mean() == 0.5
    assert constrained(plain) is plain


def test_frozen_layers_are_not_pruned_and_gradients_that_accumulate_count_as_keras_counts():
    model = dense_model()
    model.get_layer("dense_0").trainable = False
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    pruned = train(prune(model, sparsity=0.5), steps=4, optimizer=optimizer, eagerly=False)
    assert sparsities(pruned) == {"dense_0": 0.0, "dense_1": 0.5}
    (pruning,) = pruned.get_layer("dense_1").constraints["kernel"]
    assert int(pruning.step.numpy()) == int(optimizer._iterations.numpy()) == 4


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    pruned = train(prune(dense_model((8,), dtype=policy), sparsity=0.5), eagerly=False)
    assert set(sparsities(pruned).values()) == {0.5}
    assert pruned.layers[-1].compute_dtype == policy.removeprefix("mixed_")


def test_a_second_pruning_goes_on_from_the_first():
    once = train(prune(dense_model((8,)), sparsity=0.5))
    zeros = once.layers[1].layer.kernel.numpy() == 0
    twice = train(prune(once, sparsity=0.75))
    assert len(twice.layers[1].constraints["kernel"]) == 2
    again = twice.layers[1].layer.kernel.numpy() == 0
    assert again.mean() == 0.75
    assert again[zeros].all()


def test_pruned_after_it_was_clustered_the_zero_is_one_of_the_values():
    """tfmot knows only the other order; here the pruning is put before the clustering."""
    clustered = cluster(dense_model((64,)), clusters=4)
    pruned = train(prune(clustered, sparsity=0.5), steps=3, optimizer="adam")
    kinds = [type(each).__name__ for each in pruned.layers[1].constraints["kernel"]]
    assert kinds == ["MagnitudePruning", "WeightClustering"]
    for kernel in (pruned.layers[1].layer.kernel, strip(pruned).layers[1].kernel):
        assert (kernel.numpy() == 0).mean() == 0.5
        assert len(np.unique(kernel)) <= 4


@pytest.mark.usefixtures("tensorflow_backend")
def test_inputs_stay_optional_and_layers_frozen():
    inputs = keras.Input((4,)), keras.Input((4,), optional=True, name="bias")
    outputs = layers.Dense(2, name="head", trainable=False)(_AddIfGiven(name="sum")(*inputs))
    model = keras.Model(inputs, outputs)
    pruned = prune(model, sparsity=0.5)
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(pruned([x, None]), model([x, None]))
    assert not pruned.get_layer("head").trainable
    assert not strip(pruned).get_layer("head").trainable


@keras.saving.register_keras_serializable("tests")
class _AddIfGiven(layers.Layer):
    def call(self, inputs, bias=None):
        return inputs if bias is None else inputs + bias

    def compute_output_shape(self, inputs_shape, bias_shape=None):
        return inputs_shape


def test_a_global_budget_takes_the_smallest_wherever_they_are():
    model = dense_model((8, 8))
    small, large = model.layers[1].kernel, model.layers[2].kernel
    small.assign(0.1 * small)
    magnitudes = np.abs(np.concatenate([small.numpy().ravel(), large.numpy().ravel()]))
    threshold = np.sort(magnitudes)[63]
    expected = [float((np.abs(kernel.numpy()) <= threshold).mean()) for kernel in (small, large)]
    pruned = prune(model, sparsity=0.5, budget="global")
    targets = [layer.constraints["kernel"][0].final_sparsity for layer in pruned.layers[1:]]
    assert targets == expected
    assert sum(expected) == 1  # 0.5 of both
    assert list(sparsities(train(pruned)).values()) == expected


def test_a_global_budget_scales_the_schedule_of_each_layer():
    schedule = PolynomialDecay(0.0, 0.8, 0, 100)
    pruning = MagnitudePruning(schedule, sparsity=0.4)
    for step in (0, 30, 100):
        half = float(schedule.sparsity(step)) / 2
        assert float(pruning.sparsity_at(step)) == pytest.approx(half, rel=1e-6)


def test_policies_and_skip_choose_layers():
    inputs = keras.Input((8, 8, 4))
    outputs = layers.Conv2D(4, 1, name="point")(layers.Conv2D(4, 3, name="wide")(inputs))
    outputs = layers.Conv2D(4, 1, strides=2, name="strided")(outputs)
    outputs = layers.DepthwiseConv2D(1, name="depth")(outputs)
    model = keras.Model(inputs, layers.Dense(2, name="head")(layers.Flatten()(outputs)))

    def chosen(**arguments):
        pruned = prune(model, **arguments)
        return [layer.name for layer in pruned.layers if isinstance(layer, ConstrainedLayer)]

    assert chosen() == ["wide", "point", "strided", "head"]
    assert chosen(policy="xnnpack") == ["point"]
    assert chosen(policy=lambda layer: isinstance(layer, layers.Dense)) == ["head"]
    assert chosen(skip=["head", "s*/kernel"]) == ["wide", "point"]
    with pytest.raises(UnknownNameError, match="Did you mean 'head"):
        prune(model, skip=["heda"])
    with pytest.raises(UnknownNameError, match="xnnpack"):
        prune(model, policy="xnpack")


def test_what_does_not_go_together_is_said():
    model = dense_model()
    with pytest.raises(ConfigError, match="must agree"):
        prune(model, sparsity=0.5, schedule=ConstantSparsity(0.6, 0))
    with pytest.raises(ConfigError, match="must agree"):
        prune(model, sparsity=0.8, pattern="2:4")
    with pytest.raises(ConfigError, match="unstructured"):
        prune(model, budget="global", pattern="block")
    with pytest.raises(UnknownNameError, match="budget"):
        prune(model, budget="globl")
    with pytest.raises(ConfigError, match="schedule"):
        prune(model, schedule=0.5)


def test_channels_are_another_functions_work():
    model = dense_model((8, 4))
    smaller = prune(model, sparsity=0.5, pattern="channel")
    assert smaller.count_params() < model.count_params()
    assert not any(isinstance(layer, ConstrainedLayer) for layer in smaller.layers)
    with pytest.raises(ConfigError, match="at once"):
        prune(model, pattern="channel", schedule=ConstantSparsity(0.5, 0))


def test_a_subclassed_model_is_told_what_to_do():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ConfigError, match=r"Received: Own.*keras.Model\(inputs"):
        prune(Own())


def test_a_constraint_comes_back_with_all_its_arguments():
    pruning = MagnitudePruning(
        ConstantSparsity(0.5, 3, 9, 2), 0.4, "block", (2, 3), "max", -1, -2, name="own"
    )
    again = MagnitudePruning.from_config(pruning.get_config())
    assert again.get_config() == pruning.get_config()
    assert (again.schedule, again.pattern) == (pruning.schedule, pruning.pattern)
    assert (again.input_axis, again.output_axis) == (-1, -2)


def test_a_global_budget_leaves_frozen_layers_out(notices):
    model = dense_model((8, 8, 4))
    model.layers[1].trainable = False
    model.layers[1].kernel.assign(1e-3 * model.layers[1].kernel)  # else the first to go
    pruned = train(prune(model, sparsity=0.5, budget="global"))
    kernels = [strip(pruned).layers[number].kernel.numpy() for number in (1, 2, 3)]
    zeros = [int((kernel == 0).sum()) for kernel in kernels]
    assert zeros[0] == 0
    assert sum(zeros) == (64 + 32) / 2
    assert any("1 of 3 weights are frozen" in line for line in notices())
    model.trainable = False
    with pytest.raises(ConfigError, match="no weight to prune that is trainable"):
        prune(model, sparsity=0.5, budget="global")


def test_blocks_of_a_transposed_convolution_go_along_its_outputs():
    model = keras.Sequential([keras.Input((4, 4, 3)), layers.Conv2DTranspose(8, 2, name="up")])
    model.get_layer("up").kernel.assign(np.random.default_rng(0).normal(size=(2, 2, 8, 3)))
    pruned = train(prune(model, sparsity=0.5, pattern="block", block_size=(1, 4)), eagerly=False)
    kernel = strip(pruned).get_layer("up").kernel.numpy()
    blocks = np.moveaxis(kernel, -2, -1).reshape(-1, 4) == 0
    assert (blocks.all(axis=1) == blocks.any(axis=1)).all()
    assert blocks.mean() == 0.5
