"""Comparison of outputs, against arithmetic written out by hand."""

import numpy as np
import pytest

from kerazoo.exporters.tolerances import TOLERANCES, Tolerance
from kerazoo.exporters.verification import compare

LOOSE = Tolerance(relative_error=0.5, max_abs_error=None, agreement=0.5, layer_error=1.0)


def test_errors_and_agreement_by_hand():
    keras_outputs = np.array([[0.0, 4.0], [4.0, 0.0], [0.0, 4.0], [4.0, 0.0]])
    file_outputs = keras_outputs + np.array([[0, 0], [0, 0], [0, 0], [-4.0, 4.0]])
    result = compare({"y": keras_outputs}, {"y": file_outputs}, LOOSE)
    assert result.max_abs_error == 4
    assert result.relative_error == pytest.approx(np.sqrt(2 * 16 / 8) / 2)  # deviation of 0s and 4s
    assert result.agreement == 0.75
    assert "relative error of 1" in result.problem


def test_near_ties_do_not_count_against_the_file():
    keras_outputs = np.array([[1.0, 1.01, -1.0]] * 50 + [[3.0, 0.0, -3.0]] * 50)
    file_outputs = keras_outputs.copy()
    file_outputs[:50, 1] -= 0.02
    result = compare({"y": keras_outputs}, {"y": file_outputs}, TOLERANCES["int8"])
    assert (result.agreement, result.clear_agreement) == (0.5, 1.0)
    assert result.problem is None


def test_clear_disagreement_is_refused_though_the_error_is_small_on_average():
    keras_outputs = np.tile([10.0, 0.0, 0.0, 0.0], (1000, 1))
    file_outputs = keras_outputs.copy()
    file_outputs[:60, :2] = [0.0, 10.0]
    loose_error = Tolerance(0.6, None, 0.95, 1.0)
    result = compare({"y": keras_outputs}, {"y": file_outputs}, loose_error)
    assert "agrees on 94.0% of the samples (needed: 95.0%)" in result.problem


def test_one_number_agrees_within_the_tolerated_error():
    keras_outputs = np.array([[-1.0], [1.0], [-1.0], [1.0]])  # standard deviation 1
    file_outputs = keras_outputs + np.array([[0.1], [0.4], [0.6], [0.0]])
    result = compare({"y": keras_outputs}, {"y": file_outputs}, LOOSE)
    assert result.agreement == 0.75
    assert result.problem is None


def test_the_worst_output_counts():
    good, bad = np.eye(4), np.eye(4)[::-1]
    result = compare({"a": good, "b": good}, {"a": good, "b": bad}, LOOSE)
    assert result.agreement == 0.0
    assert "'b'" in result.problem


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_never_passes(wrong):
    outputs = np.eye(4)
    broken = outputs.copy()
    broken[2, 2] = wrong
    for expected, actual, side in ((outputs, broken, "file"), (broken, outputs, "Keras model")):
        result = compare({"y": expected}, {"y": actual}, LOOSE)
        assert f"of the {side} holds NaN" in result.problem


def test_other_shapes_never_pass():
    result = compare({"y": np.zeros((4, 2))}, {"y": np.zeros((1, 2))}, LOOSE)
    assert "shape (1, 2) instead of (4, 2)" in result.problem


def test_float32_is_held_to_a_thousandth():
    outputs = np.random.default_rng(0).normal(size=(50, 3))
    for shift, passes in ((1e-4, True), (1e-1, False)):
        shifted = outputs.copy()
        shifted[7, 1] += shift
        result = compare({"y": outputs}, {"y": shifted}, TOLERANCES[None])
        assert (result.problem is None) == passes


@pytest.mark.parametrize(("changed", "is_refused"), [(1, False), (6, True)])
def test_integers_agree_if_they_are_equal(changed, is_refused):
    keras_outputs = np.arange(200, dtype=np.int32).reshape(20, 10)
    file_outputs = keras_outputs.copy()
    file_outputs.reshape(-1)[:changed] += 1  # near, and wrong all the same
    result = compare({"y": keras_outputs}, {"y": file_outputs}, TOLERANCES["float16"])
    assert result.agreement == result.clear_agreement == 1 - changed / 200
    assert result.max_abs_error == 1
    if is_refused:
        assert "97.0% of the Keras model's numbers (needed: 99.0%)" in result.problem
    else:
        assert result.problem is None
