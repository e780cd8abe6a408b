import numpy as np
import pytest

from kerazoo.errors import DataError
from kerazoo.exporters.quantization import dequantize, quantize


def by_definition(value, scale, zero_point):
    """Nearest stored int8, halves to even as Python's own `round` does."""
    return max(-128, min(127, round(value / scale) + zero_point))


@pytest.mark.parametrize(("scale", "zero_point"), [(2.0, 3), (0.25, -128), (1.0, 0)])
def test_quantize_matches_its_definition(scale, zero_point):
    values = np.arange(-300, 300, 0.5, dtype="float32")  # many halves, both ends clipped
    expected = [by_definition(float(value), scale, zero_point) for value in values]
    assert quantize(values, scale, zero_point, "int8").tolist() == expected


def test_dequantize_returns_within_half_a_step():
    values = np.linspace(-100, 100, 777, dtype="float32")
    back = dequantize(quantize(values, 0.9, 5, "int8"), 0.9, 5)
    assert np.abs(back - values).max() <= 0.45 * 1.0001
    np.testing.assert_array_equal(dequantize(values, 0.0, 0), values)


def test_integers_are_taken_as_numbers():
    assert quantize(np.array([0, 128, 255], "uint8"), 1.0, -128, "int8").tolist() == [-128, 0, 127]


def test_nan_has_no_integer():
    with pytest.raises(DataError, match="NaN"):
        quantize(np.array([np.nan]), 1.0, 0, "int8")
