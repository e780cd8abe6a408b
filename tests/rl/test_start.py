"""Keras 2 for TF-Agents, Keras 3 for everything else, and one clear line where that cannot be."""

import importlib.util
import subprocess
import sys

import pytest

from kerazoo.errors import MissingDependencyError
from kerazoo.rl import _start

HAS_EXTRA = importlib.util.find_spec("gymnasium") is not None
needs_extra = pytest.mark.skipif(not HAS_EXTRA, reason="needs the extra rl")


def answer(program):
    """What a new process prints."""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert "unmaintained" not in run.stderr  # the old gym's notice, which TF-Agents would bring
    return run.stdout.strip()


def test_importing_costs_neither_keras_nor_tensorflow():
    heavy = "('keras', 'tensorflow', 'tf_agents', 'numpy')"
    program = f"import sys, kerazoo.rl; print([m for m in {heavy} if m in sys.modules])"
    assert answer(program) == "[]"


def test_without_the_extra_a_name_is_one_clear_line():
    program = (
        "import kerazoo.rl\n"
        "kerazoo.rl._start._PACKAGES = ('tf_agents_absent', 'gymnasium_absent')\n"
        "try:\n"
        "    kerazoo.rl.KerasNetwork\n"
        "except kerazoo.errors.MissingDependencyError as error:\n"
        "    print(error)\n"
    )
    said = answer(program)
    assert said.startswith("kerazoo.rl needs ")
    assert "\n" not in said


def test_a_python_too_new_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(_start, "_PACKAGES", ("tf_agents_absent",))
    monkeypatch.setattr(_start.sys, "version_info", Version((3, 12)))
    with pytest.raises(
        MissingDependencyError, match=r"Python 3\.10 or 3\.11.*this is Python 3\.12"
    ):
        _start.check_installed()


class Version(tuple):
    major, minor = property(lambda self: self[0]), property(lambda self: self[1])


@needs_extra
def test_keras_stays_keras_3_and_tf_keras_becomes_keras_2():
    program = (
        "import keras, tensorflow, kerazoo.rl\n"
        "network = kerazoo.rl.KerasNetwork\n"
        "print(keras.__version__[0], tensorflow.keras.layers.Layer.__module__.split('.')[0])\n"
    )
    assert answer(program) == "3 tf_keras"


@needs_extra
def test_tf_keras_used_as_keras_3_before_is_one_clear_error():
    program = (
        "import tensorflow as tf\n"
        "tf.keras.layers\n"
        "try:\n"
        "    import kerazoo.rl\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    said = answer(program)
    assert "before whatever uses tf.keras, or start with TF_USE_LEGACY_KERAS=1" in said
    assert "\n" not in said


@needs_extra
def test_the_rest_of_kerazoo_works_in_the_same_process(tmp_path):
    """After an agent's network was made: a model is trained, saved, exported and run."""
    program = f"""
import kerazoo, kerazoo.rl
network = kerazoo.rl.KerasNetwork
result = kerazoo.train("linear_regression", epochs=2, output_dir={str(tmp_path / "run")!r},
                       progress=False)
report = kerazoo.export(result.model, {str(tmp_path / "linear.tflite")!r})
print(type(result.model).__module__.split(".")[0], report.max_abs_error < 1e-3)
"""
    assert answer(program).splitlines()[-1] == "keras True"
