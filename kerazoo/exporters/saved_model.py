"""SavedModel folders: writing one, and running it for comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kerazoo.errors import ExportError
from kerazoo.exporters.calibration import Samples
from kerazoo.exporters.interface import Interface, pack
from kerazoo.exporters.quiet import quiet


def write(model: Any, interface: Interface, folder: Path) -> None:
    """Write `model` as a SavedModel that takes batches of any size.

    Raises:
        ExportError: Keras cannot trace the model.
    """
    try:
        with quiet():
            model.export(folder, format="tf_saved_model", verbose=False)
    except OSError:
        raise  # a full disk is not the model's fault
    except Exception as error:
        raise ExportError(f"Keras cannot export {model.name!r}: {error}") from error


def run(folder: Path, model: Any, interface: Interface, samples: Samples) -> dict[str, np.ndarray]:
    """Outputs of the SavedModel by output name, read back from disk."""
    import keras
    import tensorflow as tf

    flat = [tf.constant(samples[port.name]) for port in interface.inputs]
    with quiet():
        loaded = tf.saved_model.load(str(folder))
        outputs = loaded.serve(pack(model, flat))
    arrays = [output.numpy() for output in keras.tree.flatten(outputs)]
    return dict(zip(interface.outputs, arrays, strict=True))


def size(folder: Path) -> int:
    """Bytes of all files in the folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
