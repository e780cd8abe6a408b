"""From a Keras model to a file whose numbers have been checked.

Nothing heavy is imported until a name is used, and `load_tflite` never imports TensorFlow or Keras.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
