"""A .tflite file as a function of numpy arrays, without TensorFlow and without Keras."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.errors import DataError
from kerazoo.exporters.exact_cast import exact_cast
from kerazoo.exporters.flatbuffer import check_bytes, damaged, read_bytes
from kerazoo.exporters.interpreter import open_interpreter, resize, signature_details
from kerazoo.exporters.metadata import read as read_metadata
from kerazoo.exporters.operators import ends_in_probabilities
from kerazoo.exporters.quantization import dequantize, quantize


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a file.

    `shape`: as in the file, batch first; None where the file leaves a size open. `dtype`: what is
    stored in the file. `scale`, `zero_point`: real value = scale * (stored - zero_point); a scale
    of 0.0 means that values are stored as they are.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Signature:
    """What a file takes and what it gives, in the order of its signature."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def load_tflite(path: str | os.PathLike[str], *, threads: int | None = None) -> TFLiteModel:
    """Load a .tflite file as a callable; neither TensorFlow nor Keras is imported.

    Args:
        path: a .tflite file, exported by kerazoo or by anything else.
        threads: threads the kernels may use, 1 or above; None takes the processors this process
            may use, at most 4, beyond which small models gain nothing.

    Returns: a function of arrays; `TFLiteModel` says of which.

    Raises:
        kerazoo.errors.DataError: the file is missing, damaged, no TFLite file, or needs operators
            that the runtime does not have; `threads` is below 1.

    >>> import keras, kerazoo, numpy as np
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> report = kerazoo.export(model, "two.tflite", labels=["no", "yes"], verify=False)
    >>> two = kerazoo.load_tflite("two.tflite")
    >>> two(np.ones((3, 4))).shape, two.labels  # any number of rows
    ((3, 2), ['no', 'yes'])
    """
    return TFLiteModel(read_bytes(path), threads=threads, name=os.fspath(path))


class TFLiteModel:
    """A .tflite file, ready to run. Made by `load_tflite`.

    Call it with a batch of any size, whatever batch the file was made for: one array for a single
    input; a dict by input name, or keyword arguments, for several. Values are real numbers on both
    sides, quantized inside where the file takes integers: rounded to the nearest step, halves to
    even, and clipped to the range. Only an array that already has the file's own quantized dtype
    (int8 for int8, say) is passed on as it is. Returns one float array, or a dict by output name.

    Calls from several threads are safe and wait for each other. (Typed as Any: the file decides
    which of the two it returns, and its user knows the file.)

    Args:
        content: of the file.
        threads: as for `load_tflite`.
        name: of the file, for messages.

    Attributes:
        signature: its `inputs` and `outputs`, each with `name`, `shape` (batch first, None where
            the file leaves a size open), `dtype`, and real value = `scale` * (stored value -
            `zero_point`), with a scale of 0.0 where values are stored as they are.
        gives_probabilities: whether the first output comes from a softmax or a sigmoid.

    Raises:
        kerazoo.errors.DataError: as `load_tflite`; in a call: inputs that are missing, have
            another shape, or hold what the file's dtype cannot.

    >>> import keras, kerazoo, numpy as np
    >>> model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2)])
    >>> report = kerazoo.export(model, "two.tflite", verify=False)
    >>> two = kerazoo.load_tflite("two.tflite")
    >>> [(tensor.name, tensor.shape, tensor.dtype) for tensor in two.signature.inputs]
    [('x', (1, 4), 'float32')]
    >>> bool((two(x=np.ones((3, 4))) == two(np.ones((3, 4)))).all())
    True
    """

    def __init__(self, content: bytes, *, threads: int | None = None, name: str = "model") -> None:
        if threads is not None and threads < 1:
            raise DataError(f"`threads` must be 1 or above. Received: {threads}.")
        check_bytes(content, name)
        self.metadata: dict[str, Any] = read_metadata(content)
        """What `kerazoo.export` stored: name, task, summary, license, labels and so on."""
        self._interpreter = open_interpreter(content, threads=threads or _usual_threads())
        self._lock = threading.Lock()
        try:
            inputs, outputs = signature_details(self._interpreter)
        except (ValueError, KeyError, RuntimeError) as error:
            raise damaged(error) from error
        self.signature = Signature(
            tuple(_info(name, detail) for name, detail in inputs.items()),
            tuple(_info(name, detail) for name, detail in outputs.items()),
        )
        self.gives_probabilities = ends_in_probabilities(content)
        self._input_indices = [int(detail["index"]) for detail in inputs.values()]
        self._output_indices = [int(detail["index"]) for detail in outputs.values()]
        self._is_open = any(None in tensor.shape for tensor in self.signature.inputs)
        self._allocated: list[tuple[int, ...]] = []

    @property
    def labels(self) -> list[str] | None:
        """One text per class, in the order of the output; None where the file holds none."""
        return self.metadata.get("labels")

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Outputs for a batch; see the class.

        Raises:
            kerazoo.errors.DataError: missing inputs, wrong shape or dtype, NaN for an integer file,
                numbers beyond the dtype of an input of whole numbers.
        """
        arrays = self._arrays(inputs, named)
        with self._lock:
            outputs = self._run(arrays)
        values = [
            dequantize(output, tensor.scale, tensor.zero_point)
            for output, tensor in zip(outputs, self.signature.outputs, strict=True)
        ]
        if len(values) == 1:
            return values[0]
        names = [tensor.name for tensor in self.signature.outputs]
        return dict(zip(names, values, strict=True))

    def predict(self, inputs: Any) -> Any:
        """The same as calling; here so that code written for `keras.Model.predict` works."""
        return self(inputs)

    def __repr__(self) -> str:
        def side(tensors: tuple[TensorInfo, ...]) -> str:
            return ", ".join(f"{t.name}: {t.dtype}{list(t.shape)}" for t in tensors)

        return f"TFLiteModel({side(self.signature.inputs)} -> {side(self.signature.outputs)})"

    def _arrays(self, inputs: Sequence[Any], named: Mapping[str, Any]) -> list[np.ndarray]:
        """One checked array per input, in the dtype that the file stores."""
        tensors = self.signature.inputs
        first = inputs[0] if len(inputs) == 1 else None
        if isinstance(first, Mapping):
            inputs, named = (), {**first, **named}
        elif isinstance(first, list | tuple) and len(tensors) > 1:
            inputs = tuple(first)
        if not inputs and named.keys() == {tensor.name for tensor in tensors}:
            inputs = tuple(named[tensor.name] for tensor in tensors)
        elif named or len(inputs) != len(tensors):
            raise DataError(
                f"The file takes {[tensor.name for tensor in tensors]}. "
                f"Received: {len(inputs)} arrays by position and {list(named)} by name."
            )
        arrays = [_stored(value, tensor) for value, tensor in zip(inputs, tensors, strict=True)]
        if len(arrays) > 1 and len({len(array) for array in arrays}) > 1:
            raise DataError(
                f"All inputs must have as many rows. Received: {[len(array) for array in arrays]}."
            )
        return arrays

    def _run(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Stored outputs for stored inputs of any number of rows."""
        rows, step = len(arrays[0]), self.signature.inputs[0].shape[0]
        if self._is_open:  # another size may be open while the batch is fixed
            self._resize([(step or rows, *array.shape[1:]) for array in arrays])
        if step is None or rows == step:
            return self._invoke(arrays)
        pieces = [self._invoke(chunk) for chunk in _chunks(arrays, rows, step)]
        return [np.concatenate(column)[:rows] for column in zip(*pieces, strict=True)]

    def _resize(self, shapes: list[tuple[int, ...]]) -> None:
        if shapes != self._allocated:
            self._allocated = []  # nothing holds if resizing fails half-way
            resize(self._interpreter, dict(zip(self._input_indices, shapes, strict=True)))
            self._allocated = shapes

    def _invoke(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        interpreter = self._interpreter
        try:
            for index, array in zip(self._input_indices, arrays, strict=True):
                interpreter.set_tensor(index, array)
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise damaged(error) from error
        return [interpreter.get_tensor(index) for index in self._output_indices]


def _usual_threads() -> int:
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        available = os.cpu_count() or 1
    return min(available, 4)


def _info(name: str, detail: Mapping[str, Any]) -> TensorInfo:
    sizes = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    scale, zero_point = detail["quantization"]
    shape = tuple(None if size < 0 else int(size) for size in sizes)
    return TensorInfo(name, shape, np.dtype(detail["dtype"]).name, float(scale), int(zero_point))


def _stored(value: Any, tensor: TensorInfo) -> np.ndarray:
    """`value` as an array that can be put into `tensor`."""
    array = np.asarray(value)
    shape = tensor.shape
    fits = array.ndim == len(shape) and array.ndim > 0 and array.shape[0] > 0
    if not fits or any(
        size is not None and size != got
        for size, got in zip(shape[1:], array.shape[1:], strict=True)
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in shape[1:])
        raise DataError(
            f"The input {tensor.name!r} must have the shape (rows, {wanted}). "
            f"Received: {array.shape}."
        )
    if array.dtype == tensor.dtype:
        return array
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise DataError(
            f"The input {tensor.name!r} must hold numbers. Received: dtype {array.dtype}."
        )
    if tensor.scale:
        return quantize(array, tensor.scale, tensor.zero_point, tensor.dtype)
    if tensor.dtype.startswith(("int", "uint")) and array.dtype.kind == "f":
        raise DataError(
            f"The input {tensor.name!r} takes {tensor.dtype}. Received: dtype {array.dtype}."
        )
    return exact_cast(array, tensor.dtype, what=f"The input {tensor.name!r}")


def _chunks(arrays: list[np.ndarray], rows: int, step: int) -> Iterator[list[np.ndarray]]:
    """`step` rows at a time; the last row is repeated to fill the last chunk."""
    for start in range(0, rows, step):
        if start + step <= rows:
            yield [array[start : start + step] for array in arrays]
        else:
            last = np.minimum(np.arange(start, start + step), rows - 1)
            yield [array[last] for array in arrays]
