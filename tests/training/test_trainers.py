"""Recipes that put a train step or a teacher around their model."""

import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConfigError, UnknownNameError
from kerazoo.training import callbacks, trainers
from kerazoo.zoo.config_file import to_plain, with_overrides

SAM = {"training.step": {"name": "sharpness_aware", "arguments": {"rho": 0.05}}}
TAUGHT = {"distillation": {"teacher": "mnist_cnn", "losses": [{"name": "logits", "weight": 2.0}]}}


def weights_of(model):
    return np.concatenate([np.ravel(weight) for weight in model.get_weights()])


@pytest.mark.parametrize(
    "around",
    [
        pytest.param(SAM, id="train step"),
        pytest.param(TAUGHT, id="teacher", marks=pytest.mark.slow),
    ],
)
def test_the_result_is_the_model_itself_and_resumes_exactly(tiny, tmp_path, monkeypatch, around):
    config = with_overrides(tiny, {**around, "training.epochs": 2, "training.checkpoint_every": 10})
    whole = kerazoo.train(config, output_dir=tmp_path / "a", progress=False)
    assert type(whole.model).__name__ == "Functional"
    assert whole.model.name == "mnist_mlp"
    assert whole.metrics["val_accuracy"] > 0.6
    steps: list[int] = []
    count = callbacks.MeasureSpeed.on_train_batch_end

    def break_off(self, batch, logs=None):
        count(self, batch, logs)
        steps.append(batch)
        if len(steps) == 95:
            raise ZeroDivisionError

    monkeypatch.setattr(callbacks.MeasureSpeed, "on_train_batch_end", break_off)
    with pytest.raises(ZeroDivisionError):
        kerazoo.train(config, output_dir=tmp_path / "b", progress=False)
    monkeypatch.undo()
    resumed = kerazoo.train(config, output_dir=tmp_path / "b", progress=False)
    np.testing.assert_array_equal(weights_of(resumed.model), weights_of(whole.model))
    assert resumed.metrics == whole.metrics


def test_another_step_and_a_teacher_change_the_weights(tiny, tmp_path):
    config = with_overrides(tiny, {"training.epochs": 1})
    plain, *others = (
        weights_of(
            kerazoo.train(
                with_overrides(config, around), output_dir=tmp_path / str(number), progress=False
            ).model
        )
        for number, around in enumerate(({}, SAM, TAUGHT))
    )
    for other in others:
        assert np.abs(other - plain).max() > 1e-3


@pytest.mark.slow
def test_a_teacher_may_be_a_file(tiny, tmp_path):
    kerazoo.get("mnist_cnn").save(tmp_path / "teacher.keras")
    kerazoo.export("mnist_cnn", tmp_path / "teacher.tflite", quantize="int8", verify=False)
    config = with_overrides(tiny, {"training.epochs": 1})
    losses = {}
    for name in ("mnist_cnn", f"{tmp_path}/teacher.keras", f"{tmp_path}/teacher.tflite"):
        taught = with_overrides(config, {"distillation": {"teacher": name}})
        result = kerazoo.train(taught, output_dir=tmp_path / str(len(losses)), progress=False)
        losses[name] = result.history["distillation_loss"][0]
    from_zoo, from_keras, from_tflite = losses.values()
    assert from_keras == pytest.approx(from_zoo, rel=1e-6)
    assert from_tflite == pytest.approx(from_zoo, rel=0.05)  # int8 logits


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        (
            {"training.step": {"name": "sharpness_awar"}},
            UnknownNameError,
            "Did you mean 'sharpness_aware'",
        ),
        (
            {"training.step": {"name": "sharpness_aware", "arguments": {"rho": -1.0}}},
            ConfigError,
            "rho",
        ),
        (
            {"training.step": {"name": "r_drop", "arguments": {"rho": 1.0}}},
            ConfigError,
            "takes no 'rho'",
        ),
        ({"distillation": {"teacher": "mnist_cn"}}, UnknownNameError, "'mnist_cnn'"),
        (
            {"distillation": {"teacher": "mnist_cnn", "losses": [{"name": "logit"}]}},
            UnknownNameError,
            "Did you mean 'logits'",
        ),
        ({"distillation": {"teacher": "linear_regression"}}, ConfigError, "equal shapes"),
        ({**SAM, **TAUGHT}, ConfigError, "cannot be combined"),
    ],
)
def test_what_cannot_work_is_one_line_and_leaves_no_run(tiny, tmp_path, changes, error, says):
    with pytest.raises(error) as caught:
        kerazoo.train(with_overrides(tiny, changes), output_dir=tmp_path / "run", progress=False)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"distillation": {"teecher": "mnist_cnn"}}, "'distillation.teecher'. Did you mean 'teach"),
        (
            {"distillation": {"teacher": "x", "losses": [{"nome": "logits"}]}},
            "'distillation.losses[0].nome'. Did you mean 'name'",
        ),
        (
            {"training.metrics": [{"name": "ndcg", "argument": {}}]},
            "'training.metrics[0].argument'",
        ),
        ({"distillation": {"teacher": "x", "student_loss_weight": 2}}, "<= 1"),
        ({"training.checkpoint_every": 0}, ">= 1"),
    ],
)
def test_misspelt_fields_are_named(tiny, changes, says):
    with pytest.raises(ConfigError) as caught:
        with_overrides(tiny, changes)
    assert says in str(caught.value)


def test_metrics_take_arguments_and_may_be_kerazoos(tiny, tmp_path):
    config = with_overrides(
        tiny,
        {
            "training.epochs": 1,
            "training.metrics": [
                "accuracy",
                {"name": "hit_rate_at_k", "arguments": {"k": 3, "name": "top_3"}},
                {"name": "sparse_top_k_categorical_accuracy", "arguments": {"k": 3}},
            ],
            "training.early_stopping": {"patience": 1, "monitor": "val_top_3"},
        },
    )
    metrics = kerazoo.train(config, output_dir=tmp_path / "run", progress=False).metrics
    assert metrics["val_top_3"] == pytest.approx(
        metrics["val_sparse_top_k_categorical_accuracy"], abs=1e-6
    )
    assert metrics["val_accuracy"] < metrics["val_top_3"] < 1
    assert to_plain(config)["training"]["metrics"][1]["arguments"] == {"k": 3, "name": "top_3"}


def test_a_name_is_the_zoos_whatever_lies_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist_mlp").mkdir()
    assert trainers._teacher("mnist_mlp").name == "mnist_mlp"
    assert trainers._teacher("./mnist_mlp") == "./mnist_mlp"
