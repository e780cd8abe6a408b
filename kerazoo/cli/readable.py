"""Data that cannot be read by name is told before TensorFlow is loaded, which takes a while."""

from __future__ import annotations

import kerazoo
from kerazoo.datasets import imagenet


def check_readable(dataset: str, split: str = "train") -> None:
    """Raise `DataError` if only the facts of `dataset` are here; it says what works without."""
    if dataset == imagenet.DATASET.name:
        kerazoo.datasets.load_numpy(dataset, split)
