"""What TF-Agents needs before it is imported: its packages, a Python of its age, and Keras 2.

TF-Agents is written on `tf.keras` of Keras 2. TensorFlow decides which Keras that is when
`tf.keras` is first touched, by an environment variable; `import keras` is Keras 3 in any case.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys

from kerazoo.errors import MissingDependencyError

_VARIABLE = "TF_USE_LEGACY_KERAS"
_PACKAGES = ("tf_agents", "tf_keras", "gymnasium", "tensorboard")


def check_installed() -> None:
    """Raise `MissingDependencyError`, in one line, where TF-Agents cannot be had."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.version_info >= (3, 12):
        raise MissingDependencyError(
            f"kerazoo.rl needs Python 3.10 or 3.11, for TF-Agents 0.19; this is Python {version}."
        )
    raise MissingDependencyError(
        f"kerazoo.rl needs {', '.join(missing)}: pip install 'kerazoo[rl]', in an environment "
        f"without torch (TF-Agents pins another typing-extensions)."
    )


def choose_keras_2() -> None:
    """Make `tf.keras` Keras 2, for TF-Agents and for this process alone.

    Raises:
        MissingDependencyError: `tf.keras` was used before, and is Keras 3.
    """
    tensorflow = sys.modules.get("tensorflow")
    # The loader knows whether it has chosen; asking `tf.keras` anything else makes it choose.
    loader = vars(tensorflow).get("keras") if tensorflow else None
    chosen = loader is not None and vars(loader).get("_tfll_initialized", True)
    if chosen and vars(loader).get("_tfll_keras_version") != "tf_keras":
        raise MissingDependencyError(
            f"kerazoo.rl needs tf.keras to be Keras 2, and this process has used it as Keras 3: "
            f"import kerazoo.rl before whatever uses tf.keras, or start with {_VARIABLE}=1."
        )
    os.environ[_VARIABLE] = "1"


def leave_out_notices() -> None:
    """TF-Agents imports the old `gym`, which tells every program to use Gymnasium instead, and
    calls a function of TensorFlow in a way that TensorFlow advises against. Neither is news here.
    """
    from gym_notices import notices

    notices.notices.clear()
    advice = "back_prop=False is deprecated"
    logging.getLogger("tensorflow").addFilter(lambda record: advice not in record.getMessage())
