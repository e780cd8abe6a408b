"""BatchNormalization by TensorFlow's kernel: the numbers of Keras's layer, and when it is used."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from kerazoo.training.fused_normalization import fuse_normalization
from kerazoo.zoo.config_file import with_overrides


def networks(shape, dtype="float32", mask=False, **arguments):
    """Keras's layer behind a scale that is trained too, and the same with the kernel."""
    both = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        inputs = keras.Input(shape)
        x = keras.layers.Masking()(inputs) if mask else inputs
        x = keras.layers.Dense(6, dtype=dtype)(x)
        norm = keras.layers.BatchNormalization(
            dtype=dtype, momentum=0.7, gamma_initializer="uniform", name="norm", **arguments
        )
        both.append(keras.Model(inputs, keras.layers.Activation("tanh")(norm(x))))
    fuse_normalization(both[1])
    return both


def step(model, x, y):
    """Outputs in training, gradients, and the moving statistics afterwards."""
    with tf.GradientTape() as tape:
        outputs = model(x, training=True)
        loss = tf.reduce_mean((tf.cast(outputs, tf.float32) - y) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    kept = [variable.numpy() for variable in model.non_trainable_variables]
    return [np.asarray(tf.cast(value, tf.float32)) for value in [outputs, *gradients]], kept


def data(shape, batch=5):
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 2.0, (batch, *shape)).astype("float32")
    return x, rng.normal(size=(batch, *shape[:-1], 6)).astype("float32")


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        ((4,), {}),
        ((7, 4), {}),
        ((6, 5, 4), {}),
        ((3, 4, 5, 4), {}),
        ((6, 5, 4), {"scale": False}),
        ((6, 5, 4), {"center": False, "epsilon": 1e-6}),
    ],
)
def test_one_step_is_that_of_keras(shape, arguments):
    x, y = data(shape)
    (values, kept), (fused, fused_kept) = [step(m, x, y) for m in networks(shape, **arguments)]
    for own, of_keras in zip(fused + fused_kept, values + kept, strict=True):
        np.testing.assert_allclose(own, of_keras, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_as_near_as_half_precision_can_be(dtype):
    x, y = data((6, 5, 4))
    (values, kept), (fused, fused_kept) = [step(m, x, y) for m in networks((6, 5, 4), dtype)]
    for own, of_keras in zip(fused + fused_kept, values + kept, strict=True):
        np.testing.assert_allclose(own, of_keras, rtol=0.02, atol=0.02)


def test_epsilon_counts_as_it_is():
    x, _ = data((6, 5, 4))
    model, fused = networks((6, 5, 4), epsilon=1e-6)
    x = 1e-3 * (x - x.mean())  # of a variance as small as that
    np.testing.assert_allclose(fused(x, training=True), model(x, training=True), atol=1e-4)


def test_a_single_sample_has_no_variance():
    x, y = data((4,), batch=1)
    (values, kept), (fused, fused_kept) = [step(model, x, y) for model in networks((4,))]
    for own, of_keras in zip(fused + fused_kept, values + kept, strict=True):
        np.testing.assert_allclose(own, of_keras, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [((7, 4), {"mask": True}), ((6, 5, 4), {"axis": 1}), ((4,), {"renorm": True})],
)
def test_what_the_kernel_cannot_do_keras_does(shape, arguments):
    x, y = data(shape)
    (values, kept), (fused, fused_kept) = [step(m, x, y) for m in networks(shape, **arguments)]
    for own, of_keras in zip(fused + fused_kept, values + kept, strict=True):
        np.testing.assert_array_equal(own, of_keras)


def test_frozen_and_outside_of_training_it_is_keras(tmp_path):
    model, fused = networks((6, 5, 4))
    x, _ = data((6, 5, 4))
    np.testing.assert_array_equal(fused(x), model(x))
    for each in model, fused:
        each.get_layer("norm").trainable = False
    np.testing.assert_array_equal(fused(x, training=True), model(x, training=True))
    fused.save(tmp_path / "fused.keras")
    saved = keras.saving.load_model(tmp_path / "fused.keras")
    assert "call" not in vars(saved.get_layer("norm"))
    np.testing.assert_array_equal(saved(x), model(x))


def test_a_recipe_trains_with_the_kernel(tiny, tmp_path, monkeypatch):
    calls = []
    kernel = tf.raw_ops.FusedBatchNormV3
    monkeypatch.setattr(
        tf.raw_ops, "FusedBatchNormV3", lambda **given: calls.append(1) or kernel(**given)
    )
    small = {"input_shape": [28, 28, 1], "num_classes": 10, "stages": [[1, 4, 1, 4]]}
    network = {"model.builder": "small_mobilenet", "model.arguments": small, "data.batch_size": 512}
    result = kerazoo.train(
        with_overrides(tiny, network), epochs=1, output_dir=tmp_path, progress=False
    )
    assert calls
    assert all("call" not in vars(layer) for layer in result.model.layers)
