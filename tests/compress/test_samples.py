"""Samples for calibration: arrays are thinned evenly, batches come in order."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import calibrate, quantize_aware
from kerazoo.compress._labelled_samples import labelled_samples
from kerazoo.compress._samples import collect_samples
from kerazoo.errors import DataError


@pytest.fixture(scope="module")
def model():
    return keras.Sequential([keras.Input((1,), name="x"), layers.Dense(1, name="y")])


def column(rows):
    return np.arange(rows, dtype="float32")[:, None]


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"x": x}])
def test_arrays_are_thinned_over_their_whole_length(model, wrap):
    (taken,) = collect_samples(wrap(column(5000)), model, most=512)
    np.testing.assert_array_equal(taken[[0, -1], 0], [0, 4999])
    assert len(taken) == 512
    assert set(np.diff(taken[:, 0])) == {9, 10}


def test_targets_go_with_their_rows(model):
    x = column(5000)
    (taken,), targets = labelled_samples((x, x[:, 0] * 2), model)
    assert len(taken) == 2048
    np.testing.assert_array_equal(targets, taken[:, 0] * 2)
    assert targets[-1] == 2 * 4999
    with pytest.raises(DataError, match="5000 inputs and 4999 targets"):
        labelled_samples((x, x[1:, 0]), model)


@pytest.mark.parametrize("rows", [1, 7])
def test_few_rows_are_all_taken(model, rows):
    x = column(rows)
    (taken,), targets = labelled_samples((x, x), model, most=7)
    np.testing.assert_array_equal(taken, x)
    np.testing.assert_array_equal(targets, x)


def test_batches_come_in_order(model):
    x = column(100)
    batches = [(x[i : i + 30], x[i : i + 30, 0]) for i in range(0, 100, 30)]
    (taken,), targets = labelled_samples(batches, model, most=40)
    np.testing.assert_array_equal(taken, x[:40])
    np.testing.assert_array_equal(targets, x[:40, 0])
    (taken,) = collect_samples(iter(batches), model, most=40)
    np.testing.assert_array_equal(taken, x[:40])


@pytest.mark.usefixtures("tensorflow_backend")
def test_ranges_see_the_last_class_of_a_sorted_array(model):
    data = np.repeat([0.0, 1.0, 8.0], 400)[:, None].astype("float32")
    quantized = calibrate(quantize_aware(model), data)
    low, high = map(float, quantized.get_layer("x_range").range())
    assert (low, high) == (0, pytest.approx(8, rel=0.01))
