"""A checkpoint holds everything the next step depends on, or says that it is damaged."""

import errno
import os

import keras
import numpy as np
import pytest

from kerazoo.errors import RunError
from kerazoo.training import checkpoint
from kerazoo.training.checkpoint import Checkpoints, Progress
from kerazoo.training.model_state import state_variables

DATA = (
    np.random.default_rng(0).normal(size=(32, 3)).astype("float32"),
    np.random.default_rng(1).normal(size=(32, 1)).astype("float32"),
)


def model_with_everything(units=4):
    """Its steps run eagerly: each model here takes too few of them to be worth compiling."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(units),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    optimizer = keras.optimizers.Adam(1e-2, use_ema=True)
    model.compile(optimizer, "mse", metrics=["mae"], run_eagerly=True)
    model.train_on_batch(*DATA)  # builds optimizer and metrics
    return model


def values(model):
    return [v.numpy() for v in state_variables(model).values()]


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints")


def test_training_goes_on_as_if_it_had_not_stopped(checkpoints):
    keras.utils.set_random_seed(3)
    model = model_with_everything()
    for _ in range(5):
        model.train_on_batch(*DATA)
    progress = Progress(epoch=2, step=3, history={"loss": [0.5, 0.25]}, data="x")
    checkpoints.save(model, progress)
    checkpoints.wait()
    assert checkpoints.progress() == progress
    keras.utils.set_random_seed(99)
    copy = model_with_everything()
    assert checkpoints.restore(copy) == progress
    for _ in range(3):
        model.train_on_batch(*DATA)
        copy.train_on_batch(*DATA)
    for mine, other in zip(values(model), values(copy), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_the_state_is_complete_and_counts_nothing_twice():
    model = model_with_everything()
    names = list(state_variables(model))
    seeds = [v for v in model.variables if "seed" in v.path]
    assert seeds
    assert len(names) == len(model.variables) + len(model.optimizer.variables) + 4
    assert sum(name.startswith("metrics/") for name in names) == 4  # loss and mae: total, count


def test_what_is_saved_is_the_state_of_that_moment(checkpoints):
    """Training goes on while the file is written."""
    model = model_with_everything()
    before = values(model)
    checkpoints.save(model, Progress(epoch=1))
    for variable in state_variables(model).values():
        variable.assign(variable + keras.ops.ones_like(variable))
    checkpoints.wait()
    checkpoints.restore(model)
    for old, new in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_metric_may_be_no_number(checkpoints):
    """As of a class that the validation part lacks."""
    history = {"val_dice": [float("nan"), 0.5], "val_loss": [float("inf"), 1.0]}
    checkpoints.save(model_with_everything(), Progress(epoch=2, history=history))
    checkpoints.wait()
    np.testing.assert_equal(checkpoints.progress().history, history)


def test_the_newest_wins_and_two_are_kept(checkpoints):
    model = model_with_everything()
    for epoch, step in ((0, 9), (0, 10), (1, 0), (12, 5)):
        checkpoints.save(model, Progress(epoch, step))
    checkpoints.wait()
    assert checkpoints.progress() == Progress(12, 5)
    assert len(list(checkpoints.folder.iterdir())) == 2


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_a_half_written_one_is_skipped_with_a_line(checkpoints, notices, cut):
    model = model_with_everything()
    checkpoints.save(model, Progress(epoch=1))
    checkpoints.save(model, Progress(epoch=2))
    checkpoints.wait()
    newest = max(checkpoints.folder.iterdir())
    newest.write_bytes(newest.read_bytes()[:cut])
    assert checkpoints.restore(model) == Progress(epoch=1)
    (line,) = notices()
    assert str(newest) in line
    assert "is damaged" in line
    assert "skipped" in line
    assert not newest.exists(), "it would push out a whole one"


def test_when_none_is_whole_nothing_is_restored(checkpoints):
    model = model_with_everything()
    checkpoints.save(model, Progress(epoch=1))
    checkpoints.wait()
    (file,) = checkpoints.folder.iterdir()
    file.write_bytes(b"\0" * 50)
    before = values(model)
    with pytest.raises(RunError, match="No checkpoint in .* is whole"):
        checkpoints.restore(model)
    for old, new in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(old, new)


def test_another_models_file_is_refused(checkpoints):
    checkpoints.save(model_with_everything(units=5), Progress(epoch=1))
    checkpoints.wait()
    with pytest.raises(RunError, match="another model or optimizer"):
        checkpoints.restore(model_with_everything(units=4))


def test_what_a_killed_process_left_is_removed(checkpoints):
    model = model_with_everything()
    checkpoints.save(model, Progress(epoch=1))
    checkpoints.wait()
    scratch = checkpoints.folder / ".000002-00000000.safetensors.abcd1234"
    scratch.mkdir()
    (scratch / "000002-00000000.safetensors").write_bytes(b"half")
    assert checkpoints.restore(model) == Progress(epoch=1)
    assert [path.name[0] for path in checkpoints.folder.iterdir()] == ["0"]


def test_other_files_in_the_folder_are_left_alone(checkpoints):
    checkpoints.folder.mkdir()
    others = [checkpoints.folder / name for name in ("00001.safetensors", ".mine.abcd1234")]
    others[0].write_bytes(b"weights of mine")
    others[1].mkdir()
    model = model_with_everything()
    assert checkpoints.restore(model) == Progress()
    for epoch in range(1, 5):
        checkpoints.save(model, Progress(epoch))
    checkpoints.wait()
    assert checkpoints.restore(model) == Progress(4)
    assert all(path.exists() for path in others)


def test_weights_of_another_model_are_refused(tmp_path):
    checkpoint.save_values(tmp_path / "best.safetensors", model_with_everything(units=5))
    with pytest.raises(RunError, match="weights of another model, or is of an older kerazoo"):
        checkpoint.load_values(tmp_path / "best.safetensors", model_with_everything(units=4))


def test_a_full_disk_is_told_and_leaves_the_one_before(checkpoints, monkeypatch):
    model = model_with_everything()
    checkpoints.save(model, Progress(epoch=1))
    checkpoints.wait()

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    checkpoints.save(model, Progress(epoch=2))
    with pytest.raises(RunError, match="No space left on device"):
        checkpoints.wait()
    monkeypatch.undo()
    assert checkpoints.progress() == Progress(epoch=1)
    assert len(list(checkpoints.folder.iterdir())) == 1


def test_pure_bfloat16_comes_back_bit_for_bit(checkpoints):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
    model.compile("sgd", "mse", run_eagerly=True)
    model.train_on_batch(DATA[0], np.zeros((32, 2)))
    before = values(model)
    checkpoints.save(model, Progress(epoch=1))
    checkpoints.wait()
    for variable in model.weights:
        variable.assign(variable + 1)
    checkpoints.restore(model)
    for old, new in zip(before, values(model), strict=True):
        assert old.tobytes() == new.tobytes()
