"""Models made small while they train: quantization, pruning and clustering, for Keras 3."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# All classes are registered when Keras is imported (kerazoo/registration.py). Here, before any
# module of this package is, none can be found half imported.
import keras  # noqa: E402, F401
