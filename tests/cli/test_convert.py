"""`kerazoo convert` as a user meets it; what it calls is tested in tests/convert."""

import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.convert.old_files import MODELS, mixed_data


@pytest.fixture
def small(tmp_path):
    """A checkpoint of one dense layer, and a .keras file of a model for it."""
    values = {"fc/W": np.ones((3, 2), "float32"), "fc/b": np.ones(2, "float32")}
    prefix = str(tmp_path / "old.ckpt-1")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(values),
        shape_and_slices=["", ""],
        tensors=list(values.values()),
    )
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
    model.save(tmp_path / "empty.keras")
    return prefix, tmp_path / "empty.keras"


def test_a_keras_2_file(run, tmp_path):
    target = tmp_path / "new" / "new.keras"
    code, out, _ = run("convert", MODELS / "mixed.h5", target, "--no-verify", "--json")
    assert code == 0
    assert json.loads(out)["model"] == "mixed"
    inputs, expected = mixed_data()
    outputs = keras.saving.load_model(target).predict(inputs, verbose=0)
    np.testing.assert_allclose(outputs["logits"], expected["logits"], rtol=1e-5, atol=1e-6)
    assert [path.name for path in target.parent.iterdir()] == ["new.keras"]


def test_a_checkpoint_is_shown_before_it_is_taken(run, small, tmp_path, monkeypatch):
    prefix, model = small
    target = tmp_path / "new.keras"
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = run("convert", prefix, target, "--model", model)
    assert code == 2
    assert "dense/kernel  fc/W        3x2    only one of this shape" in err
    assert err.splitlines()[-1].startswith("kerazoo: The mapping above is inferred")
    assert not target.exists()
    code, out, _ = run("convert", prefix, target, "--model", model, "--yes")
    assert code == 0
    assert "8 parameters" in out
    assert keras.saving.load_model(target)(np.ones((1, 3))).numpy().tolist() == [[4.0, 4.0]]


def test_a_mapping_that_is_given_is_not_asked_for(run, small, tmp_path):
    prefix, model = small
    pairs = ("--map", "dense/kernel=fc/W", "--map", "dense/bias=fc/b")
    code, _, _ = run("convert", prefix, tmp_path / "new.keras", "--model", model, *pairs)
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["old.h5", "new.tflite"], "The target ends in .keras (Keras 3) or .h5 (Keras 2)"),
        (["old.h5", "new.h5", "--model", "mnist_cnn"], "go with a .keras target only"),
        (["old.h5", "new.keras"], "'old.h5' is not there"),
        (["old.h5", "new.keras", "--map", "a=b"], "go with a checkpoint"),
        (["{prefix}", "new.keras"], "--model names the one that takes them"),
        (["{prefix}", "new.keras", "--model", "{model}", "--map", "a"], "--map is VARIABLE=NAME"),
        (["{prefix}", "new.keras", "--model", "{model}", "--compare", "a"], "INPUT=OUTPUT"),
        (["{prefix}", "new.keras", "--model", "{model}", "--no-verify"], "--no-verify is not for"),
        (["mnist_cn", "new.h5"], "Did you mean 'mnist_cnn'"),
    ],
)
def test_wrong_input_is_one_line(run, small, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    names = {"prefix": small[0], "model": small[1]}
    code, out, err = run("convert", *(argument.format(**names) for argument in arguments))
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not out
    assert not list(tmp_path.glob("new*"))
