"""Schedules of pruning: the values of tfmot's pruning_schedule_test.py, written out."""

import keras
import pytest

from kerazoo.compress import ConstantSparsity, PolynomialDecay
from kerazoo.errors import ConfigError

CONSTANT = ConstantSparsity(0.5, begin_step=10, end_step=50, frequency=10)
DECAY = PolynomialDecay(0.2, 0.8, begin_step=10, end_step=20, power=3, frequency=10)


@pytest.mark.parametrize("schedule", [CONSTANT, ConstantSparsity(0.5, 10, -1, 10)])
@pytest.mark.parametrize(
    ("step", "is_due"), [(0, False), (9, False), (10, True), (11, False), (20, True), (50, True)]
)
def test_zeros_are_chosen_on_the_grid_from_the_first_step(schedule, step, is_due):
    assert bool(schedule.is_due(step)) == is_due


def test_nothing_is_chosen_after_the_last_step_if_there_is_one():
    assert not bool(CONSTANT.is_due(60))
    assert bool(ConstantSparsity(0.5, 10, -1, 10).is_due(60))
    assert bool(ConstantSparsity(0.5, 10).is_due(110))  # tfmot's default: every 100 steps


@pytest.mark.parametrize("step", [0, 10, 1000])
def test_constant_sparsity_is_the_target_at_any_step(step):
    assert float(CONSTANT.sparsity(step)) == 0.5


@pytest.mark.parametrize(
    ("step", "expected"),
    # 0.8 - 0.6 * (1 - p) ** 3 by hand, p = 0, 0.2, 0.5, 0.8, 1; held before and after
    [(0, 0.2), (10, 0.2), (12, 0.4928), (15, 0.725), (18, 0.7952), (20, 0.8), (999, 0.8)],
)
def test_polynomial_decay_by_hand(step, expected):
    assert float(DECAY.sparsity(step)) == pytest.approx(expected, rel=1e-6)


def test_power_one_is_a_line():
    line = PolynomialDecay(0.0, 0.8, 0, 8, power=1)
    assert [round(float(line.sparsity(step)), 5) for step in (0, 2, 4, 8)] == [0, 0.2, 0.4, 0.8]


@pytest.mark.parametrize("schedule", [CONSTANT, DECAY])
def test_a_schedule_comes_back_from_its_config(schedule):
    serialized = keras.saving.serialize_keras_object(schedule)
    assert keras.saving.deserialize_keras_object(serialized) == schedule
    assert schedule != ConstantSparsity(0.4, begin_step=10, end_step=50, frequency=10)


@pytest.mark.parametrize(
    "arguments",
    [
        {"target_sparsity": 1.0, "begin_step": 0},
        {"target_sparsity": -0.1, "begin_step": 0},
        {"target_sparsity": 0.5, "begin_step": -1},
        {"target_sparsity": 0.5, "begin_step": 5, "end_step": 4},
        {"target_sparsity": 0.5, "begin_step": 0, "frequency": 0},
    ],
)
def test_arguments_out_of_range(arguments):
    with pytest.raises(ConfigError, match="Received"):
        ConstantSparsity(**arguments)


@pytest.mark.parametrize("wrong", [{"end_step": 10}, {"power": 0}, {"final_sparsity": 1}])
def test_arguments_of_the_decay_out_of_range(wrong):
    right = {"initial_sparsity": 0, "final_sparsity": 0.8, "begin_step": 10, "end_step": 20}
    with pytest.raises(ConfigError, match="Received"):
        PolynomialDecay(**{**right, **wrong})
