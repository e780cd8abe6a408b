"""What the adapter of tfmot refuses by itself; tests/parity/test_tfmot.py runs tfmot."""

import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from kerazoo.compress import quantize_with_tfmot
from kerazoo.errors import ConfigError, MissingDependencyError

pytestmark = pytest.mark.usefixtures("tensorflow_backend")
X, Y = np.zeros((4, 3), "float32"), np.zeros((4, 2), "float32")


def dense():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])


@pytest.mark.skipif(find_spec("tensorflow_model_optimization") is not None, reason="tfmot is here")
def test_without_tfmot_the_message_says_what_to_install():
    with pytest.raises(MissingDependencyError, match=r"tensorflow_model_opt.*kerazoo\[tfmot\]"):
        quantize_with_tfmot(dense(), X, Y)


def test_a_python_that_does_not_start_is_named(tmp_path):
    with pytest.raises(ConfigError, match="absent.*does not start"):
        quantize_with_tfmot(dense(), X, Y, python=tmp_path / "absent")


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    ("model", "changes", "words"),
    [
        (Subclassed(), {}, "functional and Sequential models that are built"),
        (keras.Sequential([keras.layers.Dense(2)]), {}, "built=False"),
        (dense(), {"epochs": 0}, "`epochs` must be an integer of 1 or above"),
        (dense(), {"batch_size": 0}, "`batch_size`"),
        (dense(), {"skip": ["dnse"]}, "`skip` names no layer of the model: 'dnse'"),
    ],
)
def test_wrong_arguments_are_refused(model, changes, words):
    with pytest.raises(ConfigError, match=words):
        quantize_with_tfmot(model, X, Y, python=sys.executable, **changes)
