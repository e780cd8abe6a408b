from .augment import Augment
from .batches import Batches
from .dataset import Dataset
from .loading import load, load_numpy
from .registry import info, list_datasets
from .sharding import shard, shard_files

__all__ = [
    "Augment",
    "Batches",
    "Dataset",
    "info",
    "list_datasets",
    "load",
    "load_numpy",
    "shard",
    "shard_files",
]
