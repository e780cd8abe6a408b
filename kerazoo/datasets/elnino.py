"""Monthly sea surface temperature off Peru (Nino 1+2), 1950 to 2010, as statsmodels ships it.

NOAA, ERSST.V3B. A sample is three years of months and the twelve that follow; one starts at each
month. Those whose twelve months are all before 2001 are for training; the months to predict of the
test samples are all from 2001 on.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.datasets.dataset import Dataset
from kerazoo.errors import DataError, MissingDependencyError

if TYPE_CHECKING:
    import numpy as np

WINDOW, HORIZON, SEASON = 36, 12, 12
"""Months given, months to predict, months after which the year repeats itself."""
TRAINING_MONTHS = (2001 - 1950) * 12


def read_series() -> np.ndarray:
    """The 732 months in degrees Celsius, float32 `(732,)`, from the package's own file."""
    import numpy as np

    package = find_spec("statsmodels")
    if package is None or package.origin is None:
        raise MissingDependencyError(
            "elnino: its file is part of a package: pip install statsmodels."
        )
    path = Path(package.origin).parent / "datasets" / "elnino" / "elnino.csv"
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
        return table[:, 1:].reshape(-1)
    except (OSError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged: {reason}. Install statsmodels anew.") from error


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    series = read_series()
    first = TRAINING_MONTHS - WINDOW if split == "test" else 0
    part = series[first:] if split == "test" else series[:TRAINING_MONTHS]
    windows = np.lib.stride_tricks.sliding_window_view(part, WINDOW + HORIZON)
    return windows[:, :WINDOW, None].copy(), windows[:, WINDOW:].copy()


DATASET = Dataset(
    name="elnino",
    summary="36 months of sea surface temperature in degrees Celsius, float32; the next 12.",
    splits=("train", "test"),
    input_shape=(WINDOW, 1),
    class_names=None,
    license="public domain (NOAA, ERSST.V3B), as shipped with statsmodels",
    read=_read,
    is_series=True,
)
