"""Which datasets there are. A dataset is one file beside this one, and its name below."""

from __future__ import annotations

from importlib import import_module

from kerazoo.datasets.dataset import Dataset
from kerazoo.errors import unknown_name

_MODULES = (
    "bccd",
    "camvid",
    "cifar10",
    "diabetes",
    "digits",
    "elnino",
    "fsdd",
    "fsdd_strings",
    "imagenet",
    "ml100k",
    "mnist",
    "mnist1d",
    "multi30k",
    "rt_polarity",
)


def list_datasets() -> list[str]:
    """Names of the datasets, sorted.

    >>> import kerazoo
    >>> kerazoo.datasets.list_datasets()[:3]
    ['bccd', 'camvid', 'cifar10']
    """
    return sorted(_datasets())


def info(name: str) -> Dataset:
    """The facts of the dataset called `name`; reads no data.

    Args:
        name: one of `list_datasets()`.

    Raises:
        UnknownNameError: there is none; the message has the nearest names.

    >>> import kerazoo
    >>> digits = kerazoo.datasets.info("digits")
    >>> digits.input_shape, digits.num_classes, digits.splits
    ((28, 28, 1), 10, ('test',))
    """
    datasets = _datasets()
    if name not in datasets:
        raise unknown_name("dataset", name, datasets)
    return datasets[name]


def _datasets() -> dict[str, Dataset]:
    modules = (import_module(f"kerazoo.datasets.{name}") for name in _MODULES)
    return {module.DATASET.name: module.DATASET for module in modules}
