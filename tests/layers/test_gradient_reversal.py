"""The same forward, to the bit; the slope turned round, seen through one step of `fit`."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError
from kerazoo.layers import GradientReversal


def test_forward_is_the_identity_to_the_bit():
    inputs = np.array([1.1, -0.0, 1e-40, 65504.0, np.inf, -np.inf, np.nan], "float32")
    outputs = ops.convert_to_numpy(GradientReversal(3.0)(inputs))
    np.testing.assert_array_equal(outputs.view("uint32"), inputs.view("uint32"))


def the_output(_, y):
    """As a loss: d/da = 3 x and d/db = 2 x in the model below."""
    return ops.sum(y, axis=-1)


def make(strength, **arguments):
    """y = b (reversed (a x)), with a = 2 and b = 3."""
    layers = [
        keras.Input((1,)),
        keras.layers.Dense(1, use_bias=False, name="a"),
        GradientReversal(strength, name="reversal"),
        keras.layers.Dense(1, use_bias=False, name="b"),
    ]
    model = keras.Sequential(layers)
    model.get_layer("a").set_weights([np.array([[2.0]])])
    model.get_layer("b").set_weights([np.array([[3.0]])])
    model.compile(keras.optimizers.SGD(0.125), loss=the_output, **arguments)
    return model


def weight(model, name):
    return float(ops.convert_to_numpy(model.get_layer(name).kernel)[0, 0])


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("eager", [False, True])
def test_one_step_goes_the_other_way_before_the_layer(strength, eager):
    model = make(strength, run_eagerly=eager)
    model.fit(np.ones((1, 1)), np.zeros((1, 1)), verbose=0)
    assert weight(model, "b") == pytest.approx(3 - 0.125 * 2)
    assert weight(model, "a") == pytest.approx(2 + 0.125 * 3 * strength)
    assert float(model.get_layer("reversal").strength) == strength, "training leaves it alone"
    assert model.get_layer("reversal").trainable_variables == []


def test_a_callback_changes_the_strength_between_epochs():
    """Strengths of 0, then 1: `a` moves in the second epoch only, by then b = 3 - 0.25."""
    model = make(1.0)
    strength = model.get_layer("reversal").strength
    steps = []
    follow = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: strength.assign(float(epoch)),
        on_epoch_end=lambda epoch, logs: steps.append(weight(model, "a")),
    )
    model.fit(np.ones((1, 1)), np.zeros((1, 1)), epochs=2, verbose=0, callbacks=[follow])
    assert steps == pytest.approx([2, 2 + 0.125 * (3 - 0.125 * 2)])


def test_it_turns_the_slope_of_half_precision():
    inputs = keras.Input((1,))
    a = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", dtype="mixed_bfloat16")
    model = keras.Model(inputs, GradientReversal(0.5, dtype="mixed_bfloat16")(a(inputs)))
    model.compile(keras.optimizers.SGD(1.0), loss=the_output)
    model.fit(np.ones((1, 1)), np.zeros((1, 1)), verbose=0)
    assert float(ops.convert_to_numpy(a.kernel)[0, 0]) == pytest.approx(1.5)


def test_domains_become_harder_to_tell_apart():
    """Features learn to hide the domain, and without the layer to show it."""
    domains = np.arange(64) % 2
    inputs = np.stack([domains * 2.0 - 1, np.linspace(-1, 1, 64)], axis=1)

    def gap(*between):
        features = keras.layers.Dense(1, use_bias=False, name="features")
        head = keras.layers.Dense(1, kernel_initializer="ones")
        model = keras.Sequential([keras.Input((2,)), features, *between, head])
        features.set_weights([np.ones((2, 1))])
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss)
        model.fit(inputs, domains, epochs=5, batch_size=64, verbose=0)
        return abs(float(ops.convert_to_numpy(features.kernel)[0, 0]))

    assert gap(GradientReversal()) < 0.95 < 1.05 < gap()


def test_a_changed_strength_is_saved(tmp_path):
    model = make(0.25)
    model.get_layer("reversal").strength.assign(0.75)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert float(loaded.get_layer("reversal").strength) == 0.75


def test_masks_pass():
    inputs = keras.Input((None, 4))
    outputs = GradientReversal()(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(outputs))
    sequence = np.ones((1, 5, 4))
    sequence[0, 2:] = 0
    np.testing.assert_allclose(model.predict(sequence, verbose=0), np.ones((1, 4)))


@pytest.mark.parametrize(
    "strength",
    [-1.0, float("nan"), "1"],
)
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(ConfigError, match="`strength` must be a finite number of at least 0. Rec"):
        GradientReversal(strength)
