"""`kerazoo quantize`, `prune` and `cluster`: run folder, file, and what they report."""

import json
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import loading


@pytest.fixture(autouse=True, scope="module")
def _read_before():
    """Nothing that another file's tests have read, and what these read is theirs."""
    loading._read_once.cache_clear()
    yield
    loading._read_once.cache_clear()


@pytest.fixture(autouse=True)
def _small_mnist(monkeypatch, tmp_path):
    """The MNIST that pip brings, in a folder of the test's own."""
    monkeypatch.delenv("KERAZOO_DATA", raising=False)
    monkeypatch.setenv("KERAZOO_CACHE", "/nonexistent")
    monkeypatch.chdir(tmp_path)


SHORT = (
    *("--epochs", 1, "--precision", "float32", "--set", "data.augment=null"),
    *("--set", "distribution.xla=false", "--json"),
)


@pytest.mark.parametrize("command", ["quantize", "prune", "cluster"])
def test_help_shows_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: kerazoo {command}" in out


def test_quantize_fine_tunes_and_writes_integers(run):
    code, out, _ = run("quantize", "mnist_mlp", "digits.tflite", *SHORT)
    assert code == 0
    found = json.loads(out)
    assert found["export"]["integer_only"]
    assert found["export"]["quantize"] == "int8"
    assert kerazoo.evaluate("runs/mnist_mlp-int8/model.keras", "digits")["accuracy"] > 0.75
    assert kerazoo.evaluate("digits.tflite", "digits")["accuracy"] > 0.75
    assert "scheme: int8" in Path("runs/mnist_mlp-int8/config.yaml").read_text()


@pytest.mark.slow
def test_post_training_trains_nothing(run, tmp_path):
    code, out, _ = run("quantize", "mnist_mlp", "digits.tflite", "--post-training", "--json")
    assert code == 0
    assert json.loads(out)["export"]["integer_only"]
    assert not (tmp_path / "runs").exists()
    code, out, _ = run(
        *("quantize", "mnist_mlp", "digits.tflite", "--post-training", "--json"),
        *("--max-accuracy-drop", 0.05),
    )
    assert json.loads(out)["export"]["float_layers"] == []


@pytest.mark.slow
def test_prune_and_cluster(run):
    code, out, _ = run("prune", "mnist_mlp", "pruned.tflite", "--sparsity", 0.75, *SHORT)
    assert code == 0
    assert json.loads(out)["compression"]["sparsity"] == pytest.approx(0.75, abs=0.01)
    code, out, _ = run("cluster", "mnist_mlp", "clustered.tflite", "--clusters", 8, *SHORT)
    assert code == 0
    model = kerazoo.zoo.open_model("runs/mnist_mlp-clustered/model.keras")
    plain = kerazoo.compress.strip(model)
    kernels = [layer.kernel.numpy() for layer in plain.layers if hasattr(layer, "kernel")]
    assert all(len(np.unique(kernel)) <= 8 for kernel in kernels)
    code, out, _ = run("prune", "mnist_mlp", "pruned.tflite", "--sparsity", 0.75, *SHORT[:-1])
    assert "sparsity" in out


def test_train_takes_quantize(run):
    code, _, _ = run("train", "mnist_mlp", "--quantize", "int8", *SHORT)
    assert code == 0
    model = kerazoo.zoo.open_model("runs/mnist_mlp/model.keras")
    assert any(isinstance(x, kerazoo.compress.FakeQuantize) for x in model.layers)


def test_errors_are_one_line(run):
    cases = {
        ("quantize", "mnist_mlp", "x.tflite", "--scheme", "int7"): "int7",
        ("quantize", "mnist_mlp", "x.tflite", "--max-accuracy-drop", "0.1"): "--post-training",
        ("prune", "mnist_mlp", "x.tflite", "--sparsity", "2"): "prune.sparsity",
        ("cluster", "mnist_mlp", "x.tflite", "--clusters", "1"): "cluster.clusters",
        (*("prune", "mnist_mlp", "x.tflite"), *("--pattern", "2:4", "--sparsity", "0.7")): (
            "--pattern 2:4 makes the sparsity 0.5. Received: --sparsity 0.7"
        ),
        ("quantize", "mine.keras", "x.tflite"): "compressed by kerazoo.compress",
        ("quantize", "mine.keras", "x.tflite", "--post-training"): "--calibration FOLDER",
        (
            "quantize",
            "dqn_cartpole",
            "x.tflite",
        ): "compresses, distills or predicts takes no agents",
        ("prune", "mnist_mpl", "x.tflite"): "Did you mean 'mnist_mlp'",
        ("prune", "mnist_mlp", "x.tflit"): "must end in .tflite",
        ("cluster", "mnist_mlp", "here"): "not empty and holds no SavedModel",
        ("quantize", "mnist_mlp", "x.keras"): "Integers are for files that end in .tflite",
        ("quantize", "mnist_mlp", "x.tflite", "--post-training", "--epochs", "1"): "trains nothing",
        ("quantize", "mnist_mlp", "x.tflite", "--post-training", "--no-resume"): "trains nothing",
        ("quantize", "my.yaml", "x.tflite", "--post-training"): "give its name",
        ("quantize", "dqn_cartpole", "x.tflite", "--post-training"): "learns in an environment",
    }
    Path("here").mkdir()
    Path("here/notes").touch()
    for arguments, text in cases.items():
        code, _, err = run(*arguments)
        assert code == 2
        assert text in err
        assert err.strip().count("\n") == 0
        assert "learning_rate" not in err  # which none of these commands names
    assert not Path("runs").exists()  # all of it is said before anything is trained
