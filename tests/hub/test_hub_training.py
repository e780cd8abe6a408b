"""Training a SavedModel: two devices, mixed precision."""

import json

import keras
import numpy as np
import pytest

from kerazoo.hub import HubLayer

pytestmark = pytest.mark.usefixtures("tensorflow_backend")

TRAINING = """
import contextlib, json, keras, numpy as np
from kerazoo.hub import HubLayer

def losses(scope):
    keras.utils.set_random_seed(0)
    with scope:
        layer = HubLayer({folder!r}, trainable=True, arguments={{"training": False}})
        inputs = keras.Input((4,))
        model = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
        model.compile(keras.optimizers.Adam(0.01), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 4)), rng.normal(size=(64, 2))
    history = model.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0)
    model.save({path!r})
    return history.history["loss"]

one = losses(contextlib.nullcontext())
two = losses(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope())
print(json.dumps([one, two]))
"""


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one(on_two_devices, saved_models, tmp_path):
    code = TRAINING.format(folder=saved_models("reusable"), path=str(tmp_path / "model.keras"))
    one, two = json.loads(on_two_devices(code).splitlines()[-1])
    assert one[-1] < 0.9 * one[0]
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_casts_at_the_border(policy, saved_models, rows):
    layer = HubLayer(saved_models("reusable"), trainable=True, dtype=policy)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, dtype=policy)(inputs)
    outputs = layer(hidden)
    assert outputs.dtype == policy.removeprefix("mixed_")
    assert {variable.dtype for variable in layer.weights} == {"float32"}
    model = keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(outputs))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    values = rows(64)
    history = model.fit(values, values[:, :2], epochs=8, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]
    # The SavedModel computes in float32: nothing is lost inside of it.
    given = keras.ops.cast(layer(values), "float32")
    exact = HubLayer(saved_models("reusable"))
    exact.set_weights([np.array(variable) for variable in layer.program_variables])
    np.testing.assert_allclose(given, exact(values), rtol=1e-2, atol=1e-2)


def test_large_pixels_are_not_rounded_on_the_way_in(saved_models):
    """Keras would cast inputs to the compute dtype; 255.5 is 256 in bfloat16."""
    pixels = np.full((1, 4), 255.5, "float32")
    low = HubLayer(saved_models("reusable"), dtype="mixed_bfloat16")(pixels)
    full = HubLayer(saved_models("reusable"))(pixels)
    np.testing.assert_array_equal(low, keras.ops.cast(full, "bfloat16"))
