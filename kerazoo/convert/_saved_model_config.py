"""The Keras config that a SavedModel carries beside its program, which is not loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kerazoo.convert._saved_json import parse_json
from kerazoo.errors import ConversionError
from kerazoo.foreign.program_file import varint


def saved_model_config(folder: Path) -> dict[str, Any]:
    """`{"class_name": ..., "config": ...}` of the model at the root.

    Keras 2 since TensorFlow 2.5 keeps it in keras_metadata.pb, earlier ones in saved_model.pb.

    Raises:
        ConversionError: there is none: the SavedModel was not written by Keras 2.
    """
    file = folder / "keras_metadata.pb"
    try:
        text = _from_metadata(file) if file.is_file() else _from_program(folder)
    except (IndexError, ValueError, OSError) as error:
        raise ConversionError(f"{folder.name} cannot be read: it is damaged.") from error
    config = parse_json(text, "SavedModel's Keras config") if text else {}
    if not isinstance(config, dict) or "class_name" not in config:
        raise ConversionError(
            f"{folder.name} is a SavedModel without a Keras 2 model in it. "
            "kerazoo.hub.HubLayer runs any SavedModel as a layer."
        )
    return {"class_name": config["class_name"], "config": config.get("config") or {}}


def _from_metadata(file: Path) -> str:
    """The root's metadata in `SavedMetadata` (tf_keras/protobuf/saved_metadata.proto): field 1
    repeats a node, whose field 3 is its path and field 5 the metadata."""
    for number, node in _fields(file.read_bytes()):
        if number == 1:
            parts = dict(_fields(node))
            if parts.get(3) == b"root":
                return parts.get(5, b"").decode()
    return ""


def _from_program(folder: Path) -> str:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString((folder / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise ValueError("damaged") from error
    nodes = model.meta_graphs[0].object_graph_def.nodes
    return nodes[0].user_object.metadata if nodes else ""


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    """The fields of a protocol buffer that are bytes; numbers are passed over."""
    found, at = [], 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            _, at = varint(data, at)
        elif key & 7 == 2:
            length, at = varint(data, at)
            if at + length > len(data):
                raise ValueError("A field is longer than its message.")
            found.append((key >> 3, data[at : at + length]))
            at += length
        elif key & 7 in (1, 5):
            at += 8 if key & 7 == 1 else 4
        else:
            raise ValueError(f"Unknown wire type {key & 7}.")
    return found
