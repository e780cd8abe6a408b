""".keras files: writing one, and running it for comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kerazoo.errors import ExportError
from kerazoo.exporters.calibration import Samples
from kerazoo.exporters.interface import Interface, run_keras


def write(model: Any, interface: Interface, path: Path) -> None:
    """Write `model` as a .keras file, optimizer state included where it has one."""
    model.save(path)


def run(path: Path, model: Any, interface: Interface, samples: Samples) -> dict[str, np.ndarray]:
    """Outputs of the model that the file holds, loaded as a stranger's file would be.

    Raises:
        ExportError: the file cannot be loaded, for want of a registered class, say.
    """
    import keras

    try:
        loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises ValueError, TypeError, KeyError and more
        raise ExportError(
            f"The .keras file cannot be loaded again: {str(error).strip().splitlines()[0]} "
            "Register custom layers with @keras.saving.register_keras_serializable()."
        ) from error
    return run_keras(loaded, interface, samples)
