"""kerazoo: a Keras 3 extension and model zoo.

Get a model by name, train it on whatever hardware is there, make it small, and ship a TFLite file
whose numbers have been checked. `__init__.pyi` lists the public names; each is imported when it is
first used, so that `import kerazoo` costs neither Keras nor TensorFlow.
"""

import lazy_loader

from kerazoo.registration import register_with_keras

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

register_with_keras()
