"""Published models inside Keras 3: SavedModels as layers, and backbones by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# All classes are registered when Keras is imported (kerazoo/registration.py). Here, before any
# module of this package is, none can be found half imported.
import keras  # noqa: E402, F401
