"""`kerazoo.train`: what a recipe gives, repeats, resumes, and refuses."""

import errno
import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import safetensors.numpy
from sklearn.linear_model import LinearRegression

import kerazoo
from kerazoo.errors import ConfigError, DataError, RunError, UnknownNameError
from kerazoo.training import Loop, callbacks
from kerazoo.training.recipe_data import split_data
from kerazoo.training.run_folder import RunFolder
from kerazoo.zoo.catalogue import find_config
from kerazoo.zoo.config_file import with_overrides
from tests.training.conftest import tiny_recipe


def weights_of(model):
    return np.concatenate([np.ravel(weight) for weight in model.get_weights()])


@pytest.fixture(scope="module")
def whole(small_mnist, tmp_path_factory):
    """A run of the tiny recipe, for the tests that change nothing in its folder."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return kerazoo.train(tiny_recipe(), output_dir=folder, progress=False)


@pytest.mark.slow
def test_linear_regression_reaches_least_squares(tmp_path):
    result = kerazoo.train("linear_regression", output_dir=tmp_path / "run", progress=False)
    x, y = kerazoo.datasets.load_numpy("diabetes", "train")
    x_test, y_test = kerazoo.datasets.load_numpy("diabetes", "test")
    best = LinearRegression().fit(x, y)
    assert result.metrics["r2_score"] == pytest.approx(best.score(x, y), abs=1e-3)
    measured = kerazoo.evaluate(result.model)["r2_score"]
    assert measured == pytest.approx(best.score(x_test, y_test), abs=0.01)


def test_a_run_learns_and_fills_its_folder(whole):
    result = whole
    accuracy = result.history["val_accuracy"]
    assert accuracy[-1] > 0.6 > 0.2 > 1 / 10
    assert set(result.metrics) == {"val_loss", "val_accuracy"}
    assert {path.name for path in result.run_dir.iterdir()} == {
        "config.yaml",
        "environment.json",
        "checkpoints",
        "best.safetensors",
        "history.csv",
        "tensorboard",
        "model.keras",
        "metrics.json",
    }
    environment = json.loads((result.run_dir / "environment.json").read_text())
    assert environment["versions"]["keras"] == keras.__version__
    assert len((result.run_dir / "history.csv").read_text().splitlines()) == 1 + 3
    saved = keras.saving.load_model(result.run_dir / "model.keras")
    np.testing.assert_array_equal(weights_of(saved), weights_of(result.model))


def test_the_run_folder_repeats_the_run(whole, tiny, tmp_path):
    again = kerazoo.train(
        str(whole.run_dir / "config.yaml"), output_dir=tmp_path / "b", progress=False
    )
    np.testing.assert_array_equal(weights_of(again.model), weights_of(whole.model))
    other = kerazoo.train(tiny, seed=1, output_dir=tmp_path / "c", progress=False)
    assert np.abs(weights_of(other.model) - weights_of(whole.model)).max() > 0.01


def test_a_stopped_run_continues_to_the_unbroken_runs_weights(rich, tmp_path, monkeypatch, notices):
    """Ctrl-C in the middle of an epoch: 71 steps make one. Of an error there test_loop.py tells."""
    config = with_overrides(rich, {"training.checkpoint_every": 20, "training.epochs": 2})
    unbroken = kerazoo.train(config, output_dir=tmp_path / "a", progress=False)

    def break_off(self, batch, logs=None):
        count(self, batch, logs)
        steps.append(batch)
        if len(steps) == 100:
            signal.raise_signal(signal.SIGINT)

    steps: list[int] = []
    count = callbacks.MeasureSpeed.on_train_batch_end
    monkeypatch.setattr(callbacks.MeasureSpeed, "on_train_batch_end", break_off)
    with pytest.raises(KeyboardInterrupt):
        kerazoo.train(config, output_dir=tmp_path / "b", progress=False)
    assert any("Stopped after 100 steps. The same call goes on" in line for line in notices())
    assert not (tmp_path / "b" / "model.keras").exists()

    monkeypatch.undo()
    resumed = kerazoo.train(config, output_dir=tmp_path / "b", progress=False)
    np.testing.assert_array_equal(weights_of(resumed.model), weights_of(unbroken.model))
    for name in ("loss", "val_loss", "val_accuracy"):
        assert resumed.history[name] == unbroken.history[name]
    assert resumed.metrics == unbroken.metrics


def test_a_complete_run_is_loaded_not_repeated(whole, tiny, monkeypatch):
    monkeypatch.setattr(Loop, "fit", lambda *_, **__: pytest.fail("trained again"))
    again = kerazoo.train(tiny, output_dir=whole.run_dir, progress=False)
    np.testing.assert_array_equal(weights_of(again.model), weights_of(whole.model))
    assert again.metrics == whole.metrics
    assert again.history == whole.history


def test_early_stopping_stops(tiny, tmp_path):
    config = with_overrides(
        tiny,
        {
            "training.epochs": 50,
            "training.early_stopping": {"patience": 2},
            "training.optimizer": {"name": "sgd", "learning_rate": 10.0},  # diverges at once
            "training.ema": None,
        },
    )
    history = kerazoo.train(config, output_dir=tmp_path / "run", progress=False).history
    losses = history["val_loss"]
    assert len(losses) < 50
    assert len(losses) == int(np.nanargmin(losses)) + 1 + 2


def test_an_error_falls_whatever_it_is_called(tmp_path):
    changes = {
        "training.metrics": [
            {"name": "mean_absolute_percentage_error", "arguments": {"name": "gap"}}
        ],
        "training.early_stopping": {"monitor": "val_gap", "patience": 2},
        "data.validation": 0.2,
        "distribution.precision": "float32",
        "distribution.xla": False,
    }
    config = with_overrides(find_config("linear_regression"), {**changes, "training.epochs": 4})
    result = kerazoo.train(config, output_dir=tmp_path / "run", progress=False)
    gaps = result.history["val_gap"]
    assert len(gaps) == 4
    assert gaps[0] == max(gaps)
    assert result.metrics["val_gap"] == min(gaps)
    inputs, targets = split_data(config)[1]
    targets = targets.reshape(-1, 1)
    error = np.abs((result.model.predict(inputs, verbose=0) - targets) / targets)
    assert 100 * error.mean() == pytest.approx(min(gaps), rel=1e-4)


def test_mixed_precision_ends_in_a_float32_model(tiny, tmp_path):
    result = kerazoo.train(
        tiny,
        epochs=1,
        precision="mixed_bfloat16",
        output_dir=tmp_path / "run",
        progress=False,
    )
    assert {layer.dtype_policy.name for layer in result.model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    assert result.metrics["val_accuracy"] > 0.6


def test_progress_goes_to_stderr_with_a_line_per_epoch(tiny, tmp_path, capsys):
    config = with_overrides(tiny, {"training.epochs": 1})
    kerazoo.train(config, output_dir=tmp_path / "run")
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 1/1" in err
    assert "val_accuracy" in err


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"training.optimizer.name": "adamm"}, UnknownNameError, "Did you mean 'adam' or"),
        ({"training.loss.name": "mean_square_error"}, UnknownNameError, "'mean_squared_error'"),
        ({"training.metrics": ["acuracy"]}, UnknownNameError, "Unknown metric 'acuracy'"),
        ({"data.dataset": "mnits"}, UnknownNameError, "Did you mean 'mnist'"),
        ({"model.builder": "mpl"}, UnknownNameError, "Did you mean 'mlp'"),
        ({"distribution.strategy": "miror"}, UnknownNameError, "Did you mean 'mirrored'"),
        ({"model.arguments.num_classes": 5}, DataError, "labels must be 0 to 4"),
        ({"model.arguments.input_shape": [14, 14, 1]}, DataError, "(14, 14, 1)"),
        ({"training.optimizer.name": "adam"}, ConfigError, "'adam' takes no 'momentum'"),
        ({"training.early_stopping": {"patience": 1, "monitor": "val_f1"}}, ConfigError, "val_f1"),
    ],
)
def test_what_cannot_work_is_one_line_and_leaves_no_run(tiny, tmp_path, changes, error, says):
    with pytest.raises(error) as caught:
        kerazoo.train(with_overrides(tiny, changes), output_dir=tmp_path / "run", progress=False)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_unknown_model_and_missing_yaml():
    with pytest.raises(UnknownNameError, match="Did you mean 'mnist_mlp'"):
        kerazoo.train("mnist_mpl")
    with pytest.raises(ConfigError, match=r"Cannot read the config 'nothing\.yaml'"):
        kerazoo.train("nothing.yaml")


def test_output_folder_that_cannot_be_made(tiny, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="Cannot create the folder"):
        kerazoo.train(tiny, output_dir=tmp_path / "file" / "run", progress=False)


def test_a_full_disk_keeps_the_checkpoint_before(tiny, tmp_path, monkeypatch):
    writes = []

    def fsync(descriptor):
        if ".safetensors" in os.readlink(f"/proc/self/fd/{descriptor}"):
            writes.append(descriptor)
            if len(writes) == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(RunError, match="No space left on device"):
        kerazoo.train(tiny, output_dir=tmp_path / "run", progress=False)
    monkeypatch.undo()
    assert not list((tmp_path / "run").rglob(".*"))
    result = kerazoo.train(tiny, output_dir=tmp_path / "run", progress=False)
    assert len(result.history["loss"]) == 3


def test_another_config_or_a_strangers_folder_is_refused(whole, tiny, tmp_path):
    with pytest.raises(RunError, match=r"training\.epochs: 3 there, 1 now"):
        kerazoo.train(tiny, epochs=1, output_dir=whole.run_dir, progress=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("unrelated")
    (tmp_path / "mine" / ".cache.abcd1234").mkdir()
    with pytest.raises(RunError, match="not empty and holds no run"):
        kerazoo.train(tiny, output_dir=tmp_path / "mine", progress=False)
    with pytest.raises(RunError, match="not empty and holds no run"):
        kerazoo.train(tiny, output_dir=tmp_path / "mine", progress=False, resume=False)
    assert (tmp_path / "mine" / "thesis.txt").exists()
    assert (tmp_path / "mine" / ".cache.abcd1234").exists()


@pytest.mark.slow
def test_mirrored_over_two_devices_gives_the_single_device_losses(tmp_path):
    """In a process of its own, since devices are fixed once TensorFlow has started."""
    import subprocess
    import sys

    code = """
import sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import kerazoo
from kerazoo import distribute
from kerazoo.training import run
from kerazoo.zoo.config_file import with_overrides
from kerazoo.zoo.catalogue import find_config
config = with_overrides(find_config("mnist_mlp"), {
    "training.epochs": 1, "distribution.precision": "float32", "distribution.xla": False})
one = kerazoo.train(config, output_dir=sys.argv[1] + "/one", progress=False)
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
distribute.strategy = lambda *_, **__: two
both = kerazoo.train(config, output_dir=sys.argv[1] + "/two", progress=False)
for name in ("loss", "val_loss"):
    assert abs(one.history[name][0] - both.history[name][0]) < 1e-5, (one.history, both.history)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_a_resumed_run_keeps_its_precision(tiny, tmp_path, monkeypatch):
    """Timed anew, another precision might win and change the numbers."""
    from kerazoo.training import run
    from kerazoo.training.precision import Choice

    monkeypatch.setattr(run, "choose", lambda *_, **__: Choice("mixed_bfloat16", False, {"x": 1.0}))
    monkeypatch.setattr(
        callbacks.WriteEvents, "on_epoch_end", lambda *_, **__: (_ for _ in ()).throw(RuntimeError)
    )
    with pytest.raises(RuntimeError):
        kerazoo.train(tiny, output_dir=tmp_path / "run", progress=False)
    monkeypatch.undo()
    monkeypatch.setattr(run, "choose", lambda *_, **__: pytest.fail("timed again"))
    kerazoo.train(tiny, output_dir=tmp_path / "run", progress=False)
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["precision"] == "mixed_bfloat16"


@pytest.mark.parametrize("validation", [pytest.param(0.0, marks=pytest.mark.slow), 0.1])
def test_a_run_stopped_before_its_last_file_is_finished_not_trained(
    tiny, tmp_path, monkeypatch, validation
):
    from kerazoo.training import run_folder

    config = with_overrides(
        tiny,
        {
            "data.validation": validation,
            "training.epochs": 40,
            "training.early_stopping": {
                "patience": 1,
                "monitor": "val_loss" if validation else "loss",
            },
            "training.optimizer.learning_rate": 5.0,
        },
    )
    unwritten = []

    def stop(folder, model):
        unwritten.append(weights_of(model))
        raise KeyboardInterrupt

    monkeypatch.setattr(run_folder.RunFolder, "write_model", stop)
    with pytest.raises(KeyboardInterrupt):
        kerazoo.train(config, output_dir=tmp_path / "run", progress=False)
    monkeypatch.undo()
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    monkeypatch.setattr(Loop, "_train_epoch", lambda *_, **__: pytest.fail("trained on"))
    finished = kerazoo.train(config, output_dir=tmp_path / "run", progress=False)
    assert len(finished.history["loss"]) < 40
    np.testing.assert_array_equal(weights_of(finished.model), unwritten[0])
    assert finished.metrics == metrics


def test_a_short_run_leaves_the_average_out_and_says_so(tiny, tmp_path, notices):
    config = with_overrides(tiny, {"training.ema": 0.999, "training.epochs": 1})
    result = kerazoo.train(config, output_dir=tmp_path / "run", progress=False)
    assert result.metrics["val_accuracy"] > 0.6  # the average would still be the initial weights
    assert any("training.ema=0.999 is left out: it needs 5,000 steps" in n for n in notices())


@pytest.mark.parametrize("every", [None, 1])
def test_a_diverged_run_says_so_and_saves_no_state_that_is_no_number(tmp_path, every):
    overrides = {
        "training.optimizer.learning_rate": 1e30,
        "training.epochs": 2,
        "training.checkpoint_every": every,
    }
    with pytest.raises(RunError, match=r"diverged in epoch 1: .*learning_rate"):
        kerazoo.train(
            "linear_regression",
            overrides=overrides,
            output_dir=tmp_path / "run",
            progress=False,
        )
    for file in (tmp_path / "run").glob("checkpoints/*"):
        for array in safetensors.numpy.load_file(file).values():
            assert np.isfinite(array).all()


@pytest.mark.usefixtures("zoo_state")
def test_layers_need_no_names(tiny, tmp_path):
    """Keras numbers them, in each process from 1: the run finds its best weights all the same."""

    @kerazoo.register("nameless")
    def nameless(num_classes):
        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Rescaling(1 / 255),
                layers.Flatten(),
                layers.Dense(num_classes),
            ]
        )

    network = {"builder": "nameless", "arguments": {"num_classes": 10}}
    config = with_overrides(tiny, {"model": network, "training.epochs": 1})
    result = kerazoo.train(config, output_dir=tmp_path / "run", progress=False)
    again = kerazoo.train(config, output_dir=tmp_path / "run", progress=False)
    np.testing.assert_array_equal(weights_of(again.model), weights_of(result.model))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"training.metrics": ["mean_io_u"]}, "'mean_io_u' cannot be made"),
        ({"training.loss.name": "ctc"}, "ctc"),
        ({"model.arguments.num_classes": "x"}, "`num_classes` must be an integer of 1 or above"),
        ({"model.arguments.classifier_activation": "sofmax"}, "sofmax"),
    ],
)
def test_recipe_parts_that_do_not_fit_are_one_line(tiny, tmp_path, changes, says):
    with pytest.raises(ConfigError) as caught:
        kerazoo.train(with_overrides(tiny, changes), output_dir=tmp_path / "run", progress=False)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_distortions_of_what_is_no_image_are_refused(tmp_path):
    with pytest.raises(DataError, match="is for images"):
        kerazoo.train(
            "linear_regression",
            overrides={"data.augment": {"shift": 0.1}},
            output_dir=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()


def test_a_second_process_in_the_folder_is_refused(tiny, tmp_path):
    hold = (
        "import sys, pathlib, kerazoo.file_lock as f\n"
        "with f.claimed(pathlib.Path(sys.argv[1])) as ours: print(ours, flush=True); input()"
    )
    folder = tmp_path / "run"
    folder.mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", hold, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "True\n"
        with pytest.raises(RunError, match="Another process trains in"):
            kerazoo.train(tiny, output_dir=folder, progress=False)
        assert not list(folder.iterdir())
    finally:
        other.communicate("\n")
    with RunFolder(folder).alone():
        pass


def test_a_tpu_runs_many_steps_a_call(tiny, tmp_path, monkeypatch):
    """No TPU is here: what a recipe asks of one is tried on the CPU, with fewer steps."""
    from kerazoo.training import run

    elsewhere = run.Run(tiny, RunFolder(tmp_path / "cpu"))
    assert elsewhere._make_trainer(xla=False).compiled.steps_per_execution == 1
    asked = []
    compile_model = run.compile_model

    def note(*arguments, **options):
        asked.append(options.get("steps_per_execution"))  # none of what is only evaluated
        compile_model(*arguments, **options)

    assert run._STEPS_PER_EXECUTION_ON_TPU == 20
    monkeypatch.setattr(run, "_STEPS_PER_EXECUTION_ON_TPU", 3)
    monkeypatch.setattr(run.Run, "_is_on_tpu", True)
    monkeypatch.setattr(run, "compile_model", note)
    kerazoo.train(tiny, epochs=1, output_dir=tmp_path / "run", progress=False)
    assert set(asked) - {None} == {3}
