"""`kerazoo benchmark`: which modes it measures of a file of one's own."""

import json

import keras
import numpy as np
import pytest

from kerazoo.exporters import QUANTIZE_MODES


@pytest.fixture
def mine(tmp_path):
    """A .keras file of one dense layer."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="own")
    model.save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def test_modes_that_need_inputs_are_left_out_without_them(run, notices, mine):
    code, out, err = run("benchmark", mine, "--json")
    assert code == 0, err
    assert [row["quantize"] for row in json.loads(out)] == ["none", "float16", "dynamic"]
    (line,) = notices()
    assert line.startswith("int8, int8_io, int16x8 are left out: ")
    assert "--calibration, a folder of images or a .npy file" in line


def test_with_inputs_all_modes_are_measured(run, notices, mine, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 4)).astype("float32"))
    code, out, err = run("benchmark", mine, "--calibration", tmp_path / "x.npy", "--json")
    assert code == 0, err
    rows = json.loads(out)
    assert [row["quantize"] for row in rows] == ["none", *QUANTIZE_MODES]
    assert {row["quantize"] for row in rows if row["integer_only"]} == {
        "int8",
        "int8_io",
        "int16x8",
    }
    assert notices() == []


@pytest.mark.parametrize("command", ["benchmark {}", "export {} m.tflite"])
def test_a_mode_that_is_asked_for_names_the_option(run, mine, command):
    code, out, err = run(*command.format(mine).split(), "--quantize", "int8")
    assert (code, out) == (2, "")
    assert "needs `calibration`" in err
    assert "in a command --calibration, a folder of images or a .npy file." in err
