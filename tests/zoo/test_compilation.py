"""Names in a recipe become Keras's own optimizers, losses, metrics and schedules."""

import math

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError, UnknownNameError
from kerazoo.zoo.compilation import compile_model, learning_rate
from kerazoo.zoo.config_file import to_config
from tests.zoo.test_config import changed


def training(**fields):
    """The training section of a small config with some fields changed."""
    data = changed("name", "net")
    data["training"].update(fields)
    return to_config(data, source="net.yaml").training


def compiled(**fields):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    compile_model(model, training(**fields))
    return model


@pytest.mark.parametrize(
    "name", ["adam", "adamw", "sgd", "rmsprop", "adagrad", "nadam", "lion", "adafactor"]
)
def test_optimizers_go_by_kerass_own_names(name):
    ours = compiled(optimizer={"name": name, "learning_rate": 0.02}).optimizer
    keras_own = keras.optimizers.get(name)
    assert type(ours) is type(keras_own)
    assert float(ours.learning_rate) == pytest.approx(0.02)
    differs = {"learning_rate", "name"}
    expected = {k: v for k, v in keras_own.get_config().items() if k not in differs}
    assert {k: v for k, v in ours.get_config().items() if k not in differs} == expected


def test_optimizer_arguments_arrive():
    ours = compiled(
        optimizer={
            "name": "adamw",
            "learning_rate": 0.1,
            "weight_decay": 0.02,
            "beta_1": 0.8,
            "beta_2": 0.95,
            "global_clipnorm": 3.0,
        },
        ema=0.98,
    ).optimizer
    config = ours.get_config()
    assert config["weight_decay"] == 0.02
    assert (config["beta_1"], config["beta_2"]) == (0.8, 0.95)
    assert config["global_clipnorm"] == 3.0
    assert (config["use_ema"], config["ema_momentum"]) == (True, 0.98)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"optimizer": {"name": "adamm", "learning_rate": 1.0}},
            "Unknown optimizer 'adamm'.*'adam'",
        ),
        (
            {"loss": {"name": "mean_squard_error"}},
            "Unknown loss.*Did you mean 'mean_squared_error'",
        ),
        ({"metrics": ["acuracy"]}, "Unknown metric 'acuracy'.*accuracy'"),
    ],
)
def test_an_unknown_name_gives_the_nearest(fields, words):
    with pytest.raises(UnknownNameError, match=words):
        compiled(**fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"optimizer": {"name": "adam", "learning_rate": 1.0, "momentum": 0.9}},
            "optimizer 'adam' takes no 'momentum'",
        ),
        (
            {"loss": {"name": "mean_squared_error", "from_logits": True}},
            "loss 'mean_squared_error' takes no 'from_logits'",
        ),
    ],
)
def test_an_argument_that_keras_does_not_take_is_refused(fields, words):
    with pytest.raises(ConfigError, match=words):
        compiled(**fields)


def test_loss_arguments_arrive():
    loss = compiled(
        loss={"name": "categorical_crossentropy", "from_logits": True, "label_smoothing": 0.1}
    ).loss
    targets, logits = np.eye(4, dtype="float32")[:2], np.array([[2.0, 1, 0, -1], [0, 0, 3, 1]])
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    assert float(loss(targets, logits)) == pytest.approx(float(expected(targets, logits)))


@pytest.mark.parametrize(
    "name",
    ["mean_absolute_error", "r2_score", "top_k_categorical_accuracy", "auc", "cosine_similarity"],
)
def test_metrics_are_kerass_own_and_named_as_written(name):
    model = compiled(metrics=[name])
    inputs, targets = np.ones((2, 3)), np.ones((2, 4))
    assert name in model.evaluate(inputs, targets, verbose=0, return_dict=True)


def by_formula(step, *, peak, final, warmup_steps, steps):
    """Linear from 0 to `peak`, then half a cosine to `final`, which it keeps."""
    if step < warmup_steps:
        return peak * step / warmup_steps
    progress = min(1.0, (step - warmup_steps) / (steps - warmup_steps))
    return final + (peak - final) * (1 + math.cos(math.pi * progress)) / 2


@pytest.mark.parametrize(
    ("warmup_epochs", "final", "epochs", "steps_per_epoch"),
    [(0, 0.0, 3, 10), (1, 0.0, 5, 7), (0.5, 0.01, 4, 10), (2, 0.1, 4, 3), (0, 0.0, 1, 1)],
)
def test_the_schedule_follows_its_formula(warmup_epochs, final, epochs, steps_per_epoch):
    rate = {
        "schedule": "warmup_cosine",
        "peak": 0.4,
        "warmup_epochs": warmup_epochs,
        "final": final,
    }
    section = training(optimizer={"name": "sgd", "learning_rate": rate}).optimizer
    schedule = learning_rate(section, epochs, steps_per_epoch)
    steps = epochs * steps_per_epoch
    values = [float(schedule(step)) for step in range(steps + 3)]
    expected = [
        by_formula(
            step,
            peak=0.4,
            final=final,
            warmup_steps=round(warmup_epochs * steps_per_epoch),
            steps=steps,
        )
        for step in range(steps + 3)
    ]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_warm_up_as_long_as_the_run_rises_to_its_end(epochs):
    """`--epochs 1` with one epoch of warm-up: no division by zero, no rate above the peak."""
    rate = {"schedule": "warmup_cosine", "peak": 0.4, "warmup_epochs": 2}
    section = training(optimizer={"name": "sgd", "learning_rate": rate}).optimizer
    schedule = learning_rate(section, epochs, 5)
    values = [float(schedule(step)) for step in range(epochs * 5)]
    np.testing.assert_allclose(values, [0.4 * step / 10 for step in range(epochs * 5)], rtol=1e-5)


def test_without_steps_the_rate_is_the_peak():
    rate = {"schedule": "warmup_cosine", "peak": 0.4, "warmup_epochs": 1}
    model = compiled(optimizer={"name": "sgd", "learning_rate": rate})
    assert float(model.optimizer.learning_rate) == pytest.approx(0.4)


def test_a_recipe_for_logits_takes_the_probabilities_of_an_activation():
    recipe = training(
        loss={"name": "binary_crossentropy", "from_logits": True},
        metrics=[{"name": "brier_score", "arguments": {"from_logits": True}}],
    )
    ends = {
        "softmax": keras.layers.Dense(4, activation="softmax"),
        "sigmoid": keras.layers.Activation("sigmoid"),
        "layer": keras.layers.Softmax(),
        "tanh": keras.layers.Activation("tanh"),
        "logits": keras.layers.Dense(4),
    }
    for end, layer in ends.items():
        model = keras.Sequential([keras.Input((4,)), layer])
        compile_model(model, recipe)
        takes_logits = end in ("tanh", "logits")
        assert model.loss.get_config()["from_logits"] is takes_logits, end
        (metric,) = model._compile_metrics._user_metrics
        assert metric.get_config()["from_logits"] is takes_logits, end
