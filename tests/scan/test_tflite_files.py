"""TFLite files whose sizes or indices lead out of them, and their custom operators."""

import struct

import pytest
from ai_edge_litert import schema_py_generated as schema

import kerazoo
from kerazoo.errors import DataError
from kerazoo.exporters.flatbuffer import unpack
from kerazoo.exporters.seal import seal
from tests.scan.hostile_files import dangers
from tests.scan.small_tflite import custom, tflite


def write(tmp_path, content):
    path = tmp_path / "a.tflite"
    path.write_bytes(content)
    return path


def test_an_honest_file(tmp_path):
    assert kerazoo.verify(write(tmp_path, tflite())).findings == ()
    assert kerazoo.verify(write(tmp_path, seal(tflite()))).kind == "TFLite model"


def large_constant(model):
    model.subgraphs[0].tensors[1].shape = [1 << 10, 1 << 10]


def negative_shape(model):
    model.subgraphs[0].tensors[1].shape = [-1, 4]


def no_such_buffer(model):
    model.subgraphs[0].tensors[1].buffer = 7


def no_such_tensor(model):
    model.subgraphs[0].operators[0].inputs = [0, 99]


def no_such_operator(model):
    model.subgraphs[0].operators[0].opcodeIndex = 5


def far_buffer(model):
    model.buffers[1].data = None
    model.buffers[1].offset, model.buffers[1].size = 1 << 40, 16


def bomb(model):
    model.subgraphs[0].tensors[2].shape = [1 << 20, 1 << 20, 4]


def weights_elsewhere(model):
    group = schema.ExternalBufferGroupT()
    group.name = "/etc/passwd"
    model.externalBufferGroups = [group]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (large_constant, "tensor 'constant': declares 4,194,304 bytes and has 16"),
        (negative_shape, "tensor 'constant': has the shape [-1, 4]"),
        (no_such_buffer, "is in buffer 7 of 2"),
        (no_such_tensor, "operator 0 ADD: uses tensors that are none of 3"),
        (no_such_operator, "is of a kind that the file does not list"),
        (far_buffer, "tensor 'constant': lies outside of the file"),
        (bomb, "its tensors need 17,592,186,044,"),
        (weights_elsewhere, "keeps weights in another file (/etc/passwd)"),
        (custom("FlexReadFile"), "the operator FlexReadFile of TensorFlow, which is not on"),
        (custom("FlexEagerPyFunc"), "the operator FlexEagerPyFunc"),
    ],
)
def test_hostile_files(tmp_path, change, what):
    assert what in dangers(write(tmp_path, tflite(change)))


@pytest.mark.parametrize(
    ("name", "what"),
    [("FlexErf", "which need TensorFlow's Flex delegate"), ("Mine", "custom operators 'Mine'")],
)
def test_operators_that_come_with_other_code_are_named(tmp_path, name, what):
    report = kerazoo.verify(write(tmp_path, tflite(custom(name))))
    assert report.is_safe
    assert what in report.findings[0].what


def test_lists_that_overlap(tmp_path):
    """A file of a kilobyte with a list of a milliard subgraphs."""
    content = bytearray(tflite())
    root = struct.unpack_from("<I", content)[0]
    table = root - struct.unpack_from("<i", content, root)[0]
    field = root + struct.unpack_from("<H", content, table + 8)[0]  # subgraphs: the third field
    vector = field + struct.unpack_from("<I", content, field)[0]
    assert struct.unpack_from("<I", content, vector)[0] == 1
    struct.pack_into("<I", content, vector, 1 << 30)
    with pytest.raises(DataError, match="made to exhaust memory"):
        kerazoo.verify(write(tmp_path, bytes(content)))
    with pytest.raises(DataError, match="made to exhaust memory"):
        unpack(bytes(content))


def test_damage(tmp_path):
    good = tflite()
    for content in (b"", b"TFL3" * 4, good[:40], good[: len(good) // 2]):
        with pytest.raises(DataError):
            kerazoo.verify(write(tmp_path, content))
    sealed = bytearray(seal(good))
    sealed[20] ^= 1
    path = write(tmp_path, bytes(sealed))
    with pytest.raises(DataError, match="checksum"):
        kerazoo.verify(path)
