"""A `.keras` file with a HubLayer: complete in itself, and loaded only when told to trust it."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import HubError
from kerazoo.hub import HubLayer, trusted

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


@keras.saving.register_keras_serializable(package="kerazoo_tests")
class Wrapped(keras.Model):
    """A subclassed model that is given its layer."""

    def __init__(self, hub, **kwargs):
        super().__init__(**kwargs)
        self.hub, self.head = hub, keras.layers.Dense(2, name="head")

    def call(self, inputs, training=None):
        return self.head(self.hub(inputs, training=training))

    def get_config(self):
        return {**super().get_config(), "hub": keras.saving.serialize_keras_object(self.hub)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("hub")), **config)


@keras.saving.register_keras_serializable(package="kerazoo_tests")
class HardWired(keras.Model):
    """A subclassed model that makes its layer itself, by the handle."""

    def __init__(self, folder, **kwargs):
        super().__init__(**kwargs)
        self.folder = str(folder)
        self.hub, self.head = HubLayer(folder, trainable=True), keras.layers.Dense(2, name="head")

    def call(self, inputs, training=None):
        return self.head(self.hub(inputs, training=training))

    def get_config(self):
        return {**super().get_config(), "folder": self.folder}


def untrained(kind, folder, rows):
    """A built model of that kind."""
    keras.utils.set_random_seed(0)
    if kind == "hard-wired":
        model = HardWired(folder)
    else:
        layer = HubLayer(folder, trainable=["dense/*"], name="hub")
        if kind == "sequential":
            model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(2)])
        elif kind == "functional":
            inputs = keras.Input((4,))
            model = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
        else:
            model = Wrapped(layer)
    model(rows())
    return model


def trained(kind, folder, rows):
    """A compiled model of that kind after a few steps, with an optimizer that remembers them."""
    model = untrained(kind, folder, rows)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    for seed in (0, 1):
        model.train_on_batch(rows(seed=seed), rows(seed=seed + 1)[:, :2])
    return model


def elsewhere(monkeypatch, tmp_path):
    """As on another machine: nothing trusted, nothing in the cache."""
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "other_cache"))
    for name in ("_folders", "_operations", "_carried"):
        monkeypatch.setattr(trusted, name, {})


@pytest.mark.parametrize("kind", ["sequential", "functional", "subclassed", "hard-wired"])
def test_a_model_goes_on_elsewhere(kind, own_copy, rows, tmp_path, monkeypatch):
    folder, path = own_copy("reusable"), tmp_path / "model.keras"
    model = trained(kind, folder, rows)
    model.save(path)
    expected = model.predict(rows(), verbose=0)
    next_loss = model.train_on_batch(rows(), rows(seed=1)[:, :2])
    shutil.rmtree(folder)
    elsewhere(monkeypatch, tmp_path)
    kerazoo.hub.trust(path)
    other = keras.saving.load_model(path)
    np.testing.assert_allclose(other.predict(rows(), verbose=0), expected, rtol=0, atol=1e-6)
    assert [v.name for v in other.trainable_variables] == [
        v.name for v in model.trainable_variables
    ]
    assert other.train_on_batch(rows(), rows(seed=1)[:, :2]) == pytest.approx(next_loss, rel=1e-6)
    other.save(tmp_path / "again.keras")  # it has all that a file needs


@pytest.mark.slow
def test_a_new_process_goes_on_without_the_original(own_copy, rows, tmp_path):
    folder, path = own_copy("text"), tmp_path / "model.keras"
    import tensorflow as tf

    texts = tf.constant(["good bad", "ugly", "good good ugly"])
    targets = rows(3)[:, :2]
    inputs = keras.Input((), dtype="string")
    hidden = HubLayer(folder, trainable=True)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(hidden))
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(texts, targets, epochs=3, verbose=0)
    model.save(path)
    expected = model.predict(texts, verbose=0).tolist()
    next_loss = model.train_on_batch(texts, targets)
    shutil.rmtree(folder)
    program = f"""
import json, kerazoo, keras, numpy as np, tensorflow as tf
kerazoo.hub.trust({str(path)!r})
model = keras.saving.load_model({str(path)!r})
texts = tf.constant(["good bad", "ugly", "good good ugly"])
outputs = model.predict(texts, verbose=0).tolist()
print(json.dumps([outputs, float(model.train_on_batch(texts, np.array({targets.tolist()})))]))
"""
    environment = {**os.environ, "KERAZOO_CACHE": str(tmp_path / "other")}
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr[-2000:]
    outputs, loss = json.loads(run.stdout.splitlines()[-1])
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-6)
    assert loss == pytest.approx(float(next_loss), rel=1e-6)


def test_a_file_loads_only_when_told_to_trust_it(own_copy, rows, tmp_path, monkeypatch):
    folder, path = own_copy("reusable"), tmp_path / "model.keras"
    model = untrained("sequential", folder, rows)
    sha256 = model.get_layer("hub").sha256
    model.save(path)
    elsewhere(monkeypatch, tmp_path)
    for _ in range(2):  # the folder being there makes no difference
        with pytest.raises(HubError, match=f"SHA-256 {sha256}.*kerazoo.hub.trust") as error:
            keras.saving.load_model(path)
        assert "\n" not in str(error.value)
        shutil.rmtree(folder, ignore_errors=True)
    with pytest.raises(HubError, match=f"carries the SavedModel {sha256}, not {'0' * 64}"):
        kerazoo.hub.trust(path, sha256="0" * 64)
    assert kerazoo.hub.trust(path, sha256=sha256) == (sha256,)
    keras.saving.load_model(path)


def test_a_class_that_makes_its_layer_is_no_way_around(own_copy, rows, tmp_path, monkeypatch):
    folder, path = own_copy("reusable"), tmp_path / "model.keras"
    untrained("hard-wired", folder, rows).save(path)
    elsewhere(monkeypatch, tmp_path)
    with pytest.raises(HubError, match="kerazoo.hub.trust"):
        keras.saving.load_model(path)


def test_nothing_is_fetched_because_a_file_says_so(own_copy, rows, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    untrained("sequential", own_copy("reusable"), rows).save(path)
    config = json.loads(zipfile.ZipFile(path).read("config.json"))
    layer = next(one for one in config["config"]["layers"] if one["class_name"] == "HubLayer")
    layer["config"].update(handle="https://example.com/evil.tar.gz", sha256=None)
    monkeypatch.delenv("KERAZOO_OFFLINE")
    monkeypatch.setattr("kerazoo.hub.download.is_reachable", lambda url: pytest.fail("fetched"))
    for safe_mode in (True, False):
        with pytest.raises(HubError, match="kerazoo.hub.trust"):
            keras.saving.deserialize_keras_object(config, safe_mode=safe_mode)


def rewritten(path, edit):
    """The model file with each member's content changed by `edit(name, content)`; None drops it."""
    with zipfile.ZipFile(path) as file:
        members = {name: edit(name, file.read(name)) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            if content is not None:
                file.writestr(name, content)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("saved_model.pb", b"other", "is damaged: the SavedModel in it has SHA-256"),
        ("kerazoo_hub.json", b"{}", "that kerazoo did not put there"),
        ("kerazoo_hub.json", None, "that kerazoo did not put there"),
        ("kerazoo_hub.json", b'{"handle": "a", "sha256": "../../../evil"}', "did not put there"),
    ],
)
def test_changed_files_are_refused(name, content, words, own_copy, rows, tmp_path):
    path = tmp_path / "model.keras"
    untrained("sequential", own_copy("reusable"), rows).save(path)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    rewritten(path, lambda member, old: content if member.endswith(name) else old)
    with pytest.raises(HubError, match=words):
        kerazoo.hub.trust(path)


def test_a_hostile_program_in_a_file_is_refused(own_copy, rows, tmp_path, monkeypatch):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path, digests = tmp_path / "model.keras", {}
    untrained("sequential", own_copy("reusable"), rows).save(path)

    def evil(member, content):
        if member.endswith("saved_model.pb"):
            program = SavedModel.FromString(content)
            program.meta_graphs[0].graph_def.node.add(name="evil", op="WriteFile")
            return program.SerializeToString()
        return content

    rewritten(path, evil)
    # Whoever makes such a file also writes the right hash beside it.
    with pytest.raises(HubError, match="is damaged") as error:
        kerazoo.hub.trust(path)
    digests["new"] = str(error.value).split()[-1].rstrip(".")
    record = json.dumps({"handle": "a", "sha256": digests["new"]}).encode()
    rewritten(path, lambda member, old: record if member.endswith("_hub.json") else old)
    with pytest.raises(HubError, match="model.keras holds the operation WriteFile"):
        kerazoo.hub.trust(path)
    assert not trusted.is_trusted(digests["new"])


def test_files_without_a_saved_model_need_no_trust(tmp_path):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    with pytest.raises(HubError, match="carries no SavedModel"):
        kerazoo.hub.trust(path)
    path.write_bytes(b"no file")
    with pytest.raises(HubError, match="damaged or no .keras file"):
        kerazoo.hub.trust(path)


def test_a_folder_that_changed_since_is_not_saved(own_copy, rows, tmp_path):
    folder = own_copy("reusable")
    model = untrained("sequential", folder, rows)
    (folder / "fingerprint.pb").write_bytes(b"other")
    with pytest.raises(HubError, match="was moved or changed since it was loaded"):
        model.save(tmp_path / "model.keras")
    shutil.rmtree(folder)
    with pytest.raises(HubError, match="was moved or changed since it was loaded"):
        model.save(tmp_path / "model.keras")


def test_weights_files_hold_the_values(own_copy, rows, tmp_path):
    folder = own_copy("reusable")
    model = trained("functional", folder, rows)
    model.save_weights(tmp_path / "model.weights.h5")
    inputs = keras.Input((4,))
    layer = HubLayer(folder, name="hub")  # frozen: the order of the values must not depend on it
    other = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(
        other.predict(rows(), verbose=0), model.predict(rows(), verbose=0)
    )
