"""`kerazoo fine-tune`: from a folder of images to a checked file with their names in it."""

import json
from pathlib import Path

import numpy as np
import pytest

import kerazoo


@pytest.fixture(autouse=True)
def _folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos(tmp_path):
    """Dark and light images of different sizes, nine of each."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 180)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(9):
            image = rng.integers(low, low + 70, (20 + number, 24, 1)).astype("uint8")
            tf.io.write_file(
                str(tmp_path / "photos" / name / f"{number}.png"), tf.io.encode_png(image)
            )
    return tmp_path / "photos"


@pytest.mark.slow
def test_from_a_folder_to_a_file(run, photos):
    code, out, err = run(
        *("fine-tune", "mnist_cnn", photos, "--validation", 0.3, "--epochs", 0, "--export"),
        *("shades.tflite", "--quantize", "dynamic", "--precision", "float32", "--json"),
    )
    assert code == 0, err
    found = json.loads(out)
    assert found["metrics"]["val_accuracy"] == 1.0
    assert found["run_dir"] == "runs/mnist_cnn-fine-tuned"
    file = kerazoo.load_tflite("shades.tflite")
    assert file.labels == ["dark", "light"]
    bright = np.full((1, 28, 28, 1), 220, np.float32)
    assert file.labels[int(np.asarray(file.predict(bright)).argmax())] == "light"


def test_an_unknown_network_is_one_line(run, photos):
    code, _, err = run("fine-tune", "mnist_cn", photos)
    assert code == 2
    assert err.splitlines()[-1].startswith("kerazoo: Unknown backbone 'mnist_cn'. Did you mean")


def test_the_file_is_refused_before_the_training(run, photos):
    code, _, err = run("fine-tune", "efficientnet_lite0", photos, "--export", "photos.tflit")
    assert code == 2
    assert ".tflit'" in err.splitlines()[-1]
    photographs = ("fine-tune", "efficientnet_lite0", photos)
    for options, says in (
        (("--export", "photos.tflite", "--quantize", "in8"), "Did you mean 'int8'"),
        (("--export", "photos.keras", "--quantize", "int8"), "ends in .tflite"),
        (("--quantize", "int8"), "goes with --export"),
    ):
        code, _, err = run(*photographs, *options)
        assert (code, err.count("\n")) == (2, 1)
        assert says in err
    assert not Path("runs").exists()


def test_help_shows_an_example(run):
    code, out, _ = run("fine-tune", "--help")
    assert code == 0
    assert "Example: kerazoo fine-tune" in out
