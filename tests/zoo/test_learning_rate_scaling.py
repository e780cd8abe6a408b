"""A learning rate that follows the batch size, by the formulas of the papers."""

import math

import pytest

from kerazoo.errors import ConfigError
from kerazoo.zoo.catalogue import find_config
from kerazoo.zoo.config_file import with_overrides
from kerazoo.zoo.learning_rate_scaling import scaled_training


def config(rule, batch_size=1024, rate=0.1, **more):
    overrides = {
        "data.batch_size": batch_size,
        "training.optimizer.learning_rate": rate,
        "distribution.learning_rate_scaling": rule,
        **more,
    }
    return with_overrides(find_config("linear_regression"), overrides)


BASE = {"distribution.base_batch_size": 256}


@pytest.mark.parametrize(
    ("rule", "batch_size", "expected"),
    [
        ("none", 1024, 0.1),
        ("linear", 1024, 0.4),  # Goyal et al. 2017: 0.1 * batch / 256
        ("linear", 8192, 3.2),
        ("linear", 64, 0.025),
        ("sqrt", 1024, 0.2),
        ("sqrt", 512, 0.1 * math.sqrt(2)),
    ],
)
def test_a_constant_rate(rule, batch_size, expected):
    training = scaled_training(config(rule, batch_size, **BASE))
    assert training.optimizer.learning_rate == pytest.approx(expected)


def test_peak_and_final_rate_of_a_schedule_and_nothing_else():
    rate = {"schedule": "warmup_cosine", "peak": 0.1, "final": 0.01, "warmup_epochs": 2.0}
    given = config("linear", rate=rate, **BASE)
    scaled = scaled_training(given)
    schedule = scaled.optimizer.learning_rate
    assert (schedule.peak, schedule.final) == pytest.approx((0.4, 0.04))
    assert schedule.warmup_epochs == 2.0
    assert scaled.epochs == given.training.epochs
    assert given.training.optimizer.learning_rate.peak == 0.1


def test_it_is_said_once_and_only_where_the_rate_changes(notices):
    scaled_training(config("linear", batch_size=256, **BASE))
    assert notices() == []
    scaled_training(config("linear", **BASE))
    assert notices() == [
        "linear_regression: learning rate 0.1 for batches of 256 becomes 0.4 for 1,024 (linear)."
    ]


def test_a_rule_without_its_base_is_refused():
    with pytest.raises(ConfigError, match="learning_rate_scaling 'linear' needs base_batch_size"):
        config("linear")


def test_a_run_trains_with_the_scaled_rate(tmp_path, tensorflow_backend):
    from kerazoo.training.run import Run
    from kerazoo.training.run_folder import RunFolder

    run = Run(config("sqrt", batch_size=64, **BASE), RunFolder(tmp_path / "run"))
    assert float(run.model.optimizer.learning_rate) == pytest.approx(0.05)


def test_a_recipe_chooses_the_devices(tmp_path, tensorflow_backend):
    from kerazoo.training.run import Run
    from kerazoo.training.run_folder import RunFolder

    on_cpu = {"distribution.strategy": "mirrored", "distribution.devices": ["CPU:0"]}
    run = Run(config("none", **on_cpu), RunFolder(tmp_path / "run"))
    assert type(run.devices).__name__ == "MirroredStrategy"
