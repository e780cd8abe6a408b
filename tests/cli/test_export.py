"""`kerazoo export`: where the calibration comes from, and what is said at once."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo


@pytest.fixture
def photographs(tmp_path):
    """Digits as .png files, in folders within the folder."""
    images, _ = kerazoo.datasets.load_numpy("digits", "test")
    for number, image in enumerate(images[:40]):
        file = tmp_path / "photographs" / str(number % 3) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(tf.io.encode_png(image).numpy())
    return tmp_path / "photographs"


def test_images_of_a_folder_calibrate(run, photographs, tmp_path):
    path = tmp_path / "m.tflite"
    code, out, err = run(
        *("export", "mnist_mlp", path, "--quantize", "int8_io", "--calibration", photographs),
        "--json",
    )
    assert code == 0, err
    report = json.loads(out)
    assert (report["quantize"], report["data"]) == ("int8_io", "40 calibration samples")
    loaded = kerazoo.load_tflite(path)
    assert loaded.labels == list("0123456789")
    assert loaded.signature.inputs[0].scale == pytest.approx(1.0, rel=0.01)  # 0..255 in 255 steps


def test_names_beside_a_file_go_along_and_whole_pixels_are_given(run, photographs, tmp_path):
    inputs = keras.Input((20, 20, 1), dtype="uint8")  # digits are squeezed, to fractions
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs)))
    keras.Model(inputs, outputs, name="mine").save(tmp_path / "mine.keras")
    (tmp_path / "mine.labels.json").write_text('["zero", "one", "two"]')
    path = tmp_path / "m.tflite"
    code, _, err = run(
        *("export", tmp_path / "mine.keras", path, "--quantize", "int8", "--no-verify"),
        *("--calibration", photographs),
    )
    assert code == 0, err
    assert kerazoo.load_tflite(path).labels == ["zero", "one", "two"]


def test_a_npy_file_calibrates(run, tmp_path):
    images, _ = kerazoo.datasets.load_numpy("digits", "test")
    np.save(tmp_path / "x.npy", images[:50] // 2)
    path = tmp_path / "m.tflite"
    code, _, err = run(
        *("export", "mnist_mlp", path, "--quantize", "int8_io", "--no-verify"),
        *("--calibration", tmp_path / "x.npy"),
    )
    assert code == 0, err
    scale = kerazoo.load_tflite(path).signature.inputs[0].scale
    assert scale == pytest.approx(images[:50].max() // 2 / 255, rel=0.01)


ERRORS = """
import sys
from kerazoo.cli.main import main
for arguments in sys.argv[1:]:
    sys.argv = ["kerazoo", *arguments.split()]
    try:
        main()
    except SystemExit as stopped:
        assert stopped.code == 2, stopped.code
loaded = {"tensorflow", "keras"} & set(sys.modules)
assert not loaded, loaded
"""


def test_what_is_missing_is_said_before_tensorflow_is_loaded(tmp_path):
    commands = {
        f"export efficientnet_lite{size} m.tflite --quantize int8": "--calibration FOLDER"
        for size in (0, 1, 2)
    }
    commands |= {
        "evaluate efficientnet_lite0": "'test' part cannot be read by name",
        "evaluate mnist_mlp --dataset imagenet --split train": "'train' part cannot be read",
        "train efficientnet_lite0": "kerazoo fine-tune",
        "train mnist_mlp --set data.dataset=imagenet": "kerazoo fine-tune",
        "export mnist_mlp m.tflite --calibration none/": "must be a folder of images",
        "export dqn_cartpole m.tflite --calibration x.npy": "--calibration is not for agents",
    }
    done = subprocess.run(
        [sys.executable, "-c", ERRORS, *commands],
        cwd=tmp_path,
        env={**os.environ, "EAGER_IMPORT": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == len(commands), lines
    for line, says in zip(lines, commands.values(), strict=True):
        assert says in line


@pytest.mark.slow
@pytest.mark.release
def test_the_command_of_the_card_exports_an_imagenet_network(run, tmp_path):
    card, path = kerazoo.info("efficientnet_lite0"), tmp_path / "model.tflite"
    code, out, err = run("export", card.name, path, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["quantize"] == "float16"
    assert report["agreement"] >= 0.99
    assert report["size_bytes"] < 2.1 * card.parameters
    assert kerazoo.load_tflite(path).labels[207] == "golden retriever"
