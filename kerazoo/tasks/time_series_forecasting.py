"""Time-series forecasting: the steps behind in, quantiles of each step ahead out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo.tasks.prediction import Prediction
from kerazoo.tasks.task import Task

if TYPE_CHECKING:
    from kerazoo.datasets import Dataset


class TimeSeriesForecasting(Task):
    """Models with `(batch, steps ahead, quantiles)` outputs, quantiles in ascending order."""

    def prediction(
        self, source: str, output: np.ndarray, data: Dataset | None, top: int
    ) -> Prediction:
        """The middle quantile of each step, and between which ones it is."""
        steps = []
        for low, middle, high in zip(*_low_middle_high(output), strict=True):
            steps.append(
                f"{middle:.4g} ({low:.4g} to {high:.4g})" if low < high else f"{middle:.4g}"
            )
        return Prediction(source, {}, output.reshape(-1).tolist(), text=", ".join(steps))

    def draw(self, axes: Any, sample: np.ndarray, output: np.ndarray, data: Dataset | None) -> None:
        """The first series of the sample, and behind it the forecast with its span."""
        low, middle, high = _low_middle_high(output)
        ahead = np.arange(1, len(middle) + 1)
        axes.plot(np.arange(1 - len(sample), 1), sample[:, 0], label="given")
        axes.plot(ahead, middle, label="forecast")
        axes.fill_between(ahead, low, high, alpha=0.3, label="span of the quantiles")
        axes.set_xlabel("steps ahead")
        axes.legend()


def _low_middle_high(output: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of `(steps,)` or `(steps, quantiles)` the lowest, the middle and the highest quantile."""
    columns = output.reshape(len(output), -1)
    return columns[:, 0], columns[:, columns.shape[1] // 2], columns[:, -1]


TASK = TimeSeriesForecasting()
