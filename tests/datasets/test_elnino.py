"""The sea's temperature: windows of the series that statsmodels gives, cut where 2001 begins."""

import importlib.machinery

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import elnino
from kerazoo.errors import DataError, MissingDependencyError

statsmodels = pytest.importorskip("statsmodels.datasets.elnino")


def test_the_series_is_that_of_statsmodels():
    table = statsmodels.load_pandas().data.set_index("YEAR")
    series = elnino.read_series()
    assert len(series) == 732
    np.testing.assert_allclose(series, table.to_numpy().reshape(-1), rtol=1e-6)


def test_windows_go_on_where_their_inputs_end_and_parts_do_not_overlap():
    series = elnino.read_series()
    train, targets = kerazoo.datasets.load_numpy("elnino", "train")
    test, test_targets = kerazoo.datasets.load_numpy("elnino", "test")
    assert (train.shape, targets.shape) == ((565, 36, 1), (565, 12))
    assert (test.shape, test_targets.shape) == ((109, 36, 1), (109, 12))
    for row in (0, 7, 564):
        np.testing.assert_array_equal(train[row, :, 0], series[row : row + 36])
        np.testing.assert_array_equal(targets[row], series[row + 36 : row + 48])
    january_2001 = (2001 - 1950) * 12
    np.testing.assert_array_equal(targets[-1], series[january_2001 - 12 : january_2001])
    np.testing.assert_array_equal(test_targets[0], series[january_2001 : january_2001 + 12])
    np.testing.assert_array_equal(test[0, :, 0], series[january_2001 - 36 : january_2001])
    np.testing.assert_array_equal(test_targets[-1], series[-12:])


def test_without_the_package_or_its_file_one_line_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(elnino, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install statsmodels"):
        elnino.read_series()
    spec = importlib.machinery.ModuleSpec("statsmodels", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(elnino, "find_spec", lambda name: spec)
    with pytest.raises(DataError, match="elnino.csv is damaged"):
        elnino.read_series()
