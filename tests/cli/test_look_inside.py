"""`kerazoo graph` and `profile` as a user meets them; tests/inspect holds what they call."""

import json
import xml.etree.ElementTree as ElementTree

import keras
import pytest

from kerazoo import inspect


@pytest.fixture
def small(tmp_path):
    """A .keras file of one dense layer."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")], name="small")
    model.save(tmp_path / "small.keras")
    return tmp_path / "small.keras"


@pytest.mark.parametrize("command", ["graph", "profile"])
def test_help_shows_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: kerazoo {command}" in out


def test_a_graph_is_printed_drawn_or_given_as_json(run, small, tmp_path):
    code, out, _ = run("graph", small)
    assert code == 0
    assert out.startswith("small: ")
    assert "after Grappler" in out
    code, out, _ = run("graph", small, "--json")
    plain = json.loads(out)
    assert [node["op"] for node in plain["nodes"]].count("MatMul") == 1
    assert plain["variables"][0]["tensor"]["shape"] == [3, 2]
    code, out, _ = run("graph", small, "--output", tmp_path / "graph.svg", "--after", "--inline")
    assert code == 0
    assert "nodes" in out
    assert "_FusedMatMul" in "".join(ElementTree.parse(tmp_path / "graph.svg").getroot().itertext())


def test_a_profile_is_a_table_or_json(run, small):
    code, out, _ = run("profile", small, "--batch-size", 4, "--json")
    assert code == 0
    assert json.loads(out) == inspect.profile(keras.saving.load_model(small), 4).to_dict()
    code, out, _ = run("profile", "mnist_mlp")
    assert code == 0
    assert "101,770" in out  # weights, in the README's table of models


def test_errors_are_one_line(run, small, tmp_path):
    words = keras.Input((None,), dtype="int32")
    keras.Model(words, keras.layers.Embedding(5, 2)(words)).save(tmp_path / "open.keras")
    (tmp_path / "file").touch()
    cases = {
        ("graph", small, "--output", "graph.png"): "--output must end in .svg, .dot, .txt",
        ("graph", "x.tflite"): "`evaluate` and `benchmark`",
        ("profile", "x.tflite"): "`evaluate` and `benchmark`",
        ("graph", "mnist_cn"): "Did you mean 'mnist_cnn'",
        ("graph", tmp_path / "none.keras"): "No model file",
        ("graph", small, "--output", tmp_path / "file" / "graph.svg"): "Cannot create the folder",
        ("profile", small, "--batch-size", 0): "batch-size",
        ("profile", tmp_path / "open.keras"): "needs inputs of known size",
    }
    for arguments, text in cases.items():
        code, out, err = run(*arguments)
        assert code == 2
        assert text in err
        assert err.strip().count("\n") == 0
        assert not out
