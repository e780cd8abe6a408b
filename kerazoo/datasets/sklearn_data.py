"""Finding the datasets that scikit-learn carries inside its package."""

from __future__ import annotations

from typing import Any

from kerazoo.errors import MissingDependencyError


def sklearn_datasets() -> Any:
    """The module `sklearn.datasets`.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        import sklearn.datasets
    except ImportError as error:
        raise MissingDependencyError(
            'This dataset is part of scikit-learn: pip install "kerazoo[demo]".'
        ) from error
    return sklearn.datasets
