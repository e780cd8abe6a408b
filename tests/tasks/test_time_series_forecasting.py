"""Forecasts in words, numbers and pictures."""

import numpy as np
import pytest

import kerazoo
from kerazoo.tasks import find_task

TASK = find_task("time-series-forecasting")
FORECAST = np.array([[1.0, 2.0, 4.5], [2.0, 2.5, 3.0]], "float32")


def test_words_and_numbers():
    said = TASK.prediction("0", FORECAST, None, top=5)
    assert said.text == "2 (1 to 4.5), 2.5 (2 to 3)"
    assert said.values == [1.0, 2.0, 4.5, 2.0, 2.5, 3.0]
    assert TASK.prediction("0", FORECAST[:, :1], None, top=5).text == "1, 2"


def test_the_picture_shows_what_was_given_and_what_is_ahead():
    axes = pytest.importorskip("matplotlib.figure").Figure().add_subplot()
    TASK.draw(axes, np.array([[5.0], [6.0], [7.0]]), FORECAST, None)
    given, ahead = (line.get_xydata().tolist() for line in axes.lines)
    assert given == [[-2, 5], [-1, 6], [0, 7]]
    assert ahead == [[1, 2], [2, 2.5]]
    span = axes.collections[0].get_paths()[0].vertices
    assert span[:, 1].min() == 1.0
    assert span[:, 1].max() == 4.5


def test_the_zoos_forecaster(tmp_path):
    months = np.linspace(20, 26, 36, dtype="float32")[:, None]
    (said,) = kerazoo.predict("timeseries_forecaster", months)
    assert said.text.count(" to ") == 12
    assert len(said.values) == 36
