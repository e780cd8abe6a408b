from .from_keras2 import from_keras2
from .from_tf1_checkpoint import from_tf1_checkpoint
from .infer_mapping import infer_mapping
from .keras2_hard_sigmoid import keras2_hard_sigmoid
from .name_mapping import NameMapping
from .to_keras2 import to_keras2

__all__ = [
    "NameMapping",
    "from_keras2",
    "from_tf1_checkpoint",
    "infer_mapping",
    "keras2_hard_sigmoid",
    "to_keras2",
]
