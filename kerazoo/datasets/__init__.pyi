from .augment import Augment
from .loading import load, load_numpy
from .registry import Dataset, info, list_datasets

__all__ = ["Augment", "Dataset", "info", "list_datasets", "load", "load_numpy"]
