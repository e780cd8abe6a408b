"""The command line as a user meets it: answers on stdout, errors in one line, exit codes."""

import importlib.metadata
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo

COMMANDS = [
    *("list", "info", "train", "distill", "evaluate", "predict", "export", "benchmark", "doctor"),
    *("convert", "quantize", "prune", "cluster", "launch", "demo", "graph", "profile"),
]


def test_answers_from_yaml_need_no_tensorflow():
    code = """
import sys
from kerazoo.cli.main import main
for arguments in (["list"], ["list", "--pretrained", "--json"], ["info", "mnist_cnn"], ["--help"]):
    sys.argv = ["kerazoo", *arguments]
    try:
        main()
    except SystemExit as stopped:
        assert not stopped.code
loaded = {"tensorflow", "keras", "jax", "torch"} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: kerazoo {command}" in out


def test_list_and_info(run):
    _, out, _ = run("list", "mnist_*", "--json")
    assert [card["name"] for card in json.loads(out)] == ["mnist_cnn", "mnist_mlp"]
    _, out, _ = run("list", "--task", "regression")
    assert "linear_regression" in out
    assert "mnist" not in out
    _, out, _ = run("info", "mnist_cnn", "--json")
    assert json.loads(out) == kerazoo.info("mnist_cnn").to_dict()
    _, out, _ = run("info", "mnist_cnn")
    assert "Apache-2.0" in out


def test_train_writes_a_run_folder(run, tmp_path):
    code, out, err = run(
        *("train", "linear_regression", "--epochs", 2, "--output-dir", tmp_path / "run"),
        *("--set", "training.optimizer.learning_rate=1e-3", "--json"),
    )
    assert code == 0
    result = json.loads(out)
    assert len(result["history"]["loss"]) == 2
    assert (tmp_path / "run" / "model.keras").is_file()
    assert "learning_rate: 0.001" in (tmp_path / "run" / "config.yaml").read_text()
    assert "epoch 2/2" in err


def test_distill_trains_a_student_beside_its_teacher(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAZOO_DATA", raising=False)
    code, out, _ = run(
        *("distill", "mnist_mlp", "--teacher", "mnist_cnn", "--epochs", 1, "--precision"),
        *("float32", "--loss", "decoupled", "--loss", "similarity", "--json"),
        *("--set", "data.augment=null", "--set", "distillation.student_loss_weight=0.2"),
        *("--set", "distribution.xla=false"),
    )
    assert code == 0
    result = json.loads(out)
    assert {"distillation_loss", "student_loss", "val_accuracy"} <= result["history"].keys()
    assert result["run_dir"] == "runs/mnist_mlp-from-mnist_cnn"
    config = (tmp_path / "runs" / "mnist_mlp-from-mnist_cnn" / "config.yaml").read_text()
    assert "student_loss_weight: 0.2" in config
    student = keras.saving.load_model(f"{result['run_dir']}/model.keras")
    assert student.count_params() == kerazoo.get("mnist_mlp").count_params()


def test_evaluate_prints_what_the_function_returns(run):
    _, out, _ = run("evaluate", "mnist_mlp", "--dataset", "digits", "--json")
    assert json.loads(out) == pytest.approx(kerazoo.evaluate("mnist_mlp", "digits"))
    _, out, _ = run("evaluate", "mnist_mlp", "--dataset", "digits")
    assert out.split()[0] == "accuracy"


def test_predict_names_digits(run, tmp_path):
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    answers = kerazoo.get("mnist_cnn").predict(images[:50], verbose=0).argmax(1)
    right = [n for n in range(50) if answers[n] == labels[n]][:3]
    files = []
    for number in right:
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(tf.io.encode_png(images[number]).numpy())
    inverted = tmp_path / "paper.jpg"
    inverted.write_bytes(tf.io.encode_jpeg(255 - images[right[0]], quality=100).numpy())
    np.save(tmp_path / "all.npy", images[right])
    _, out, _ = run("predict", "mnist_cnn", *files, tmp_path / "all.npy", "--json")
    said = [next(iter(prediction["scores"])) for prediction in json.loads(out)]
    assert said == [str(labels[number]) for number in right] * 2
    _, out, _ = run("predict", "mnist_cnn", inverted, "--invert", "--top", 1)
    assert out.split()[1] == str(labels[right[0]])


def test_predict_prints_values_for_regression(run, tmp_path):
    features, _ = kerazoo.datasets.load_numpy("diabetes", "test")
    np.save(tmp_path / "patient.npy", features[0])
    _, out, _ = run("predict", "linear_regression", tmp_path / "patient.npy")
    expected = kerazoo.get("linear_regression").predict(features[:1], verbose=0)[0, 0]
    assert float(out.split()[-1]) == pytest.approx(expected, rel=1e-4)


def test_export_and_benchmark(run, tmp_path):
    code, out, _ = run("export", "mnist_mlp", tmp_path / "digits.tflite", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["quantize"] == "int8"  # as the card says
    assert report["integer_only"] is True
    assert report["size_bytes"] == (tmp_path / "digits.tflite").stat().st_size
    code, out, _ = run("benchmark", tmp_path / "digits.tflite", "--json")
    assert json.loads(out)[0]["median_us"] > 0
    code, out, _ = run("benchmark", "mnist_mlp", "--quantize", "none", "--quantize", "float16")
    assert "float16" in out


def test_no_command_shows_the_help_as_it_is(run):
    code, out, err = run()
    assert code == 0
    assert err == ""
    assert out.count("\n") > 10


def test_doctor_tells_versions(run):
    _, out, _ = run("doctor", "--json")
    found = json.loads(out)
    assert found["versions"]["keras"] == keras.__version__
    assert "CPU:0" in found["devices"]


def test_doctor_advises_no_extra_that_brings_nothing(run, monkeypatch):
    requires = ["absent; python_version < '3.10' and extra == 'rl'", "absent; extra == 'hub'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: requires)
    _, out, _ = run("doctor")
    assert 'lacks absent: pip install "kerazoo[hub]"' in out
    assert 'needs python_version < "3.10"' in out
    assert "kerazoo[rl]" not in out


def test_errors_are_one_line_with_exit_code_2(run, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no image")
    cases = {
        ("info", "mnist_cn"): "Did you mean 'mnist_cnn'",
        ("train", "mnist_mlp", "--set", "training.epoch=3"): "Did you mean 'epochs'",
        ("train", "mnist_mlp", "--set", "epochs"): "--set takes FIELD=VALUE",
        ("train", "mnist_mlp", "--precision", "float8"): "distribution.precision",
        ("train", "mnist_mlp", "--epoch", "3"): "See `kerazoo train --help`",
        ("distill", "mnist_mlp", "--teacher", "mnist_cn"): "Did you mean 'mnist_cnn'",
        ("distill", "mnist_mlp"): "--teacher",
        ("evaluate", "mnist_mlp", "--dataset", "minst"): "Did you mean 'mnist'",
        ("predict", "mnist_mlp", str(text)): "is no PNG, JPEG, GIF, BMP or WebP image",
        ("predict", "mnist_mlp", "none.png"): "Cannot read 'none.png'",
        ("predict", "linear_regression", str(text)): "pass a .npy file",
        ("export", "mnist_mlp", "x.tflite", "--quantize", "int9"): "'int8'",
        ("export", "mnist_mlp", "x.docx"): ".tflite",
        (
            "evaluate",
            "mnist_mlp",
            "--batch-size",
            "-1",
        ): "`batch_size` must be an integer of 1 or above",
        ("evaluate", "dqn_cartpole", "--split", "train"): "--split is not for agents",
        ("train", "dqn_cartpole", "--precision", "float32"): "--precision is not for agents",
        ("benchmark", "x.tflite", "--quantize", "int8"): "--quantize is not for a .tflite file",
        ("benchmark", "mnist_mlp", "--threads", "2"): "--threads is not for models",
        ("frobnicate",): "frobnicate",
    }
    for arguments, says in cases.items():
        code, out, err = run(*arguments)
        assert code == 2, arguments
        assert says in err, (arguments, err)
        assert err.count("\n") == 1, err
        assert out == ""


@pytest.mark.slow
@pytest.mark.release
def test_demo_tells_the_whole_story(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAZOO_DATA", raising=False)
    code, out, _ = run("demo", "--json")
    assert code == 0
    told = json.loads(out)
    assert "scikit-learn" in told["digits"] or "MNIST" in told["digits"]
    assert told["accuracy"] > 0.9
    assert told["trained_accuracy"] > 0.9
    float32, int8 = told["exports"]
    assert int8["integer_only"] is True
    assert int8["size_bytes"] < 0.26 * float32["size_bytes"]
    assert int8["agreement"] >= 0.99
