"""A wrapper in a file: loaded, it goes on exactly where it was.

Steps run eagerly, which is faster than compiling each twice; what is saved does not depend on it.
"""

import json
import re

import keras
import numpy as np
import pytest

from tests.training.steps.conftest import ON, X, compiled, fit, make_net


def arguments(wrapper):
    """The config without the shapes of building: tuples there are lists after loading."""
    return json.loads(
        re.sub(r'"build_config": {[^}]*}', '"build_config": 0', json.dumps(wrapper.get_config()))
    )


@pytest.mark.parametrize("name", sorted(ON.keys() - {"MixedSampleAugment-mixup"}))  # as cutmix
def test_saved_and_loaded_it_goes_on_as_if_nothing_had_happened(name, tmp_path):
    wrapper = compiled(ON[name](make_net(dropout=0.5, norm=True)), run_eagerly=True)
    fit(wrapper, epochs=1)
    wrapper.save(tmp_path / "wrapper.keras")
    keras.utils.set_random_seed(99)  # another process would have drawn other seeds
    loaded = keras.saving.load_model(tmp_path / "wrapper.keras", safe_mode=True)

    assert type(loaded) is type(wrapper)
    assert arguments(loaded) == arguments(wrapper)
    assert int(loaded.optimizer.iterations) == int(wrapper.optimizer.iterations) == 3
    np.testing.assert_array_equal(loaded(X), wrapper(X))
    assert fit(loaded, epochs=1) == fit(wrapper, epochs=1)
    for ours, theirs in zip(loaded.variables, wrapper.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len({variable.path for variable in wrapper.weights}) == len(wrapper.weights)


@pytest.mark.parametrize("name", ["MeanTeacher", "Contrastive"])
def test_weights_alone_come_back_too(name, tmp_path):
    wrapper = compiled(ON[name](make_net(dropout=0.5)), run_eagerly=True)
    fit(wrapper, epochs=1)
    wrapper.save_weights(tmp_path / "all.weights.h5")
    other = ON[name](make_net(dropout=0.5, seed=2))
    other.load_weights(tmp_path / "all.weights.h5")
    for ours, theirs in zip(other.variables, wrapper.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@keras.saving.register_keras_serializable(package="tests.training.steps")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flat, self.dense = keras.layers.Flatten(), keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(self.flat(inputs))


@pytest.mark.parametrize("name", ["MeanTeacher", "Contrastive"])
def test_a_subclassed_model_without_a_training_argument(name, tmp_path):
    net = Subclassed()
    net(X)
    wrapper = compiled(ON[name](net), run_eagerly=True)
    fit(wrapper, epochs=1)
    wrapper.save(tmp_path / "wrapper.keras")
    loaded = keras.saving.load_model(tmp_path / "wrapper.keras", safe_mode=True)
    assert isinstance(loaded.model, Subclassed)
    assert fit(loaded, epochs=1) == fit(wrapper, epochs=1)
