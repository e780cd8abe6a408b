"""Comparison of a file's outputs with its Keras model's, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerazoo.exporters.tolerances import Tolerance

Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """How one file's outputs compare with the Keras model's, the worst output counting.

    `max_abs_error`: in the unit of the output. `relative_error`: root mean square of the
    difference over the standard deviation of the Keras values. `agreement`: fraction in 0..1 of
    samples with the same class (largest value along the last dimension), or, for outputs of one
    number, of samples within the tolerated relative error; of integers, of equal ones.
    `clear_agreement`: the same, not counting against the file a sample whose two classes Keras
    itself held nearly equal.
    `problem`: what is beyond the tolerance, in words; None when nothing is.
    """

    max_abs_error: float
    relative_error: float
    agreement: float
    clear_agreement: float
    problem: str | None


def compare(keras_outputs: Outputs, file_outputs: Outputs, tolerance: Tolerance) -> Comparison:
    """Compare outputs `(samples, ...)` by name."""
    each = {
        name: _compare_one(name, np.asarray(expected), np.asarray(file_outputs[name]), tolerance)
        for name, expected in keras_outputs.items()
    }
    problems = [comparison.problem for comparison in each.values() if comparison.problem]
    return Comparison(
        max(one.max_abs_error for one in each.values()),
        max(one.relative_error for one in each.values()),
        min(one.agreement for one in each.values()),
        min(one.clear_agreement for one in each.values()),
        problems[0] if problems else None,
    )


def _compare_one(
    name: str, expected: np.ndarray, actual: np.ndarray, tolerance: Tolerance
) -> Comparison:
    if actual.shape != expected.shape:
        problem = f"output {name!r} has the shape {actual.shape} instead of {expected.shape}"
        return Comparison(float("inf"), float("inf"), 0.0, 0.0, problem)
    if np.issubdtype(expected.dtype, np.integer):
        return _compare_numbers(name, expected, actual, tolerance)
    expected, actual = expected.astype(np.float64), actual.astype(np.float64)
    if not np.isfinite(actual).all() or not np.isfinite(expected).all():
        side = "file" if np.isfinite(expected).all() else "Keras model"
        problem = f"output {name!r} of the {side} holds NaN or infinite values"
        return Comparison(float("inf"), float("inf"), 0.0, 0.0, problem)
    difference = actual - expected
    largest = float(np.abs(expected).max())
    spread = float(expected.std()) or largest or 1.0  # a constant output has no spread
    max_abs_error = float(np.abs(difference).max())
    relative_error = float(np.sqrt(np.mean(difference**2))) / spread
    agreement, clear = _agreement(expected, actual, tolerance.relative_error * spread)
    beyond = _problem(name, max_abs_error / max(1.0, largest), relative_error, clear, tolerance)
    return Comparison(max_abs_error, relative_error, agreement, clear, beyond)


def _compare_numbers(
    name: str, expected: np.ndarray, actual: np.ndarray, tolerance: Tolerance
) -> Comparison:
    """Integers stand for something, a word or a class: those near each other mean nothing alike.
    The relative error is the share that differs."""
    agreement = float(np.mean(actual == expected))
    largest = float(np.abs(actual.astype(np.int64) - expected).max())
    problem = None
    if agreement < tolerance.agreement:
        problem = (
            f"output {name!r} has {agreement:.1%} of the Keras model's numbers "
            f"(needed: {tolerance.agreement:.1%})"
        )
    return Comparison(largest, 1 - agreement, agreement, agreement, problem)


def _agreement(expected: np.ndarray, actual: np.ndarray, margin: float) -> tuple[float, float]:
    """Fraction of samples that agree, and with those that Keras leads by under `margin`."""
    if expected.ndim < 2 or expected.shape[-1] == 1:
        within = float(np.mean(np.abs(actual - expected) <= margin))
        return within, within
    own, other = expected.argmax(-1)[..., None], actual.argmax(-1)[..., None]
    lead = np.take_along_axis(expected, own, -1) - np.take_along_axis(expected, other, -1)
    return float(np.mean(own == other)), float(np.mean(lead <= margin))


def _problem(
    name: str, scaled_error: float, relative_error: float, agreement: float, tolerance: Tolerance
) -> str | None:
    limit = tolerance.max_abs_error
    if limit is not None and scaled_error > limit:
        return (
            f"output {name!r} is off by up to {scaled_error:.2g} of its largest value "
            f"(tolerated: {limit:g})"
        )
    if relative_error > tolerance.relative_error:
        return (
            f"output {name!r} has a relative error of {relative_error:.3g} "
            f"(tolerated: {tolerance.relative_error:g})"
        )
    if agreement < tolerance.agreement:
        return (
            f"output {name!r} agrees on {agreement:.1%} of the samples "
            f"(needed: {tolerance.agreement:.1%})"
        )
    return None
