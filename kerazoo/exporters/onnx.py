"""ONNX files: writing one, and running it for comparison."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo.errors import ExportError, MissingDependencyError
from kerazoo.exporters.calibration import Samples
from kerazoo.exporters.interface import Interface, pack
from kerazoo.exporters.quiet import quiet


def check_installed() -> None:
    """Raise `MissingDependencyError` unless the packages of the extra "onnx" are here."""
    missing = [
        name
        for name in ("tf2onnx", "onnx", "onnxruntime")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise MissingDependencyError(
            f"Exporting to .onnx needs {', '.join(missing)}: pip install 'kerazoo[onnx]'"
        )


def write(model: Any, interface: Interface, path: Path) -> None:
    """Write `model` as an ONNX file that takes batches of any size.

    Raises:
        ExportError: an operator that ONNX does not have.
    """
    import keras

    flat = [
        keras.InputSpec(shape=(None, *port.shape), dtype=port.dtype, name=port.name)
        for port in interface.inputs
    ]
    signature = [pack(model, flat)]
    try:
        with quiet():
            model.export(str(path), format="onnx", verbose=False, input_signature=signature)
    except OSError:
        raise
    except Exception as error:
        raise ExportError(f"Keras cannot export {model.name!r} to ONNX: {error}") from error


def run(path: Path, model: Any, interface: Interface, samples: Samples) -> dict[str, np.ndarray]:
    """Outputs of the file by output name, computed by onnxruntime."""
    import onnxruntime

    with quiet():
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    arrays = [samples[port.name] for port in interface.inputs]
    feed = {node.name: array for node, array in zip(session.get_inputs(), arrays, strict=True)}
    return dict(zip(interface.outputs, session.run(None, feed), strict=True))
