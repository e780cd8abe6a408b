from .backbone import backbone as backbone
from .backbone_model import Backbone as Backbone
from .classifier import classifier as classifier
from .hub_layer import HubLayer as HubLayer
from .trust import trust as trust

__all__ = [
    "Backbone",
    "HubLayer",
    "backbone",
    "classifier",
    "trust",
]
