"""Readers of files from strangers, good files for each, and how a good file is spoilt.

`test_fuzz.py` does this for seconds, `tools/fuzz.py` for as long as one likes.
"""

import io
import json
import pickle
import random
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

import kerazoo
from kerazoo.errors import KerazooError
from kerazoo.exporters.flatbuffer import unpack
from kerazoo.exporters.operators import list_operators
from kerazoo.exporters.seal import seal
from kerazoo.foreign.messages import saved_model_class
from kerazoo.zoo.catalogue import configs_folder
from kerazoo.zoo.config_file import read_config
from kerazoo.zoo.weights import read_weights
from tests.scan.hostile_files import DENSE, h5_model, keras_file, layer, model, weights_h5
from tests.scan.small_tflite import custom, tflite


@dataclass(frozen=True)
class Reader:
    """`name`: of a file for it; `read`: takes a path, and may raise `KerazooError` only."""

    name: str
    read: Callable[[Path], object]
    good: Callable[[Path], list[bytes]]
    tokens: tuple[bytes, ...] = ()


def _read_tflite(path):
    content = path.read_bytes()
    unpack(content)
    list_operators(content)


def _configs(folder):
    names = ("mnist_mlp", "mnist_cnn", "dqn_cartpole", "timeseries_forecaster")
    return [(configs_folder() / f"{name}.yaml").read_bytes() for name in names]


def _weights(folder):
    arrays = {"dense/kernel": np.ones((4, 2), "float16"), "dense/bias": np.zeros(2, "float32")}
    return [safetensors.numpy.save(arrays), safetensors.numpy.save(arrays, {"a": "b"})]


def _keras_files(folder):
    lookup = layer("StringLookup", vocabulary=["a", "b"])
    path = keras_file(folder / "good.keras", model(DENSE, lookup), assets_0_a__txt="a\nb")
    return [path.read_bytes()]


def _hdf5_files(folder):
    def bfloat16(file):
        file.create_dataset("half", data=np.zeros(3, "V2")).attrs["dtype"] = "bfloat16"

    whole = h5_model(folder / "good.h5", model(DENSE))
    return [weights_h5(), weights_h5(bfloat16), whole.read_bytes()]


def _array(folder):
    content = io.BytesIO()
    np.save(content, np.ones((3, 4)))
    return [content.getvalue()]


def _arrays(folder):
    content = io.BytesIO()
    np.savez_compressed(content, a=np.ones((3, 4)), b=np.arange(5))
    return [content.getvalue()]


def _tars(folder):
    contents = []
    for mode in ("w", "w:gz"):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode=mode) as tar:
            info = tarfile.TarInfo("words/list.txt")
            info.size = 5
            tar.addfile(info, io.BytesIO(b"words"))
        contents.append(content.getvalue())
    return contents


def _programs(folder):
    saved = saved_model_class()()
    graph = saved.meta_graphs.add()
    graph.graph_def.node.add(name="table", op="InitializeTableFromTextFileV2", input=["a", "b"])
    function = graph.graph_def.library.function.add()
    function.signature.name = "__inference_call"
    function.node_def.add(name="node", op="PyFunc", input=["a:0"])
    return [saved.SerializeToString(), _calls(saved_model_class()()).SerializeToString()]


def _calls(saved):
    """A program of functions that hand the name of a file on."""
    graph = saved.meta_graphs.add()
    graph.object_graph_def.nodes.add()
    for number, operation in enumerate(("InitializeTableFromTextFileV2", "PartitionedCall")):
        function = graph.graph_def.library.function.add()
        function.signature.name = f"__inference_{number}"
        function.signature.input_arg.add(name="a")
        function.node_def.add(name="b", op="Identity", input=["a"])
        node = function.node_def.add(name="c", op=operation, input=["b:output:0", "b:output:0"])
        node.attr["f"].func.name = "__inference_0"
    return saved


def _old_config(folder):
    """Layers of Keras 2 that call functions."""
    plain = {"function_type": "function", "output_shape": [4], "output_shape_type": "raw"}
    layers = [
        {"class_name": "Lambda", "config": {"function": "relu", "mask": None, **plain}},
        {"class_name": "TensorFlowOpLayer", "config": {"node_def": {"op": "AddV2"}}},
        {"class_name": "ClassMethod", "config": {"cls_symbol": "RaggedTensor"}},
        {"class_name": "Distiller", "config": {"teacher": None}},
    ]
    lambda_of_code = model(DENSE, layer("Lambda", function=[""]))
    return [json.dumps(config).encode() for config in (layers, lambda_of_code)]


def _verify_program(path):
    folder = path.with_name("saved_model_of_" + path.name)
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_bytes(path.read_bytes())
    kerazoo.verify(folder)


_YAML = (b"!!python/name:os.system ", b"&a ", b"*a", b"- ", b"? ", b"[", b"{", b"'", b'"', b": ")
_TFLITE = (
    lambda folder: [tflite(), seal(tflite()), tflite(custom("FlexErf"))],
    (b"\xff\xff\xff\x7f", b"\x00\x00\x01\x00"),
)
READERS = {
    "config": Reader("a.yaml", read_config, _configs, (*_YAML, b"|\n", b"\t", b"---\n", b"1e999")),
    "config scan": Reader("a.yaml", kerazoo.verify, _configs, _YAML),
    "weights": Reader("a.safetensors", read_weights, _weights, (b'"F16"', b"[", b"-1", b"null")),
    "weights scan": Reader("a.safetensors", kerazoo.verify, _weights, (b'"F16"', b"1e9", b"[]")),
    "tflite": Reader("a.tflite", _read_tflite, *_TFLITE),
    "tflite scan": Reader("a.tflite", kerazoo.verify, *_TFLITE),
    "hdf5 scan": Reader("a.h5", kerazoo.verify, _hdf5_files),
    "keras scan": Reader("a.keras", kerazoo.verify, _keras_files, (b"PK\x01\x02", b"../", b"{")),
    "json scan": Reader(
        "a.json",
        kerazoo.verify,
        _old_config,
        (b'"class_name": ', b'"module": ', b"null", b"[", b"{", b"1e400", b"{}", b'"config": 1,'),
    ),
    "numpy scan": Reader("a.npy", kerazoo.verify, _array, (b"(", b"'|O'", b"9" * 20)),
    "npz scan": Reader("a.npz", kerazoo.verify, _arrays, (b"PK\x03\x04", b"(")),
    "tar scan": Reader("a.tar.gz", kerazoo.verify, _tars, (b"../", b"ustar", b"\x00" * 512)),
    "pickle scan": Reader(
        "a.pkl",
        kerazoo.verify,
        lambda folder: [pickle.dumps({"a": [1, "b", b"c"]}, protocol) for protocol in range(6)],
        (b"cos\nsystem\n", b"\x93", b"\x94", b"\x8c\x02os", b"R", b"."),
    ),
    "program scan": Reader("a.pb", _verify_program, _programs, (b"\x0a\xff\xff\xff\x7f",)),
}


def spoil(good: list[bytes], tokens: tuple[bytes, ...], rng: random.Random) -> bytes:
    """One of the good files with one to eight changes."""
    content = bytearray(rng.choice(good))
    for _ in range(rng.choice([1, 1, 1, 2, 4, 8])):
        start = rng.randrange(len(content) + 1)
        end = min(start + rng.choice([1, 2, 4, 8, 64, 1 << 20]), len(content))
        part = bytes(content[start:end])
        other = rng.choice(good)
        place = rng.randrange(len(other))
        content[start:end] = rng.choice(
            [
                bytes([part[0] ^ 1 << rng.randrange(8)]) + part[1:] if part else b"",
                rng.randbytes(len(part)),
                rng.choice([b"\x00", b"\x01", b"\x7f", b"\xff"]) * min(len(part), 8) + part[8:],
                b"",
                part * 2,
                other[place : place + 64] + part,
                rng.choice(tokens or (b"\xff",)) + part,
                rng.choice(tokens or (b"\xff",)) * rng.choice([1, 30, 3000]) + part,
            ]
        )
    return bytes(content)


def try_to_read(reader: Reader, content: bytes, folder: Path) -> bool:
    """Whether the reader took it. Anything but one of our own errors, of one line, goes through."""
    path = folder / reader.name
    path.write_bytes(content)
    told = ""
    try:
        reader.read(path)
    except KerazooError as error:
        told = str(error)
    assert "\n" not in told, repr(told)
    return not told
