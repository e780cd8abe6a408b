"""Models from Keras 2 and TensorFlow 1, and back to Keras 2 for tools that still need it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# All functions are registered when Keras is imported (kerazoo/registration.py). Here, before any
# module of this package is, none can be found half imported.
import keras  # noqa: E402, F401
