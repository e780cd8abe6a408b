"""TensorFlow's protocol buffers, without the half a minute that importing TensorFlow can take.

The modules that TensorFlow generates hold their schema as one literal each. It is read from their
text, so the installed version's own fields are known, and none of its code runs.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

from kerazoo.errors import MissingDependencyError

_SCHEMA = re.compile(r"AddSerializedFile\((b'.*')\)$", re.MULTILINE)


def saved_model_class() -> Any:
    """The class of `tensorflow.SavedModel` messages. Raises as `message_class`."""
    return message_class("core/protobuf/saved_model", "SavedModel")


@cache
def message_class(file: str, name: str) -> Any:
    """The class of the messages `name` that TensorFlow's `file`.proto describes.

    Raises:
        MissingDependencyError: TensorFlow is not installed.
    """
    from google.protobuf import message_factory

    pool = _pool()
    _add(f"tensorflow/{file}.proto", pool)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tensorflow.{name}"))


@cache
def _pool() -> Any:
    """One of our own: TensorFlow puts the same names into the default one."""
    from google.protobuf import descriptor_pool

    return descriptor_pool.DescriptorPool()


@cache
def _folder() -> Path:
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError("Reading SavedModels needs TensorFlow: pip install tensorflow")
    return Path(spec.submodule_search_locations[0]).parent


@cache
def _add(file: str, pool: Any) -> None:
    """Add a schema and those that it imports to the pool."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    text = (_folder() / file.replace(".proto", "_pb2.py")).read_text(encoding="utf-8")
    found = _SCHEMA.search(text)
    assert found is not None, f"{file} is in no form that protobuf's generator writes"
    content = ast.literal_eval(found[1])
    for needed in FileDescriptorProto.FromString(content).dependency:
        _add(needed, pool)
    pool.AddSerializedFile(content)
