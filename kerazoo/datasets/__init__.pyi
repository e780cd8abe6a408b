from .augment import Augment
from .dataset import Dataset
from .loading import load, load_numpy
from .registry import info, list_datasets

__all__ = ["Augment", "Dataset", "info", "list_datasets", "load", "load_numpy"]
