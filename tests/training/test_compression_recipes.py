"""Recipes with `quantize:`, `prune:` and `cluster:`: what they give, save and resume."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConfigError, UnknownNameError, WeightsError
from kerazoo.training import callbacks
from kerazoo.training.compression import first_pruned_epoch, make_model
from kerazoo.zoo.catalogue import find_config
from kerazoo.zoo.config_file import with_overrides

QUANTIZED = {"quantize.scheme": "int8"}


@pytest.fixture
def short(tiny):
    """Two epochs from fresh weights; the published ones do not fit the narrow model."""
    return with_overrides(tiny, {"training.epochs": 2, "training.initial": "fresh"})


def train(config, overrides, folder):
    return kerazoo.train(with_overrides(config, overrides), output_dir=folder, progress=False)


def weights_of(model):
    return np.concatenate([np.ravel(weight) for weight in model.get_weights()])


@pytest.mark.slow
def test_a_quantized_run_ends_in_a_model_that_exports_as_integers(short, tmp_path):
    result = train(short, QUANTIZED, tmp_path / "run")
    assert result.model.name == "mnist_mlp"
    assert result.metrics["val_accuracy"] > 0.6
    saved = keras.saving.load_model(result.run_dir / "model.keras")
    np.testing.assert_array_equal(weights_of(saved), weights_of(result.model))
    quantizers = [x for x in saved.layers if isinstance(x, kerazoo.compress.FakeQuantize)]
    assert quantizers
    assert all(quantizer.is_calibrated for quantizer in quantizers)

    x, y = kerazoo.datasets.load_numpy("digits", "test")
    report = kerazoo.export(
        str(result.run_dir / "model.keras"), tmp_path / "digits.tflite", calibration=x[:100]
    )
    assert report.integer_only
    measured = kerazoo.evaluate(str(result.run_dir / "model.keras"), (x, y))["accuracy"]
    of_file = kerazoo.evaluate(str(tmp_path / "digits.tflite"), (x, y))["accuracy"]
    assert of_file == pytest.approx(measured, abs=0.01)


def test_a_published_model_is_where_compression_begins(tmp_path, notices):
    """Rates so small that nothing is learned: what is there was there before."""
    result = kerazoo.train(
        "mnist_mlp",
        epochs=1,
        batch_size=256,
        overrides={
            **QUANTIZED,
            "data.augment": None,
            "training.optimizer.learning_rate": 1e-9,
            "distribution.precision": "float32",
        },
        output_dir=tmp_path / "run",
        progress=False,
    )
    assert result.metrics["val_accuracy"] > 0.95
    assert any("begins with the weights 'default'" in line for line in notices())


PATTERNS = [
    ({"pattern": "2:4"}, 0.5),
    ({"pattern": "1:4", "sparsity": 0.75}, 0.75),
    ({"pattern": "block", "block_size": [2, 2]}, 0.8),
    ({"budget": "global", "sparsity": 0.5}, None),
    ({}, 0.8),
]


@pytest.mark.parametrize(("section", "final"), PATTERNS)
def test_the_usual_sparsity_is_that_of_the_pattern(short, section, final):
    model = make_model(with_overrides(short, {"prune": section}), steps=50)
    chains = model.get_layer("logits").constraints
    assert final in (None, chains["kernel"][0].final_sparsity)
    assert chains["kernel"][0].schedule.end_step == 24


def test_channels_go_by_operations_and_values_by_channel(short):
    dense = kerazoo.compress.report(make_model(short, steps=9)).flops
    by_flops = {"prune": {"pattern": "channel", "flops": 0.5, "multiple_of": 4}}
    pruned = make_model(with_overrides(short, by_flops), steps=9)
    assert kerazoo.compress.report(pruned).flops <= 0.5 * dense
    assert pruned.get_layer("logits").kernel.shape[0] % 4 == 0
    config = with_overrides(short, {"cluster": {"clusters": 4, "per_channel": True}})
    kernel = make_model(config, steps=9).get_layer("logits").layer.kernel.numpy()
    assert all(len(np.unique(kernel[:, channel])) == 4 for channel in range(10))


def stop_after(monkeypatch, count):
    steps: list[int] = []
    original = callbacks.MeasureSpeed.on_train_batch_end

    def break_off(self, batch, logs=None):
        original(self, batch, logs)
        steps.append(batch)
        if len(steps) == count:
            raise ZeroDivisionError

    monkeypatch.setattr(callbacks.MeasureSpeed, "on_train_batch_end", break_off)


TAUGHT = {"distillation": {"teacher": "mnist_mlp", "losses": [{"name": "logits"}]}}


@pytest.mark.slow
@pytest.mark.release
def test_a_quantized_student_resumes_exactly(short, tmp_path, monkeypatch):
    config = with_overrides(short, {**QUANTIZED, **TAUGHT, "training.checkpoint_every": 10})
    whole = train(config, {}, tmp_path / "a")
    stop_after(monkeypatch, 95)
    with pytest.raises(ZeroDivisionError):
        train(config, {}, tmp_path / "b")
    monkeypatch.undo()
    resumed = train(config, {}, tmp_path / "b")
    np.testing.assert_array_equal(weights_of(resumed.model), weights_of(whole.model))
    assert resumed.metrics == whole.metrics
    assert {"distillation_loss", "student_loss"} <= resumed.history.keys()


@pytest.mark.parametrize(
    ("overrides", "error", "text"),
    [
        ({"quantize.scheme": "int7"}, UnknownNameError, "int7"),
        ({"quantize.schemes": "int8"}, ConfigError, "scheme"),
        ({"prune.sparsity": 1.5}, ConfigError, "prune.sparsity"),
        ({"prune.begin": 0.6}, ConfigError, "prune.begin must be below prune.end"),
        ({"prune": {"pattern": "2:4", "sparsity": 0.8}}, ConfigError, "must agree"),
        ({"prune.flops": 0.5}, ConfigError, 'for `pattern="channel"`'),
        ({"prune": {"pattern": "channel", "budget": "global"}}, ConfigError, "at once"),
        ({"prune.patern": "2:4"}, ConfigError, "Did you mean 'pattern'"),
        ({"cluster.clusters": 1}, ConfigError, "cluster.clusters"),
        ({"training.initial": "defalt"}, WeightsError, "no weights file or tag 'defalt'"),
        ({"training.initial": "mnist_mpl"}, WeightsError, "Or the layers of 'mnist_mlp'?"),
        ({"training.initial": "auto", **QUANTIZED}, WeightsError, "training.initial=fresh"),
    ],
)
def test_what_is_refused(short, tmp_path, overrides, error, text):
    with pytest.raises(error, match=text):
        train(short, overrides, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_best_epoch_is_one_that_is_pruned(short):
    config = with_overrides(short, {"training.epochs": 10, "prune.end": 0.5})
    assert first_pruned_epoch(config, steps_per_epoch=10) == 4  # at its end 50 steps are done
    assert first_pruned_epoch(with_overrides(config, {"prune.end": 0.55}), 100) == 5
    assert first_pruned_epoch(with_overrides(config, {"prune.end": 1.0}), 7) == 9
    assert first_pruned_epoch(short, 10) == 0
    history = {"val_loss": [0.1, 0.2, 0.5, 0.4, 0.6]}
    assert callbacks.best_epoch(history, "val_loss") == 0
    assert callbacks.best_epoch(history, "val_loss", 2) == 3


@pytest.mark.slow
@pytest.mark.release
def test_pruned_clustered_and_quantized_with_averaged_weights(short, tmp_path):
    """All three properties hold in the file of the run, though its weights are averages."""
    config = with_overrides(
        short,
        {**QUANTIZED, "prune": {"sparsity": 0.5, "skip": ["logits"]}, "cluster.clusters": 8},
    )
    result = train(config, {}, tmp_path / "run")
    assert result.metrics["val_accuracy"] > 0.5
    saved = keras.saving.load_model(result.run_dir / "model.keras")
    kernels = {
        layer.layer.name: layer.layer.kernel.numpy()
        for layer in saved._flatten_layers()
        if isinstance(layer, kerazoo.compress.ConstrainedLayer)
    }
    hidden = next(kernel for name, kernel in kernels.items() if name != "logits")
    assert np.mean(hidden == 0) == pytest.approx(0.5, abs=0.01)
    for kernel in kernels.values():
        assert len(np.unique(kernel)) <= 8


def test_pruned_without_validation_the_last_average_is_pruned_too(short, tmp_path):
    overrides = {"prune.sparsity": 0.75, "data.validation": 0}
    result = train(short, overrides, tmp_path / "run")
    kernel = result.model.get_layer("logits").layer.kernel.numpy()
    assert np.mean(kernel == 0) == pytest.approx(0.75, abs=0.01)


def test_channels_are_removed_before_the_training(short, tmp_path):
    """Of two layers: which channels of them all are the least depends on the initial weights, and
    these decide the widths that are trained."""
    overrides = {
        "prune": {"sparsity": 0.5, "pattern": "channel"},
        "model.arguments.hidden_units": [32, 32],
        "training.epochs": 1,
        "training.initial": "fresh",
    }
    keras.utils.set_random_seed(12345)
    result = train(short, overrides, tmp_path / "run")
    whole = kerazoo.zoo.get("mnist_mlp", weights=None, hidden_units=[32, 32])
    assert result.model.count_params() < 0.6 * whole.count_params()
    saved = keras.saving.load_model(result.run_dir / "model.keras")
    np.testing.assert_array_equal(weights_of(saved), weights_of(result.model))


def test_a_recipe_begins_with_the_layers_of_another_model(short, notices):
    """mnist_mlp narrowed behind its first layer: that one fits, the others do not."""
    widths = find_config("mnist_mlp").model.arguments["hidden_units"]
    config = with_overrides(
        short,
        {
            "name": "narrowing",
            "model.arguments.hidden_units": [widths[0], 7],
            "training.initial": "mnist_mlp",
        },
    )
    model, theirs = make_model(config, steps=10), kerazoo.get("mnist_mlp")
    np.testing.assert_array_equal(
        model.get_layer("dense_1").kernel, theirs.get_layer("dense_1").kernel
    )
    assert "narrowing: 1 of 3 layers begin with" in notices()[0]
    with pytest.raises(WeightsError, match=r"nothing for .*training.initial=fresh"):
        make_model(with_overrides(config, {"model.arguments.hidden_units": [7]}), steps=10)
