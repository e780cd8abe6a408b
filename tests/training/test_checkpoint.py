"""A checkpoint holds everything the next step depends on, or says that it is damaged."""

import keras
import numpy as np
import pytest

from kerazoo.errors import RunError
from kerazoo.training import checkpoint
from kerazoo.training.checkpoint import Progress


def model_with_everything(units=4):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(units),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-2, use_ema=True), "mse")
    return model


DATA = (
    np.random.default_rng(0).normal(size=(32, 3)).astype("float32"),
    np.random.default_rng(1).normal(size=(32, 1)).astype("float32"),
)


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path):
    keras.utils.set_random_seed(3)
    model = model_with_everything()
    for _ in range(5):
        model.train_on_batch(*DATA)
    progress = Progress(epoch=2, history={"loss": [0.5, 0.25]})
    checkpoint.save(tmp_path / "state.safetensors", model, progress)
    keras.utils.set_random_seed(99)
    copy = model_with_everything()
    assert checkpoint.restore(tmp_path / "state.safetensors", copy) == progress
    for _ in range(3):
        model.train_on_batch(*DATA)
        copy.train_on_batch(*DATA)
    for mine, other in zip(model.variables, copy.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())
    for mine, other in zip(model.optimizer.variables, copy.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_a_truncated_file_is_one_clear_error(tmp_path, cut):
    path = tmp_path / "state.safetensors"
    model = model_with_everything()
    checkpoint.save(path, model, Progress())
    path.write_bytes(path.read_bytes()[:cut])
    before = model.get_weights()
    with pytest.raises(RunError, match="is damaged"):
        checkpoint.restore(path, model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_another_models_file_is_refused(tmp_path):
    checkpoint.save(tmp_path / "state.safetensors", model_with_everything(units=5), Progress())
    with pytest.raises(RunError, match="another model or optimizer"):
        checkpoint.restore(tmp_path / "state.safetensors", model_with_everything(units=4))
