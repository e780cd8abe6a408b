"""Layers that Keras does not have, written with `keras.ops` alone: TensorFlow, JAX and PyTorch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
