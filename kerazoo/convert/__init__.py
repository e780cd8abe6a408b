"""Models from Keras 2 and TensorFlow 1, and back to Keras 2 for tools that still need it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
