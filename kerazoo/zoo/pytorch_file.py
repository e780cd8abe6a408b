"""Arrays out of a PyTorch weights file, without PyTorch and without running what is in it.

Such a file is a row of pickles, and a pickle is a program. This reader follows the few instructions
that a dictionary of tensors needs and refuses every other name. Format: `torch.save` before
PyTorch 1.6 (`_legacy_save` in torch/serialization.py): three headers, the dictionary, the keys of
the storages, and each storage as a count and raw numbers.
"""

from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


def read_pytorch_file(content: bytes, path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dictionary, by name.

    Args:
        content: the whole file.
        path: what error messages call it.

    Raises:
        WeightsError: it is damaged, of another format, or would run code.
    """
    stream = io.BytesIO(content)
    try:
        if _Unpickler(stream).load() != _MAGIC or _Unpickler(stream).load() != _PROTOCOL:
            raise ValueError("it is of another version")
        _Unpickler(stream).load()  # sizes of C types on the machine that wrote it
        unpickler = _Unpickler(stream)
        tensors = unpickler.load()
        for key in _Unpickler(stream).load():
            unpickler.storages[key].read(stream)
        return {name: tensor.array() for name, tensor in tensors.items()}
    except Exception as error:  # a damaged pickle ends in any of Python's errors
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(f"{path} is damaged or no PyTorch weights file: {reason}.") from error


class _Storage:
    """Numbers in a row, of which tensors are views; read after all tensors are known."""

    def __init__(self, dtype: str, count: int):
        import numpy as np

        self.dtype, self.count = np.dtype(dtype), count
        self.numbers: np.ndarray | None = None

    def read(self, stream: io.BytesIO) -> None:
        import numpy as np

        count = int.from_bytes(stream.read(8), "little")
        content = stream.read(self.count * self.dtype.itemsize)
        if count != self.count or len(content) != self.count * self.dtype.itemsize:
            raise ValueError("a storage is cut off")
        self.numbers = np.frombuffer(content, self.dtype)


class _Tensor:
    """A view of a storage: its first number, and how far apart neighbours along each axis are."""

    def __init__(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *unused: Any,
    ):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> np.ndarray:
        import numpy as np

        numbers = self.storage.numbers
        if numbers is None or len(self.strides) != len(self.shape):
            raise ValueError("a tensor is incomplete")
        reach = [(n - 1) * step for n, step in zip(self.shape, self.strides, strict=True)]
        if min([self.offset, *reach]) < 0 or self.offset + sum(reach) >= len(numbers):
            raise ValueError("a tensor lies outside its storage")
        steps = [step * numbers.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(
            numbers[self.offset :], self.shape, steps, writeable=False
        )


class _Unpickler(pickle.Unpickler):
    """Knows four names; none of them is a function that does anything."""

    def __init__(self, stream: io.BytesIO):
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise ValueError(f"it asks for {module}.{name}")

    def persistent_load(self, identifier: Any) -> _Storage:
        kind, dtype, key, _, count, *_ = identifier
        if kind != "storage":
            raise ValueError(f"it holds a {kind!r}")
        return self.storages.setdefault(key, _Storage(dtype, count))
