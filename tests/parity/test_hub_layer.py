"""HubLayer against tensorflow_hub's own layer, and a SavedModel that others trained and published.

`hub.KerasLayer` takes Keras 2 for the whole process, so it runs in another (hub_layer_oracle.py).
The published SavedModel comes with the package basic-pitch (Spotify, Apache-2.0: notes in music),
of which nothing is imported: pip install --no-deps basic-pitch.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.hub import HubLayer

pytestmark = pytest.mark.usefixtures("tensorflow_backend")
STEPS = 50


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """Folder of the SavedModel, the data, and what hub.KerasLayer made of them."""
    for package in ("tensorflow_hub", "tf_keras"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    folder, rng = tmp_path_factory.mktemp("peer"), np.random.default_rng(0)
    data = {
        "x": rng.normal(size=(STEPS, 16, 12, 12, 3)).astype("float32"),
        "y": rng.integers(0, 4, (STEPS, 16)),
        "kernel": rng.normal(size=(8, 4)).astype("float32"),
        "bias": np.zeros(4, "float32"),
    }
    np.savez(folder / "data.npz", **data)
    program = Path(__file__).with_name("hub_layer_oracle.py")
    arguments = [folder / "model", folder / "data.npz", folder / "out.json"]
    run = subprocess.run([sys.executable, program, *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    return str(folder / "model"), data, json.loads((folder / "out.json").read_text())


def test_fine_tuning_gives_the_losses_of_hubs_own_layer(peer):
    folder, data, expected = peer
    layer = HubLayer(folder, trainable=True)
    model = keras.Sequential([keras.Input((12, 12, 3)), layer, keras.layers.Dense(4)])
    model.layers[-1].set_weights([data["kernel"], data["bias"]])
    assert len(model.losses) == 2  # weight decay of both convolutions
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    losses = []
    for x, y in zip(data["x"], data["y"], strict=True):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(x, y)))
    np.testing.assert_allclose(losses, expected["losses"], rtol=0, atol=1e-5)
    outputs = model.predict(data["x"][0], verbose=0)
    np.testing.assert_allclose(outputs, expected["outputs"], rtol=0, atol=1e-4)


def test_a_saved_model_of_keras_2_gives_its_outputs(peer):
    import tensorflow as tf

    folder, data, _ = peer
    layer, images = HubLayer(folder, trainable=True), data["x"][0]
    for training in (False, True):
        expected = tf.saved_model.load(folder)(images, training=training)
        np.testing.assert_allclose(layer(images, training=training), expected, rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def published():
    found = importlib.util.find_spec("basic_pitch")
    if found is None or found.origin is None:
        pytest.skip("needs the SavedModel of basic-pitch: pip install --no-deps basic-pitch")
    return str(Path(found.origin).parent / "saved_models" / "icassp_2022" / "nmp")


@pytest.fixture(scope="module")
def sound():
    """Two seconds of a chord with noise, at 22,050 samples a second."""
    time = np.arange(43844) / 22050
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220.0, 277.2, 329.6)) / 4
    noise = np.random.default_rng(0).normal(scale=0.01, size=(2, 43844))
    return (chord + noise)[..., None].astype("float32")


@pytest.mark.parametrize("training", [False, True])
def test_a_published_saved_model_gives_its_outputs(training, published, sound):
    import tensorflow as tf

    expected = tf.saved_model.load(published)(sound, training=training)
    found = HubLayer(published, trainable=True)(sound, training=training)
    assert set(found) == {"note", "onset", "contour"}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-6)
    assert float(np.max(found["note"])) > 0.3  # it hears the chord


def test_a_published_saved_model_is_trained_and_goes_on_from_a_file(published, sound, tmp_path):
    inputs = keras.Input((43844, 1))
    layer = HubLayer(published, trainable=True, output_key="note")
    model = keras.Model(inputs, layer(inputs))
    assert len(model.trainable_variables) == 18
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    targets = np.zeros((2, 172, 88), "float32")
    first = float(model.train_on_batch(sound, targets))
    assert float(model.train_on_batch(sound, targets)) < first
    model.save(tmp_path / "model.keras")
    kerazoo.hub.trust(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.predict(sound, verbose=0)
    np.testing.assert_allclose(other.predict(sound, verbose=0), expected, rtol=0, atol=1e-6)
    model.reset_metrics()
    losses = [float(one.train_on_batch(sound, targets)) for one in (model, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
