from .classifier import classifier as classifier
from .hub_layer import HubLayer as HubLayer
from .trust import trust as trust

__all__ = [
    "HubLayer",
    "classifier",
    "trust",
]
