"""scikit-learn's diabetes data (Efron et al. 2004, "Least Angle Regression").

442 patients, ten features in their own units; the target is disease progression after one year, 25
to 346. The source has no split: 342 patients for training and 100 for testing, drawn with seed 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.datasets.dataset import Dataset
from kerazoo.datasets.sklearn_data import sklearn_datasets

if TYPE_CHECKING:
    import numpy as np

_TEST_PATIENTS = 100


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    features, target = sklearn_datasets().load_diabetes(return_X_y=True, scaled=False)
    order = np.random.RandomState(0).permutation(len(features))
    rows = order[:_TEST_PATIENTS] if split == "test" else order[_TEST_PATIENTS:]
    return features[rows].astype(np.float32), target[rows].astype(np.float32)[:, None]


DATASET = Dataset(
    name="diabetes",
    summary="Age, sex, body mass index, blood pressure and six blood values of 442 patients.",
    splits=("train", "test"),
    input_shape=(10,),
    class_names=None,
    license="public (Efron et al. 2004), as shipped with scikit-learn",
    read=_read,
)
