"""PyTorch weights files, written here from the format's description, read without PyTorch."""

import collections
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from kerazoo.errors import WeightsError
from kerazoo.zoo.pytorch_file import read_pytorch_file

PATH = Path("net.pth")


class Named:
    """Pickles as a mere name, "torch.FloatStorage", which need not exist here."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Writer(pickle._Pickler):
    """Python's own pickler, in Python: it can be told to write a global by name."""

    dispatch = pickle._Pickler.dispatch.copy()

    def __init__(self, stream, storages):
        super().__init__(stream, protocol=2)
        self.storages = storages

    def persistent_id(self, value):
        if isinstance(value, np.ndarray):
            key = str(len(self.storages))
            self.storages[key] = value
            kind = "FloatStorage" if value.dtype == np.float32 else "LongStorage"
            return ("storage", Named("torch", kind), key, "cpu", value.size, None)
        return None

    def save_named(self, value):
        self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())

    dispatch[Named] = save_named


class Tensor:
    def __init__(self, numbers, offset, shape, strides):
        self.arguments = (numbers, offset, shape, strides, False, collections.OrderedDict())


def save_tensor(self, tensor):
    self.save(Named("torch._utils", "_rebuild_tensor_v2"))
    self.save(tensor.arguments)
    self.write(pickle.REDUCE)


Writer.dispatch[Tensor] = save_tensor


def write(tensors):
    stream, storages = io.BytesIO(), {}
    for header in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(header, stream, protocol=2)
    Writer(stream, storages).dump(collections.OrderedDict(tensors))
    pickle.dump(list(storages), stream, protocol=2)
    for numbers in storages.values():
        stream.write(numbers.size.to_bytes(8, "little") + numbers.tobytes())
    return stream.getvalue()


NUMBERS = np.arange(12, dtype=np.float32)


def test_tensors_come_out_by_name():
    tensors = read_pytorch_file(
        write(
            {
                "rows": Tensor(NUMBERS, 0, (3, 4), (4, 1)),
                "columns": Tensor(NUMBERS, 0, (4, 3), (1, 4)),
                "tail": Tensor(NUMBERS, 8, (2, 2), (2, 1)),
                "count": Tensor(np.array([7], np.int64), 0, (), ()),
            }
        ),
        PATH,
    )
    np.testing.assert_array_equal(tensors["rows"], NUMBERS.reshape(3, 4))
    np.testing.assert_array_equal(tensors["columns"], NUMBERS.reshape(3, 4).T)
    np.testing.assert_array_equal(tensors["tail"], [[8, 9], [10, 11]])
    assert tensors["count"] == 7


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (13,), (1,)), (9, (2, 2), (2, 1)), (-1, (2,), (1,)), (5, (3,), (-1,)), (0, (2,), (1, 1))],
)
def test_a_tensor_outside_its_storage_is_damage(offset, shape, strides):
    with pytest.raises(WeightsError, match="net.pth is damaged or no PyTorch weights file: a tens"):
        read_pytorch_file(write({"a": Tensor(NUMBERS, offset, shape, strides)}), PATH)


def test_no_other_name_is_followed(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    good = write({"a": Tensor(NUMBERS, 0, (12,), (1,))})
    for content in (pickle.dumps(Trap()), good.replace(b"FloatStorage", b"TensorThings")):
        with pytest.raises(WeightsError, match="net.pth is damaged .*it asks for"):
            read_pytorch_file(content, PATH)
    assert list(tmp_path.iterdir()) == []


def test_every_cut_is_damage():
    content = write({"a": Tensor(NUMBERS, 0, (12,), (1,))})
    for length in range(len(content)):
        with pytest.raises(WeightsError, match="damaged"):
            read_pytorch_file(content[:length], PATH)


def test_other_files_are_refused():
    for content in (b"", b"no pickle", b"PK\x03\x04 a newer file", pickle.dumps(3, 2)):
        with pytest.raises(WeightsError, match="damaged or no PyTorch weights file"):
            read_pytorch_file(content, PATH)
