"""Model files looked at without loading them: what in them could do harm, in words.

Nothing here imports Keras or TensorFlow, and nothing of a file is run.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
