"""Reinforcement learning: TF-Agents with Keras 3 networks and Gymnasium environments.

Importing this chooses Keras 2 for `tf.keras`, which TF-Agents is written on; `keras` stays Keras 3.
Without the extra `rl` the names below raise one clear `MissingDependencyError` when they are used.
"""

from typing import Any

import lazy_loader

from kerazoo.rl import _start

_getattr, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

try:
    _start.check_installed()
except ImportError:
    pass  # said when a name is used: `import kerazoo.rl` alone needs nothing
else:
    _start.choose_keras_2()
    _start.leave_out_notices()


def __getattr__(name: str) -> Any:
    if name in __all__:
        _start.check_installed()
    return _getattr(name)
