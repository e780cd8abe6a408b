"""Teachers that are no Keras models: SavedModel folders and .tflite files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerazoo.distill._features import FINAL
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf


class SavedModelTeacher:
    """A SavedModel folder, called through its signature "serving_default"."""

    supports_jit = False  # unknown operators may be inside

    def __init__(self, path: Path):
        import tensorflow as tf

        self._path = path
        try:
            self._loaded = tf.saved_model.load(str(path))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise DataError(f"The SavedModel {str(path)!r} cannot be read: {error}.") from error
        if "serving_default" not in self._loaded.signatures:
            raise DataError(
                f"The SavedModel {str(path)!r} has no signature 'serving_default'. "
                f"It has: {sorted(self._loaded.signatures)}."
            )
        self._signature = self._loaded.signatures["serving_default"]
        self._inputs = self._signature.structured_input_signature[1]
        outputs = {
            name: tuple(spec.shape) for name, spec in self._signature.structured_outputs.items()
        }
        self.shapes = {FINAL: _single(outputs)}
        self.variables: list[Any] = []

    def __call__(self, inputs: Any) -> dict[str, Any]:
        import tensorflow as tf

        named = _by_name(inputs, list(self._inputs))
        given = {name: _cast(name, named[name], spec.dtype) for name, spec in self._inputs.items()}
        outputs = {name: tf.stop_gradient(v) for name, v in self._signature(**given).items()}
        return {FINAL: _single(outputs)}

    def run(self, inputs: Any) -> dict[str, Any]:
        return keras.tree.map_structure(np.asarray, self(inputs))

    def fingerprint(self) -> str:
        """SHA-256 of all files in the folder, with their names."""
        digest = hashlib.sha256()
        for file in sorted(path for path in self._path.rglob("*") if path.is_file()):
            digest.update(file.relative_to(self._path).as_posix().encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()


class TFLiteTeacher:
    """A .tflite file, run by LiteRT outside of TensorFlow's graph."""

    supports_jit = False
    variables: list[Any]

    def __init__(self, path: Path):
        from kerazoo.exporters.tflite_model import load_tflite

        self._path = path
        self._file = load_tflite(path)
        self._inputs = [tensor.name for tensor in self._file.signature.inputs]
        tensors = self._file.signature.outputs
        self._dtypes = ["float32" if tensor.scale else tensor.dtype for tensor in tensors]
        self._shapes = {tensor.name: (None, *tensor.shape[1:]) for tensor in tensors}
        self.shapes = {FINAL: _single(self._shapes)}
        self.variables = []

    def __call__(self, inputs: Any) -> dict[str, Any]:
        import tensorflow as tf

        named = _by_name(inputs, self._inputs)
        arrays = tf.numpy_function(
            self._arrays, [named[name] for name in self._inputs], self._dtypes, stateful=False
        )
        outputs = {
            name: tf.ensure_shape(array, shape)
            for array, (name, shape) in zip(arrays, self._shapes.items(), strict=True)
        }
        return {FINAL: _single(outputs)}

    def run(self, inputs: Any) -> dict[str, Any]:
        named = _by_name(inputs, self._inputs)
        arrays = self._arrays(*(np.asarray(named[name]) for name in self._inputs))
        return {FINAL: _single(dict(zip(self._shapes, arrays, strict=True)))}

    def _arrays(self, *inputs: np.ndarray) -> list[np.ndarray]:
        outputs = self._file(dict(zip(self._inputs, inputs, strict=True)))
        return list(outputs.values()) if isinstance(outputs, dict) else [outputs]

    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self._path.read_bytes()).hexdigest()


def _single(outputs: dict[str, Any]) -> Any:
    """The only output by itself; several as they are."""
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _by_name(inputs: Any, names: list[str]) -> dict[str, Any]:
    """Inputs under the names of the file. It has no order: several must come by name."""
    if isinstance(inputs, dict) and inputs.keys() == set(names):
        return inputs
    listed = keras.tree.flatten(inputs)
    if isinstance(inputs, dict) or not len(listed) == len(names) == 1:
        received = (
            f"{sorted(inputs)}" if isinstance(inputs, dict) else f"{len(listed)} without names"
        )
        raise DataError(
            f"The teacher takes the inputs {names}, as a dict by these names where there are "
            f"several. Received: {received}."
        )
    return {names[0]: listed[0]}


def _cast(name: str, values: Any, dtype: tf.DType) -> tf.Tensor:
    """`values` in the dtype of the file; fractions are not cut to integers."""
    import tensorflow as tf

    values = tf.convert_to_tensor(values)
    if dtype.is_integer and not values.dtype.is_integer:
        raise DataError(
            f"The teacher's input {name!r} is {dtype.name}. Received: {values.dtype.name}. Pass "
            f"integers, such as pixels 0..255 that are not yet scaled."
        )
    return tf.cast(values, dtype)
