import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
import kerazoo.exporters as exporters
from kerazoo.datasets import loading
from kerazoo.errors import DataError
from kerazoo.exporters.calibration import collect, split
from kerazoo.exporters.interface import Port

ONE = (Port("x", (4,), "float32"),)
TWO = (Port("left", (4,), "float32"), Port("right", (2,), "float32"))
ROWS = np.arange(80, dtype="float32").reshape(20, 4)
LABELS = np.arange(20)


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        ROWS.astype("uint8"),
        tf.constant(ROWS),
        (ROWS,),
        {"x": ROWS},
        [ROWS[:7], ROWS[7:]],
        (batch for batch in np.split(ROWS, 4)),
        tf.data.Dataset.from_tensor_slices(ROWS).batch(8),
        tf.data.Dataset.from_tensor_slices((ROWS, LABELS)).batch(8),
        tf.data.Dataset.from_tensor_slices(({"x": ROWS}, LABELS)).batch(8),
    ],
    ids=["array", "uint8", "tensor", "tuple", "dict", "list", "generator", "ds", "ds_y", "ds_dict"],
)
def test_every_form_gives_the_same_rows(data):
    collected = collect(data, ONE, most=100)
    assert collected["x"].dtype == np.float32
    np.testing.assert_array_equal(collected["x"], ROWS)


@pytest.mark.parametrize(
    "data",
    [
        (ROWS, ROWS[:, :2]),
        [ROWS, ROWS[:, :2]],
        {"right": ROWS[:, :2], "left": ROWS},
        tf.data.Dataset.from_tensor_slices((ROWS, ROWS[:, :2])).batch(8),
        tf.data.Dataset.from_tensor_slices(((ROWS, ROWS[:, :2]), LABELS)).batch(8),
    ],
    ids=["tuple", "list", "dict", "dataset", "dataset_with_labels"],
)
def test_two_inputs(data):
    collected = collect(data, TWO, most=100)
    np.testing.assert_array_equal(collected["left"], ROWS)
    np.testing.assert_array_equal(collected["right"], ROWS[:, :2])


def test_arrays_are_thinned_over_their_whole_length():
    collected = collect(ROWS, ONE, most=5)["x"]
    assert collected[:, 0].tolist() == [0, 20, 40, 56, 76]  # rows 0, 4.75, 9.5, 14.25, 19


def test_endless_streams_are_read_no_further_than_needed():
    def endless():
        while True:
            yield ROWS

    assert len(collect(endless(), ONE, most=50)["x"]) == 50


def test_split_keeps_every_row_once():
    first, rest = split({"x": ROWS}, first=8)
    assert len(first["x"]) == 8
    both = np.concatenate([first["x"], rest["x"]])
    assert sorted(both[:, 0]) == sorted(ROWS[:, 0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ROWS[:, :3], r"must have the shape \(samples, 4\). Received: \(20, 3\)"),
        (ROWS[0], r"Received: \(4,\)"),
        (ROWS[:0], "is empty"),
        ([], "is empty"),
        (np.where(ROWS == 5, np.nan, ROWS), "NaN or infinite"),
        (np.where(ROWS == 5, np.inf, ROWS), "NaN or infinite"),
        (ROWS.astype(str), "must be numbers"),
        (ROWS.astype(complex), "must be numbers"),
        ((ROWS, ROWS), r"one array for each of the 1 inputs \['x'\]. Received: 2"),
        ({"y": ROWS}, r"inputs \['x'\]. Received: \['y'\]"),
        ("digits.npy", "must hold arrays"),
        (7, "must hold arrays"),
        (object(), "Received: object"),
    ],
)
def test_unusable_data_is_one_clear_line(data, message):
    with pytest.raises(DataError, match=message) as caught:
        collect(data, ONE, most=100)
    assert "\n" not in str(caught.value)


def test_inputs_of_different_lengths_are_refused():
    with pytest.raises(DataError, match="different lengths"):
        collect((ROWS, ROWS[:5, :2]), TWO, most=100)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("uint8", [[0.2, 0.9], [-1, 300]]),
        ("uint8", np.array([[0, 300]])),
        ("int8", np.array([[128, 0]], "uint8")),
        ("int32", np.array([[2**31, 0]])),
        ("int32", [[3e9, 0]]),
        ("bool", [[0.5, 1]]),
    ],
)
def test_values_that_the_inputs_dtype_cannot_hold_are_refused(dtype, values):
    """Cast they would be others: 300 is 44 as uint8, and images in 0..1 are black."""
    with pytest.raises(DataError, match=f"'x'.* {dtype}.*Received: values from"):
        collect(np.asarray(values), (Port("x", (2,), dtype),), most=100)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool"])
def test_whole_numbers_may_come_in_any_dtype(dtype):
    given = np.array([[0, 1], [1, 0]])
    for kind in ("float32", "int64", "bool"):
        got = collect(given.astype(kind), (Port("x", (2,), dtype),), most=100)["x"]
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, given)


def test_export_refuses_before_it_writes(small, tmp_path):
    with pytest.raises(DataError, match="NaN"):
        exporters.export(
            small, tmp_path / "m.tflite", quantize="int8", calibration=np.full((9, 4), np.nan)
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", ["int8", "int8_io", "int16x8"])
def test_models_from_elsewhere_need_calibration(small, tmp_path, mode):
    with pytest.raises(DataError, match="needs `calibration`"):
        exporters.export(small, tmp_path / "m.tflite", quantize=mode)


def test_without_a_zoo_models_data_the_way_out_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path))
    monkeypatch.setenv("KERAZOO_OFFLINE", "1")
    loading._read_once.cache_clear()
    model = kerazoo.get("cifar10_mobile", weights=None, stages=[[1, 4, 1, 4]], top_filters=4)
    with pytest.raises(DataError, match="quantize=None"):
        kerazoo.export(model, tmp_path / "m.tflite", quantize="int8")
    assert list(tmp_path.iterdir()) == []
    loading._read_once.cache_clear()


def test_ranges_come_from_the_calibration_data(tmp_path):
    """The input step of an int8 file is (largest - smallest) / 255 of what it was shown."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    data = np.linspace(-3, 5, 400, dtype="float32").reshape(100, 4)
    exporters.export(model, tmp_path / "m.tflite", quantize="int8_io", calibration=data)
    (tensor,) = exporters.load_tflite(tmp_path / "m.tflite").signature.inputs
    assert tensor.scale == pytest.approx(8 / 255, rel=1e-3)
