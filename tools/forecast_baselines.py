#!/usr/bin/env python
"""What simpler forecasts make of the test years of `timeseries_forecaster`. For maintainers.

    python tools/forecast_baselines.py

Each month's forecast knows the series up to that month: the values of the year before (seasonal
naive), and statsmodels' exponential smoothing, fitted anew at every month, with no trend, an
additive one, or a damped one, and additive seasons. Their errors on the model's own scale (MASE)
go into its config, beside how it was trained.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from statsmodels.tsa.holtwinters import ExponentialSmoothing
from train_weights import add_facts

from kerazoo.datasets.elnino import HORIZON, SEASON, TRAINING_MONTHS, read_series
from kerazoo.zoo.catalogue import find_config

NAME = "timeseries_forecaster"
TRENDS: dict[str, dict[str, Any]] = {
    "no_trend": {"trend": None},
    "trend": {"trend": "add"},
    "damped_trend": {"trend": "add", "damped_trend": True},
}


def main() -> None:
    """A line for each, and all into the config if its weights are published."""
    warnings.filterwarnings("ignore", module="statsmodels")  # fits that stop before they converge
    errors = {"seasonal_naive": error_of(lambda past: past[-SEASON:])}
    for trend, arguments in TRENDS.items():
        errors[f"exponential_smoothing_{trend}"] = error_of(smoothing(arguments))
    for name, error in errors.items():
        print(f"{name}: {error:.4f}", flush=True)
    if "default" in find_config(NAME).weights:
        facts = {f"{name}_test_error": float(f"{error:.6g}") for name, error in errors.items()}
        add_facts(NAME, {**facts, "baselines_command": "python tools/forecast_baselines.py"})


def smoothing(arguments: dict[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    """A forecast of the next year by a model fitted to all months before."""

    def forecast(past: np.ndarray) -> np.ndarray:
        model = ExponentialSmoothing(past, seasonal="add", seasonal_periods=SEASON, **arguments)
        return model.fit().forecast(HORIZON)

    return forecast


def error_of(forecast: Callable[[np.ndarray], np.ndarray]) -> float:
    """Mean absolute error over the test samples' months, divided by the recipe's scale."""
    (metric,) = find_config(NAME).training.metrics
    series = read_series().astype("float64")
    starts = range(TRAINING_MONTHS, len(series) - HORIZON + 1)
    errors = [
        np.abs(forecast(series[:start]) - series[start : start + HORIZON]).mean()
        for start in starts
    ]
    return float(np.mean(errors)) / metric.arguments["scale"]


if __name__ == "__main__":
    main()
